"""One mail as a page for a browser: the headers, and its HTML with the pictures that travel inside it.

Rule: looking at it fetches nothing and runs nothing, so no server learns that somebody looks: pictures of the web stay empty.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from urllib.parse import unquote

from mailmerge_cli.mailbox.parsed import Parsed
from mailmerge_cli.mailbox.show import head_of

_CID = re.compile(r"\bcid:([^\"'\s)>]+)", re.IGNORECASE)
_MOST = 30_000_000  # characters of pictures in one page: each use is a copy, and a browser holds them all
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
  body { margin: 0; height: 100vh; display: flex; flex-direction: column; font-family: sans-serif; }
  table { padding: 0.7em; background: #eeeeee; color: #222222; }
  th { text-align: left; font-weight: normal; color: #666666; padding-right: 1em; vertical-align: top; }
  td { width: 100%; overflow-wrap: anywhere; }
  iframe { flex: 1; border: 0; background: #ffffff; }
  p { margin: 0; padding: 0.7em; background: #fff3cd; color: #222222; }
  pre { margin: 1em; white-space: pre-wrap; }
"""


def page_of(path: Path) -> str:
    """The page of an .eml file; a mail without HTML is shown as its text."""
    mail = Parsed(path)
    head = "".join(f"<tr><th>{escape(name)}<td>{escape(value)}</tr>\n" for name, value in head_of(mail))
    return (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(mail.header('Subject'))}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<table>\n{head}</table>\n{_body(mail)}\n</body>\n</html>\n"
    )


def _body(mail: Parsed) -> str:
    """A frame of its own keeps the mail's styles off the headers; a frame of this kind inherits the page's policy."""
    if not mail.html:
        return f"<pre>{escape(mail.text)}</pre>"
    html, left_out = _illustrated(mail)
    times = "1 picture is" if left_out == 1 else f"{left_out} pictures are"
    note = (
        f"<p>{times} left out here: the page would get too large. The mail has all.</p>\n" if left_out else ""
    )
    return f'{note}<iframe sandbox srcdoc="{escape(html)}"></iframe>'


def _illustrated(mail: Parsed) -> tuple[str, int]:
    """The HTML with its pictures set in, and at how many places there was no room for one."""
    urls: dict[str, str | None] = {}
    room, left_out = _MOST, 0

    def shown(found: re.Match[str]) -> str:
        nonlocal room, left_out
        name = unquote(found[1])
        if name not in urls:
            urls[name] = mail.picture_url(name)
        if (url := urls[name]) is None:
            return found[0]
        if len(url) > room:
            left_out += 1
            return found[0]
        room -= len(url)
        return url

    return _CID.sub(shown, mail.html), left_out
