"""Mail merge from Excel or CSV: checks everything first, never sends twice, says what became of every mail."""

__version__ = "0.1.0"
