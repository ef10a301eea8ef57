"""The door: answers `--version` without loading anything, hands everything else to the command line."""

from __future__ import annotations

import sys


def run() -> None:
    """Console script and `python -m mailmerge_cli`."""
    if sys.argv[1:] == ["--version"]:
        from mailmerge_cli import __version__

        sys.stdout.write(f"mailmerge-cli {__version__}\n")
        return
    from mailmerge_cli.cli.main import main

    try:
        sys.exit(main(sys.argv[1:]))
    finally:
        import gc

        gc.freeze()  # what is left goes with the process: to look through all of it for cycles takes longer than many a command


if __name__ == "__main__":
    run()
