"""One mail as a page for a browser."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mailmerge_cli.mailbox.page import page_of


class _Frame(HTMLParser):
    """Keeps the attributes of the tags that there are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: dict[str, dict[str, str | None]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = dict(attrs)


def page(folder: Path, mail: EmailMessage) -> str:
    file = folder / "mail.eml"
    file.write_bytes(mail.as_bytes(policy=SMTP))
    return page_of(file)


def mail_of(html: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "<script>a & b"
    mail["To"] = '"Mei" <mei@example.org>'
    mail.set_content("words\n")
    mail.add_alternative(html, subtype="html")
    return mail


def test_the_html_is_shown_with_its_pictures(tmp_path: Path) -> None:
    """What `cid:` names is set in, however it is quoted; what is not in the mail stays as it is."""
    html = '<p class="a">Mei & 1 &lt; 2</p><img src=\'cid:a%2Bb@example.org\'><img src=cid:none><i style="background:url(cid:a+b@example.org)">'
    mail = mail_of(html)
    mail.get_payload()[1].add_related(  # type: ignore[index, union-attr]
        b"png", maintype="image", subtype="png", cid="<a+b@example.org>", disposition="inline"
    )
    shown = _Frame(page(tmp_path, mail)).tags["iframe"]["srcdoc"]

    assert shown is not None
    data = "data:image/png;base64,cG5n"
    assert shown.strip() == html.replace("cid:a%2Bb@example.org", data).replace("cid:a+b@example.org", data)


def test_the_page_runs_and_fetches_nothing(tmp_path: Path) -> None:
    """A frame without any right, a policy without any source but the page itself, headers that are no markup."""
    whole = page(tmp_path, mail_of("<script>alert(1)</script><img src='https://example.org/seen?by=mei'>"))
    tags = _Frame(whole).tags

    assert tags["iframe"].get("sandbox", "missing") is None
    policy = tags["meta"]["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert {"script", "img"} & set(tags) == set()
    assert "&lt;mei@example.org&gt;</tr>" in whole
    assert "<td>&lt;script&gt;a &amp; b" in whole


def test_a_mail_of_text_alone_is_its_text(tmp_path: Path) -> None:
    """No frame; the words as they stand, no markup in them."""
    mail = EmailMessage()
    mail.set_content("a < b\n  <b>c</b>\n")

    assert "<pre>a &lt; b\n  &lt;b&gt;c&lt;/b&gt;\n</pre>" in page(tmp_path, mail)


def test_a_picture_that_is_used_often_does_not_fill_the_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each use is a copy: what goes beyond the limit stays out, smaller ones after it come in, and a note says so."""
    monkeypatch.setattr("mailmerge_cli.mailbox.page._MOST", 200)
    mail = mail_of('<img src="cid:big">' * 3 + '<img src="cid:small"><img src="cid:none">')
    for name, size in (("big", 100), ("small", 1)):
        mail.get_payload()[1].add_related(  # type: ignore[index, union-attr]
            b"x" * size, maintype="image", subtype="png", cid=f"<{name}>", disposition="inline"
        )
    whole = page(tmp_path, mail)
    shown = _Frame(whole).tags["iframe"]["srcdoc"]

    assert shown is not None
    assert (2, 2) == (shown.count("cid:big"), shown.count("data:image/png;base64,"))
    assert 'src="data:image/png;base64,eA=="' in shown
    assert "2 pictures are left out here" in whole
