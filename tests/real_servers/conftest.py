"""One Postfix with many doors, one policy server behind one of them; Exim and sendmail. Each is started once in a process of pytest."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from real_servers.trial import PASSWORD, USER, remove
from support.exim import Exim
from support.policy import Greylist
from support.postfix import IMPLICIT_TLS, REFUSING, SUBMISSION, Postfix, logins_missing
from support.private_server import PrivateServer
from support.sendmail import Sendmail

Kind = TypeVar("Kind", bound=PrivateServer)
EXTRA = """\
anvil_rate_time_unit = 2s
smtpd_client_event_limit_exceptions =
recipient_delimiter = +
service_throttle_time = 2s
"""


@pytest.fixture(scope="session")
def outside() -> Iterator[Path]:
    """A folder that is not below pytest's own, which is shut to all but its owner: a server is many users."""
    folder = Path(tempfile.mkdtemp(prefix="servers-"))
    folder.chmod(0o755)
    yield folder
    remove(folder)


@pytest.fixture(scope="session")
def greylist() -> Iterator[Greylist]:
    """What stands behind the door `greylisted`."""
    with Greylist() as greylist:
        yield greylist


@pytest.fixture(scope="session")
def postfix(outside: Path, greylist: Greylist) -> Iterator[Postfix]:
    """Every limit that Postfix can be given, each at a door of its own."""
    if missing := logins_missing():
        pytest.skip(missing)
    asked = f"check_policy_service inet:127.0.0.1:{greylist.port}, permit_mynetworks, reject"
    doors = {
        "submission": SUBMISSION,
        "smtps": IMPLICIT_TLS,
        "owned": {
            **SUBMISSION,
            "smtpd_sender_login_maps": f"inline:{{{{{USER} = {USER}}}}}",
            "smtpd_sender_restrictions": "reject_sender_login_mismatch",
        },
        "refusing": {**REFUSING, "smtpd_client_connection_count_limit": "0"},
        "greylisted": {"smtpd_recipient_restrictions": asked},
        "small": {"message_size_limit": "60000"},
        "small, not told": {"message_size_limit": "60000", "smtpd_discard_ehlo_keywords": "size"},
        "slow": {"smtpd_client_message_rate_limit": "4"},
        "slow recipients": {"smtpd_client_recipient_rate_limit": "4"},
        "slow connections": {"smtpd_client_connection_rate_limit": "3"},
        "crowded": {"smtpd_client_connection_count_limit": "2"},
        "strict": {**REFUSING, "smtpd_hard_error_limit": "3", "smtpd_soft_error_limit": "2"},
    }
    with Postfix(outside / "postfix", EXTRA, doors=doors, users={USER: PASSWORD}) as postfix:
        yield postfix


@pytest.fixture(scope="session")
def exim(outside: Path) -> Iterator[Exim]:
    """Debian's."""
    yield from _started(Exim, outside / "exim")


@pytest.fixture(scope="session")
def sendmail(outside: Path) -> Iterator[Sendmail]:
    """Debian's."""
    yield from _started(Sendmail, outside / "sendmail")


def _started(kind: type[Kind], home: Path) -> Iterator[Kind]:
    if missing := kind.missing():
        pytest.skip(missing)
    with kind(home) as server:
        yield server


@pytest.fixture(params=["postfix", "exim", "sendmail"])
def server(request: pytest.FixtureRequest) -> PrivateServer:
    """Each of the three; its maildir is empty."""
    server: PrivateServer = request.getfixturevalue(request.param)
    server.forget()
    return server
