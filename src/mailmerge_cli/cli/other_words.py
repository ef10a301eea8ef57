"""Options of the older mailmerge (awdeorio/mailmerge) and what they are called here, for those who come from there."""

from __future__ import annotations

_SEND = "`mailmerge send` asks and sends, `mailmerge check` only looks"

OURS = {
    "--no-dry-run": f"{_SEND}; from a script it is `send --yes`.",
    "--dry-run": f"{_SEND}; `send --dry-run` is `check`.",
    "--sample": "A campaign to begin with: `mailmerge init`. One mail on the screen: `mailmerge preview`; sent to yourself: `mailmerge send --test ADDRESS`.",
    "--limit": "here it is `mailmerge send --limit N`; `mailmerge send` without it sends all.",
    "--no-limit": "nothing is limited here unless you say so: `mailmerge send` sends all, `send --limit N` the first N.",
    "--resume": "the same `mailmerge send` once more goes on where it stopped, and nobody gets two.",
    "--template": "the message is `--message` (-m) of `mailmerge send`, `check` and `preview`.",
    "--database": "the list is `--recipients` (-r) of `mailmerge send`, `check` and `preview`.",
    "--config": "the server is an account here: `mailmerge account add` makes one, `mailmerge send --account NAME` takes it.",
}
"""Option → a sentence that names ours, with its command, since it is told whatever command it was typed with."""
