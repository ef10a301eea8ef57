"""Finding a transport by its name; and what a start of the program must not pay for."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mailmerge_cli.errors import ConfigFault
from mailmerge_cli.model.account import Account
from mailmerge_cli.transports.registry import open_transport
from support.feeds import KnownSecrets


def test_built_in(tmp_path: Path) -> None:
    """`smtp` and `outbox` are there."""
    assert open_transport(Account("a", host="127.0.0.1", port=25), KnownSecrets()).name == "smtp"
    assert open_transport(Account("a", kind="outbox", folder=tmp_path), KnownSecrets()).name == "outbox"


def test_unknown() -> None:
    """An unknown kind is an error that lists the known ones."""
    with pytest.raises(ConfigFault, match="pigeon") as caught:
        open_transport(Account("a", kind="pigeon"), KnownSecrets())
    assert "smtp, outbox" in caught.value.hint


def others(*targets: tuple[str, str]):
    return lambda group: [EntryPoint(name, target, group) for name, target in targets]


def test_other_packages_bring_transports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An entry point's class is used; it cannot take a built-in name over."""
    target = "mailmerge_cli.transports.outbox:OutboxTransport"
    monkeypatch.setattr(importlib.metadata, "entry_points", others(("pigeon", target), ("smtp", target)))
    assert open_transport(Account("a", kind="pigeon", folder=tmp_path), KnownSecrets()).name == "outbox"
    assert open_transport(Account("a", host="127.0.0.1", port=25), KnownSecrets()).name == "smtp"


def test_a_package_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken plug-in is named, without a traceback."""
    monkeypatch.setattr(importlib.metadata, "entry_points", others(("pigeon", "no_such_module:X")))
    with pytest.raises(ConfigFault, match="no_such_module"):
        open_transport(Account("a", kind="pigeon"), KnownSecrets())


def test_the_registry_is_light() -> None:
    """Importing the registry loads neither asyncio nor ssl."""
    code = "import sys, mailmerge_cli.transports.registry; print({'asyncio', 'ssl'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
