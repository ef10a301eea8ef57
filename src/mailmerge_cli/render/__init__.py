"""A row and a template become a message. Pure: the date is handed in, the disk is read for templates, images and attachments only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailmerge_cli.render.fault import RowFault as RowFault
    from mailmerge_cli.render.letter import Attachment as Attachment
    from mailmerge_cli.render.letter import Letter as Letter
    from mailmerge_cli.render.phrase import Expression as Expression
    from mailmerge_cli.render.phrase import Phrase as Phrase
    from mailmerge_cli.render.scope import BUILT_IN_NAMES as BUILT_IN_NAMES
    from mailmerge_cli.render.template import Template as Template
    from mailmerge_cli.render.words import format_mailbox as format_mailbox

_ROOMS = {
    "Attachment": "letter",
    "BUILT_IN_NAMES": "scope",
    "Expression": "phrase",
    "Letter": "letter",
    "Phrase": "phrase",
    "RowFault": "fault",
    "Template": "template",
    "format_mailbox": "words",
}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are asked for: Jinja costs every command that needs none of this."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
