"""Django's mail: its templates compiled once, EmailMultiAlternatives, one connection kept open.

python django_mail.py PORT FOLDER
"""

import csv
import sys
from pathlib import Path

import django
from django.conf import settings


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    settings.configure(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=port,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    )  # fmt: skip
    django.setup()
    from django.core.mail import EmailMultiAlternatives, get_connection
    from django.template import Context, Template

    text = Template((folder / "body.txt").read_text(encoding="utf-8"))
    html = Template((folder / "body.html").read_text(encoding="utf-8"))
    with (folder / "people.csv").open(encoding="utf-8", newline="") as people, get_connection() as connection:
        for row in csv.DictReader(people):
            message = EmailMultiAlternatives(
                f"Your token {row['token']}", text.render(Context(row, autoescape=False)),
                "Office <office@example.org>", [row["email"]], connection=connection,
            )  # fmt: skip
            message.attach_alternative(html.render(Context(row)), "text/html")
            message.send()


if __name__ == "__main__":
    main()
