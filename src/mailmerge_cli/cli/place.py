"""Where a campaign's ledger is, for commands on what has become of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailmerge_cli.campaign.runs import find_run
from mailmerge_cli.cli.options import Inputs, InputsOnKeys, OnKeys, Where
from mailmerge_cli.config.campaign_file import load_campaign
from mailmerge_cli.config.options import CampaignOptions
from mailmerge_cli.config.places import campaign_state, results_path
from mailmerge_cli.errors import LedgerFault, Refused, UsageFault
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.lock import CampaignLock, is_held
from mailmerge_cli.model.campaign import Campaign
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.report.log_file import is_result_workbook

_LOGS = "logs"  # in the folder of a ledger without a campaign file: the result logs that it wrote


@dataclass(frozen=True, slots=True)
class Place:
    """A campaign and the folder of its state."""

    campaign: Campaign
    state: Path

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.state / "ledger.sqlite3"

    @property
    def lock(self) -> Path:
        """The campaign's lock."""
        return self.state / "lock"

    @property
    def home(self) -> Path:
        """The real folder that the ledger belongs to."""
        return self.campaign.folder.resolve()

    def results(self, label: str) -> Path:
        """The run's result log.

        Without a campaign file its name has no list in it; where another list's log has taken it, this list's name is added.
        """
        log = self._results(label)
        if self.campaign.file is None and str(log) in self._claimed_by_others():
            list_name = Path(self.campaign.recipients.file).stem or "stdin"
            return log.with_name(f"{log.stem.removesuffix(label)}{list_name}-{label}.csv")
        return log

    def _results(self, label: str) -> Path:
        if not self.campaign.results:
            return results_path(self.campaign, label, Path.cwd())
        if "{" not in self.campaign.results:
            return self.campaign.folder / self.campaign.results
        from mailmerge_cli.render.phrase import Phrase

        names = {"run": label, "campaign": self.campaign.name}
        return self.campaign.folder / Phrase(self.campaign.results, constants=names, what="results")()

    def claim(self, log: Path) -> None:
        """Note that this log is this ledger's, so that the same message with another list leaves it alone."""
        if self.campaign.file is None and str(log) not in _lines_of(self.state / _LOGS):
            (self.state / _LOGS).touch(mode=0o600)
            with (self.state / _LOGS).open("a", encoding="utf-8") as file:
                file.write(f"{log}\n")

    def _claimed_by_others(self) -> set[str]:
        others = (file for file in self.state.parent.glob(f"*/{_LOGS}") if file.parent != self.state)
        return {line for file in others for line in _lines_of(file)}

    @contextmanager
    def reading(self) -> Iterator[Ledger]:
        """The ledger, read only; Refused if nothing was ever sent here."""
        ledger = Ledger.read(self.ledger, sender_alive=is_held(self.lock))
        if ledger is None:
            self.refuse_lost_ledger()
            raise Refused("There is no run of this campaign yet; `mailmerge send` begins one.")
        with ledger:
            yield ledger

    @contextmanager
    def writing(self, *, adopt: bool = False, must_exist: bool = False) -> Iterator[Ledger]:
        """The ledger under the campaign's lock, recovered; Stopped (75, `locked`) if somebody works on it."""
        if not self.ledger.exists():
            self.refuse_lost_ledger()
            if must_exist:
                raise Refused("There is no run of this campaign yet; `mailmerge send` begins one.")
        with (
            CampaignLock(self.lock, home=self.home),
            Ledger.open(self.ledger, home=self.home, adopt=adopt) as ledger,
        ):
            ledger.recover()
            yield ledger

    def refuse_lost_ledger(self) -> None:
        """A result log without a ledger means that mails went out which nobody remembers: nothing is begun afresh."""
        pattern = self._results("*")
        others = self._claimed_by_others() if self.campaign.file is None else set()
        found = (log for log in pattern.parent.glob(pattern.name) if str(log) not in others)
        logs = sorted(log for log in found if _is_result_log(log))
        if logs:
            raise LedgerFault(
                f"The ledger {self.ledger} is missing, but {logs[-1]} tells of mails that were sent. Without the ledger "
                "they would be sent again.",
                hint=f"{self._elsewhere()}Put the ledger back. If these mails are of no concern any more, move the result log away.",
            )

    def _elsewhere(self) -> str:
        """Without a campaign file the ledger lies where HOME says, which cron and sudo may have changed."""
        if self.campaign.file is not None:
            return ""
        return (
            "If they were sent as another user or with another HOME (cron, sudo), run it as then: with the same HOME or MAILMERGE_HOME, "
            "or name the ledger's folder with --state-dir. "
        )


def _lines_of(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _is_result_log(log: Path) -> bool:
    with log.open("rb") as file:
        if log.suffix.lower() == ".xlsx":
            return is_result_workbook(file)
        if log.suffix.lower() == ".jsonl":
            return file.read(9).startswith(b'{"run": "')
        return file.read(64).removeprefix(b"\xef\xbb\xbf").startswith(b"run,row,key")


def spool_for(place: Place, label: str) -> Path | None:
    """Where a list from standard input is kept until its run has ended; None for a list that is a file."""
    return place.state / f"{label}.list" if place.campaign.recipients.file == "-" else None


def place_of(where: Where | OnKeys | Inputs | InputsOnKeys, *, complete: bool = False) -> Place:
    """The campaign that the options name, and where its ledger is."""
    options = CampaignOptions(recipients=where.recipients, message=where.message)
    campaign = load_campaign(campaign_path(where), options, Path.cwd(), complete=complete)
    return Place(campaign, campaign_state(campaign, where.state_dir))


def campaign_path(where: Where | OnKeys | Inputs | InputsOnKeys) -> Path | None:
    """The campaign as typed, in either of the two ways."""
    if where.campaign is not None and where.campaign_option is not None:
        raise UsageFault("The campaign is given twice, as a word and with --campaign; give it once.")
    return where.campaign or where.campaign_option


def run_of(ledger: Ledger, where: Where | OnKeys | InputsOnKeys) -> Run:
    """The run that a command is about."""
    return find_run(ledger, where.run or "")
