"""Options of the older mailmerge (awdeorio/mailmerge) and what they are called here, for those who come from there."""

from __future__ import annotations

_SEND = "`mailmerge send` asks and sends, `mailmerge check` only looks"

OURS = {
    "--no-dry-run": f"{_SEND}; from a script it is `send --yes`.",
    "--dry-run": f"{_SEND}; `send --dry-run` is `check`.",
    "--sample": "One mail on the screen: `mailmerge preview`; sent to yourself: `mailmerge send --test ADDRESS`.",
    "--limit": "It goes with `mailmerge send`: `send --limit N`. Without it, all are sent.",
    "--no-limit": "Nothing is limited here unless you say so: `mailmerge send` sends all, `send --limit N` the first N.",
    "--resume": "The same `mailmerge send` once more goes on where it stopped, and nobody gets two.",
    "--template": "The message is `--message` (-m) here.",
    "--database": "The list is `--recipients` (-r) here.",
    "--config": "The server is an account here: `mailmerge account add` makes one, `--account NAME` takes it.",
}
"""Option → a sentence that names ours."""
