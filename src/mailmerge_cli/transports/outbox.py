"""The outbox: each mail becomes one .eml file in a folder of this machine; nothing leaves it.

Rule 1: a mail is there whole or not at all: written beside, synced, then renamed.
Rule 2: the same Message-ID is the same mail: a second attempt finds the first one's file and writes none.
Rule 3: files 0600, the folder 0700 where we make it: they hold what the mails hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from mailmerge_cli.errors import ConfigFault, Unreachable
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.mail import Advice, Blame, Mail, Outcome, Settlement, Verdict
from mailmerge_cli.model.transport import Feed, Limits

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_STEM = 80


class OutboxTransport:
    """A folder as a server that takes everything."""

    def __init__(
        self,
        account: Account,
        credentials: Credentials,  # noqa: ARG002 - a folder wants no login; each transport is made the same way
        trace: Callable[[str], None] | None = None,
    ) -> None:
        if account.folder is None:
            raise ConfigFault(f"The account {account.name} names no folder.", hint="Write it as outbox:DIR.")
        self.name = "outbox"
        self.limits = Limits(connections=1)
        self._folder = account.folder
        self._trace = trace

    async def check(self) -> None:
        """The folder is there and takes files."""
        self._open_folder()
        try:
            with tempfile.TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise self._unusable(error) from error

    async def carry(self, feed: Feed) -> None:
        """One mail after the other; each is begun, written and held until the next begin shares its commit."""
        held: Settlement | None = None
        begun: Mail | None = None
        try:
            while True:
                if held and not feed.ready():
                    held, settled = None, held
                    await feed.commit(settled, None)
                mail = await feed.take()
                if mail is None:
                    break
                held, settled, begun = None, held, mail
                await feed.commit(settled, mail)
                held, begun = Settlement(mail, self._keep(mail)), None
        except BaseException:
            rest = [held] if held else []
            if begun:
                rest.append(Settlement(begun, Outcome(Verdict.RELEASED, text="interrupted", phase="content")))
            with contextlib.suppress(Exception):
                for settlement in rest:
                    await feed.commit(settlement, None)
            raise
        if held:
            await feed.commit(held, None)

    def _keep(self, mail: Mail) -> Outcome:
        target = self._folder / _file_name(mail)
        try:
            if not target.exists():
                self._open_folder()
                _write_whole(target, mail)
        except (OSError, Unreachable) as error:
            return Outcome(
                Verdict.DEFERRED,
                Blame.TRANSPORT,
                Advice.STOP,
                text=f"The file could not be written: {getattr(error, 'strerror', None) or error}",
                phase="content",
                hint=f"Check the folder {self._folder} and the disk.",
            )
        if self._trace:
            self._trace(f"wrote {target.name}")
        return Outcome(
            Verdict.ACCEPTED,
            code=250,
            text=f"written to {target.name}",
            remote_id=target.name,
            phase="end of data",
        )

    def _open_folder(self) -> None:
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> Unreachable:
        return Unreachable(
            f"The outbox {self._folder} cannot be used: {error.strerror or error}.",
            hint="Choose a folder that can be written.",
        )


def _file_name(mail: Mail) -> str:
    """From the Message-ID, so that the same mail finds its file; made safe for every file system, and still one to one."""
    name = mail.message_id.strip("<>") or f"delivery-{mail.delivery}"
    safe = _UNSAFE.sub("_", name)[:_STEM].strip("._") or "mail"
    if safe != name:
        safe += "-" + hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{safe}.eml"


def _write_whole(target: Path, mail: Mail) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")  # 0600 whatever the umask
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(mail.content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """The rename itself must survive a power cut, too. Not every system lets a folder be opened (Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
