"""Whom and what every private server of the tests refuses, and at which step. Each says it in the language of its own configuration."""

SENDER, SENDER_FOR_NOW = "bad@example.org", "later@example.org"
"""At MAIL: 550 5.7.1, 451 4.3.0."""
RECIPIENT, RECIPIENT_FOR_NOW, RECIPIENT_WITH_421 = (
    "nobody@example.org",
    "later@example.org",
    "bye@example.org",
)
"""At RCPT: 550 5.1.1, 450 4.2.1, 421 4.3.2."""
AT_DATA = "nodata@example.org"
"""A sender: 554 5.7.1, but at DATA only."""
HEADER = "X-Refuse"
"""A message with it: 554 5.7.1 at the end of data."""
SIZE = 1 << 20
"""Octets; a larger message: 552."""
