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
    except (
        OSError
    ) as error:  # of the version or of a help page; commands tell what they cannot write themselves
        code = _unheard(error)
    finally:
        import gc

        gc.freeze()  # what is left goes with the process: to look through all of it for cycles takes longer than many a command
    sys.exit(code)


def _answer(words: list[str]) -> int:
    if words == ["--version"]:
        from mailmerge_cli import __version__

        sys.stdout.write(f"mailmerge-cli {__version__}\n")
        return 0
    from mailmerge_cli.cli.main import main

    return main(words)


def _fill_what_is_closed() -> None:
    """Some daemons start a command with its standard streams closed; the ledger must not become number 1."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  as long as the process


def _unheard(error: OSError) -> int:
    """Standard output is full (74), or its reader has gone, which is no fault; Python would say so once more at its end."""
    from mailmerge_cli.errors import LedgerFault

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):
        return 0
    sys.stderr.write(f"Error: standard output cannot be written: {error.strerror}\n")
    return LedgerFault.exit_code


if __name__ == "__main__":
    run()
