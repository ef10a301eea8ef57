"""The number format of each cell style."""

from __future__ import annotations

from mailmerge_cli.display import builtin_code
from mailmerge_cli.sources.xlsx.package import Attributes, Package, local


def read_codes(package: Package, part: str) -> tuple[str, ...]:
    """Format codes by the number that a cell's `s` attribute holds; just `General` for a book without styles."""
    if not part or part not in package:
        return ("General",)
    own: dict[int, str] = {}
    numbers: list[int] = []
    inside = False

    def start(name: str, attributes: Attributes) -> None:
        nonlocal inside
        if name == "cellXfs":
            inside = True
        elif name == "numFmt":
            # A book may say what a built-in number looks like on the machine where it was made; that counts.
            own[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "General")
        elif name == "xf" and inside:
            numbers.append(_number(attributes.get("numFmtId")))

    def end(name: str) -> None:
        nonlocal inside
        if local(name) == "cellXfs":
            inside = False

    parser = package.parser(part)
    parser.StartElementHandler = lambda name, attributes: start(
        local(name), {local(key): value for key, value in attributes.items()}
    )
    parser.EndElementHandler = end
    for _ in package.feed(part, parser, 64 << 20):
        pass
    return tuple(own.get(number, builtin_code(number)) for number in numbers) or ("General",)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0
