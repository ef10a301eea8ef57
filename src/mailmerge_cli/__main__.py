"""The door: answers `--version` without loading anything, hands everything else to the command line.

Rule: behind it the standard streams are there, if only to and from nowhere, and no file that is opened gets their numbers.
"""

from __future__ import annotations

import os
import sys


def run() -> None:
    """Console script and `python -m mailmerge_cli`."""
    _fill_what_is_closed()
    try:
        code = _answer(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        # Commands tell by themselves what they cannot write; this is of the version, or of a help page.
        code = _unheard(error)
    except KeyboardInterrupt:  # between the end of a command and here
        code = 130
    _put_out_the_light()
    sys.exit(code)


def _answer(words: list[str]) -> int:
    if words == ["--version"]:
        from mailmerge_cli import __version__

        sys.stdout.write(f"mailmerge-cli {__version__}\n")
        return 0
    from mailmerge_cli.cli.main import main

    return main(words)


def _put_out_the_light() -> None:
    """All is done and told: there is nothing left to interrupt, to wait for or to collect."""
    import gc
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "mailmerge_cli.offspring" in sys.modules:
        sys.modules["mailmerge_cli.offspring"].end_all()
    gc.freeze()  # to look through all that is left for cycles takes longer than many a command


def _fill_what_is_closed() -> None:
    """Some daemons start a command with its standard streams closed; the ledger must not become number 1."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  as long as the process


def _unheard(error: OSError) -> int:
    """Standard output is full (74), or its reader has gone, which is no fault; Python would say so once more at its end."""
    from contextlib import suppress

    from mailmerge_cli.errors import LedgerFault

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):
        return 0
    with suppress(OSError):
        sys.stderr.write(f"Error: standard output cannot be written: {error.strerror}\n")
    return LedgerFault.exit_code


if __name__ == "__main__":
    run()
