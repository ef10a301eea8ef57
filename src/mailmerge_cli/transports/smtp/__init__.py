"""SMTP: a protocol core without input and output (`reply`, `states`, `conversation`, `sasl`), and the connections that use it."""

from mailmerge_cli.transports.smtp.transport import SmtpTransport

__all__ = ["SmtpTransport"]
