"""Text as a sheet's XML holds it: never a formula, never markup, never a character that XML has not."""

from __future__ import annotations

import re

from mailmerge_cli.report.workbook import fitted

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LIKE_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def escaped(text: str) -> bytes:
    """`text` as the content of an XML element or of an attribute in double quotes."""
    text = _NO_XML.sub("\ufffd", text)
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").encode()
    )


def text_cell(prefix: bytes, reference: str, style: int | None, text: str) -> bytes:
    """A cell that is text whatever it begins with, shortened to what a cell holds.

    `_x000D_` would be read as an escape (ECMA-376 part 1, §22.9.2.19), so its first sign is one itself.
    """
    inner = escaped(_LIKE_ESCAPE.sub("_x005F_", fitted(text)))
    styled = b"" if style is None else b' s="%d"' % style
    return b'<%(p)sc r="%(r)s"%(s)s t="inlineStr"><%(p)sis><%(p)st xml:space="preserve">%(t)s</%(p)st></%(p)sis></%(p)sc>' % {
        b"p": prefix, b"r": reference.encode(), b"s": styled, b"t": inner,
    }  # fmt: skip
