"""The usual script: csv, Jinja templates compiled once, EmailMessage, smtplib, one connection.

python smtplib_loop.py PORT FOLDER
"""

import csv
import smtplib
import sys
from email.message import EmailMessage
from pathlib import Path

import jinja2


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    text = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined).from_string(
        (folder / "body.txt").read_text(encoding="utf-8")
    )
    html = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (folder / "body.html").read_text(encoding="utf-8")
    )
    with (
        (folder / "people.csv").open(encoding="utf-8", newline="") as people,
        smtplib.SMTP("127.0.0.1", port) as smtp,
    ):
        for row in csv.DictReader(people):
            message = EmailMessage()
            message["From"] = "Office <office@example.org>"
            message["To"] = row["email"]
            message["Subject"] = f"Your token {row['token']}"
            message.set_content(text.render(row))
            message.add_alternative(html.render(row), subtype="html")
            smtp.send_message(message)


if __name__ == "__main__":
    main()
