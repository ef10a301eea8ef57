"""Runs the property tests again and again, each time with other examples, for as long as you like.

    python tests/fuzz/run.py --minutes 10               # all targets in turn
    python tests/fuzz/run.py --minutes 10 replies rows  # only these

A target is a law of a test that runs in the ordinary suite too. At the first example that breaks one, the example is printed in its smallest form,
and the end is 1. Add it to the tests as an `@example` before you mend the fault.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

TARGETS: dict[str, tuple[str, ...]] = {
    "headers": (
        "property/test_headers.py::test_T13_subjects_are_read_as_they_were_meant",
        "property/test_headers.py::test_T13_each_encoded_word_holds_whole_characters",
        "property/test_headers.py::test_A03_names_never_change_who_is_addressed",
        "property/test_headers.py::test_A04_one_line_is_one_line_or_a_fault",
    ),
    "addresses": (
        "property/test_addresses.py::test_every_dot_atom_is_taken_whole",
        "property/test_addresses.py::test_any_text_is_an_address_or_a_fault",
        "property/test_addresses.py::test_texts_of_address_characters_are_addresses_or_faults",
        "property/test_addresses.py::test_written_mailboxes_are_read_again",
    ),
    "names": ("property/test_headers.py::test_B08_names_of_files_are_read_as_they_were_meant",),
    "mime": (
        "property/test_mime.py::test_T14_bodies_survive_their_encoding",
        "property/test_mime.py::test_messages_are_read_as_they_were_meant",
    ),
    "replies": (
        "unit/transports/test_reply.py::test_any_cut_gives_the_same",
        "unit/transports/test_reply.py::test_any_bytes_are_a_reply_or_botched",
        "unit/transports/test_conversation.py::test_no_bytes_break_it",
        "unit/transports/test_replies.py::test_Q12_anything_is_classified",
    ),
    "workbooks": (
        "property/test_workbooks.py::test_texts_are_read_as_they_were_stored",
        "property/test_workbooks.py::test_nearly_a_sheet_ends_in_rows_or_a_sentence",
        "property/test_workbooks.py::test_F23_damage_anywhere_ends_in_rows_or_a_sentence",
    ),
    "csv": (
        "property/test_csv_round_trip.py::test_round_trip",
        "property/test_csv_round_trip.py::test_any_bytes_end_in_rows_or_a_sentence",
        "property/test_csv_round_trip.py::test_sloppy_text_ends_in_rows_or_a_sentence",
    ),
    "rows": ("property/test_nobody_forgotten.py::test_rows_in_are_rows_accounted_for",),
}
"""Target → the laws, as pytest names them below `tests/`."""

Law = Callable[[], None]


def law(name: str) -> Law:
    """The test function of that name: it takes nothing and tries some new examples at each call."""
    file, _, function = name.partition("::")
    path = TESTS / file
    spec = importlib.util.spec_from_file_location(f"fuzz_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    if spec.name not in sys.modules:
        sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[spec.name])
    found: Law = getattr(sys.modules[spec.name], function)
    if inspect.signature(found).parameters or not hasattr(found, "hypothesis"):
        raise TypeError(f"{name} is no law of hypothesis alone")
    return found


def fuzz(names: list[str], seconds: float) -> int:
    """Calls all laws, and again until the time is over; says how often. 1 at the first that is broken."""
    laws = [(name, law(name)) for target in names for name in TARGETS[target]]
    end = time.monotonic() + seconds
    rounds = 0
    while not rounds or time.monotonic() < end:
        for name, hold in laws:
            try:
                hold()
            except Exception:
                print(f"{name} is broken:\n{traceback.format_exc()}", file=sys.stderr)
                return 1
        rounds += 1
    print(f"{len(laws)} laws hold, {rounds} rounds of new examples each.")
    return 0


def main(words: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Look for inputs that break a law.")
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=1.0)
    said = parser.parse_args(words)
    if unknown := set(said.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    sys.path.insert(0, str(TESTS))
    with tempfile.TemporaryDirectory() as home:
        # What tests/conftest.py gives each test: nothing of this machine's accounts is touched.
        os.environ |= {"MAILMERGE_HOME": home, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        return fuzz(said.targets or list(TARGETS), said.minutes * 60)


if __name__ == "__main__":
    sys.exit(main())
