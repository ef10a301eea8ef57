"""Sheets that Excel of today does not write: .xls and .xlsb (through python-calamine), .ods (read here)."""
