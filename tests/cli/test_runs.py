"""All of "Runs": which run, what differs, what is accepted, and that nobody gets a second mail by any of it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from support import arrivals
from support.program import LETTER, Ran, people, run_here, write_campaign, write_list
from support.scripted_smtp import ScriptedServer

TOML = """\
name = "trial"
account = "smtp+insecure://127.0.0.1:{port}"
{top}
[recipients]
file = "people.csv"
key = "id"
{recipients}
[message]
file = "letter.txt"
[sending]
{sending}
"""


class Trial:
    """A campaign of some people and a server that says what it is told to."""

    def __init__(self, folder: Path, server: ScriptedServer) -> None:
        self.folder, self.server = folder, server

    def write(
        self, rows: list[str], *, top: str = "", recipients: str = "", sending: str = "", message: str = ""
    ) -> None:
        toml = TOML.format(port=self.server.port, top=top, recipients=recipients, sending=sending)
        write_campaign(self.folder, rows, toml=toml, message=message)

    def send(self, *words: str) -> Ran:
        return run_here("send", self.folder, "--yes", "--json", *words)

    def got(self) -> Counter[str]:
        """How many mails each address has."""
        return Counter(mail.recipients[0] for mail in self.server.accepted)

    def states(self) -> dict[str, str]:
        import json

        ran = run_here("log", self.folder, "--format", "jsonl")
        return {one["key"]: one["state"] for one in map(json.loads, ran.out.splitlines())}


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with ScriptedServer() as server:
        yield Trial(tmp_path / "campaign", server)


def message_id(content: bytes) -> str:
    return str(message_from_bytes(content)["Message-ID"])


def once(*numbers: int) -> Counter[str]:
    return Counter({f"p{n}@example.org": 1 for n in numbers})


def test_K15_the_same_command_again_sends_nothing_and_repeats_the_code(trial: Trial) -> None:
    """Complete is complete."""
    trial.write(people(3))
    first, second = trial.send(), trial.send()

    assert (0, 3) == (first.code, first.json["sent_now"])
    assert (0, 0, "complete") == (second.code, second.json["sent_now"], second.json["outcome"])
    assert "already sent on" in second.err
    assert once(1, 2, 3) == trial.got()


def test_new_rows_are_refused_told_and_taken_in_when_accepted(trial: Trial) -> None:
    """Three rows more: 65 with the three; --accept-new sends just those."""
    trial.write(people(3))
    trial.send()
    write_list(trial.folder, people(6))
    refused = trial.send()

    assert (65, "changed", 0) == (refused.code, refused.json["reason"], refused.json["sent_now"])
    assert "3 new in the list" in refused.json["problems"][0]["message"]
    assert once(1, 2, 3) == trial.got()

    accepted = trial.send("--accept-new")
    assert (0, 3) == (accepted.code, accepted.json["sent_now"])
    assert once(1, 2, 3, 4, 5, 6) == trial.got()


def test_a_list_that_grows_daily_needs_no_word(trial: Trial) -> None:
    """grows = true: new keys go, the others have theirs."""
    trial.write(people(2), recipients="grows = true")
    for day in (4, 6, 6):
        trial.send()
        write_list(trial.folder, people(day))
    trial.send()

    assert once(1, 2, 3, 4, 5, 6) == trial.got()


def test_F24_the_order_of_rows_is_no_difference(trial: Trial) -> None:
    """A sorted list is the same list; nobody is known by his row."""
    trial.write(people(5))
    trial.send("--limit", "2")
    write_list(trial.folder, people(5)[::-1])
    second = trial.send()

    assert 0 == second.code
    assert once(1, 2, 3, 4, 5) == trial.got()


def test_F25_a_template_mended_half_way_reaches_only_who_has_nothing_yet(trial: Trial) -> None:
    """After some were sent the template changes: told, and with --accept-changes the others get the new one."""
    trial.write(people(20))
    trial.send("--limit", "6")
    (trial.folder / "letter.txt").write_text(LETTER.replace("your token is", "your new token is"))

    refused = trial.send()
    assert 65 == refused.code
    told = " ".join(problem["message"] for problem in refused.json["problems"])
    assert "6 have other content" in told
    assert "14 have other content" in told
    assert 65 == trial.send("--accept-new").code

    assert 0 == trial.send("--accept-changes").code
    again = trial.send()
    assert (0, 0) == (again.code, again.json["sent_now"])
    assert Counter({f"p{n}@example.org": 1 for n in range(1, 21)}) == trial.got()
    new = [mail for mail in trial.server.accepted if b"new token" in mail.content]
    assert 14 == len(new)


def test_a_row_left_out_and_mended_goes_and_nobody_else(trial: Trial) -> None:
    """on_invalid = send-others: exit 1; the mended address goes with --accept-changes."""
    rows = people(4)
    bad = [*rows[:2], "3,Person 3,p3 at example.org,tok000003x", rows[3]]
    trial.write(bad, sending='on_invalid = "send-others"')
    first = trial.send()
    assert (1, 3, 1) == (first.code, first.json["sent_now"], first.json["counts"]["invalid"])
    assert 1 == trial.send().code

    write_list(trial.folder, rows)
    assert 65 == trial.send().code
    mended = trial.send("--accept-changes")
    assert (0, 1) == (mended.code, mended.json["sent_now"])
    assert once(1, 2, 3, 4) == trial.got()


def test_K16_failed_rows_are_retried_with_their_new_address(tmp_path: Path) -> None:
    """A refused recipient fails; with a new address in the list and --retry-failed he gets his mail."""
    with ScriptedServer({"RCPT TO:<p2@": "550 5.1.1 no such user"}) as server:
        trial = Trial(tmp_path / "c", server)
        trial.write(people(3))
        first = trial.send()
        assert (1, "failed") == (first.code, first.json["reason"])
        assert 1 == trial.send().code

        rows = people(3)
        write_list(trial.folder, [rows[0], rows[1].replace("p2@", "new2@"), rows[2]])
        assert 65 == trial.send().code
        again = trial.send("--retry-failed")

    assert (0, 1) == (again.code, again.json["sent_now"])
    assert Counter({"p1@example.org": 1, "p3@example.org": 1, "new2@example.org": 1}) == trial.got()


def test_P11_a_failed_row_is_not_retried_by_itself(tmp_path: Path) -> None:
    """Without --retry-failed the refused recipient is asked for once only."""
    with ScriptedServer({"RCPT TO:<p2@": "550 5.1.1 no such user"}) as server:
        trial = Trial(tmp_path / "c", server)
        trial.write(people(3))
        trial.send()
        trial.send()
        asked = [line for line in server.lines if "p2@" in line]

    assert 1 == len(asked)


def test_F27_two_people_with_one_address(trial: Trial) -> None:
    """Refused by default; `skip` sends one mail, `send` one for each."""
    rows = ["1,Ann,shared@example.org,tokA", "2,Bob,Shared@example.org,tokB"]
    trial.write(rows)
    refused = trial.send()
    assert 65 == refused.code
    assert "duplicate" == refused.json["problems"][0]["kind"]

    trial.write(rows, recipients='duplicates = "skip"')
    skipped = trial.send()
    assert (0, 1, 1) == (skipped.code, skipped.json["sent_now"], skipped.json["counts"]["skipped"])

    trial.write(rows, recipients='duplicates = "send"')
    both = trial.send("--new-run")
    assert (0, 2) == (both.code, both.json["sent_now"])


def test_F27_one_person_twice_gets_one_mail_when_that_is_wished(tmp_path: Path) -> None:
    """Where the address is the key, duplicates = "skip" sends one mail, and the same list again is the same list."""
    with ScriptedServer() as server:
        toml = f'account = "smtp+insecure://127.0.0.1:{server.port}"\n[recipients]\nfile = "people.csv"\nduplicates = "skip"\n[message]\nfile = "letter.txt"\n'
        rows = ["1,Ann,a@example.org,tokA", "2,Bob,b@example.org,tokB", "3,Ann,A@example.org,tokA"]
        trial = Trial(write_campaign(tmp_path / "c", rows, toml=toml), server)
        first, second = trial.send(), trial.send()

        assert (0, 2, 1) == (first.code, first.json["sent_now"], first.json["counts"]["skipped"])
        assert (0, 0) == (second.code, second.json["sent_now"])


def test_row_numbers_follow_the_list(trial: Trial) -> None:
    """After sorting, the log names the line that the person sees now."""
    trial.write(people(3))
    trial.send()
    write_list(trial.folder, people(3)[::-1])
    trial.send()

    lines = (trial.folder / "results").glob("*.csv")
    rows = [line.split(",")[1:3] for line in next(lines).read_text("utf-8-sig").splitlines()[1:]]
    assert [["2", "3"], ["3", "2"], ["4", "1"]] == rows


def test_the_same_key_twice_is_refused_whatever_the_settings(trial: Trial) -> None:
    """A key names one person."""
    trial.write(
        ["1,Ann,a@example.org,tokA", "1,Bob,b@example.org,tokB"], sending='on_invalid = "send-others"'
    )
    ran = trial.send()

    assert 65 == ran.code
    assert [] == trial.server.accepted


def test_a_new_key_with_an_address_that_has_its_mail_is_refused(trial: Trial) -> None:
    """The same person under another key does not get a second mail by accident."""
    trial.write(people(2))
    trial.send()
    write_list(trial.folder, [*people(2), "9,Person 9,p1@example.org,tok9"])

    ran = trial.send("--accept-new", "--duplicates", "skip")
    assert once(1, 2) == trial.got(), ran.err
    assert 65 == trial.send("--accept-new").code
    assert once(1, 2) == trial.got()


def test_one_person_asks_for_his_mail_again(trial: Trial) -> None:
    """resend: a second mail with its own Message-ID, to another address if asked, and the run stays complete."""
    trial.write(people(3))
    trial.send()
    again = run_here("resend", "2", "-c", trial.folder, "--yes", "--json")
    other = run_here("resend", "3", "-c", trial.folder, "--to", "home3@example.com", "--yes", "--json")

    assert (0, 0) == (again.code, other.code), again.err + other.err
    assert (
        Counter({"p1@example.org": 1, "p2@example.org": 2, "p3@example.org": 1, "home3@example.com": 1})
        == trial.got()
    )
    ids = [message_id(mail.content) for mail in trial.server.accepted]
    assert 5 == len(set(ids))
    assert 0 == trial.send().code
    assert 65 == run_here("resend", "nobody", "-c", trial.folder, "--yes").code


def test_a_resend_is_the_mail_as_it_is_now(trial: Trial) -> None:
    """After an accepted change, the second mail has the new text; who is not in the list any more gets none, and keeps his state."""
    trial.write(people(3))
    trial.send()
    (trial.folder / "letter.txt").write_text(LETTER.replace("your token is", "your new token is"))
    assert 0 == trial.send("--accept-changes").code

    assert 0 == run_here("resend", "2", "-c", trial.folder, "--yes").code
    assert b"new token" in trial.server.accepted[-1].content
    write_list(trial.folder, people(2))
    trial.send("--accept-changes")
    assert 65 == run_here("resend", "3", "-c", trial.folder, "--yes").code
    assert {"1": "sent", "2": "sent", "3": "sent"} == trial.states()


def test_dry_run_says_what_the_same_send_would(trial: Trial) -> None:
    """`send --dry-run --accept-new` accepts what `send --accept-new` does; nothing is sent by it."""
    trial.write(people(2))
    trial.send()
    write_list(trial.folder, people(3))

    assert 65 == trial.send("--dry-run").code
    assert 0 == trial.send("--dry-run", "--accept-new").code
    assert once(1, 2) == trial.got()


def test_one_message_for_two_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a campaign file each list has its own ledger and its own log; neither is taken for the other's."""
    monkeypatch.chdir(tmp_path)
    write_campaign(tmp_path, people(2))
    (tmp_path / "others.csv").write_text(
        (tmp_path / "people.csv").read_text().replace("example.org", "example.com")
    )
    with ScriptedServer() as server:
        account = f"smtp+insecure://127.0.0.1:{server.port}"
        words = ("-m", "letter.txt", "-a", account, "--key-column", "id", "--yes", "--json")
        first = run_here("send", "-r", "people.csv", *words)
        second = run_here("send", "-r", "others.csv", *words)
        again = run_here("send", "-r", "people.csv", *words)

        assert [(0, 2), (0, 2), (0, 0)] == [
            (ran.code, ran.json["sent_now"]) for ran in (first, second, again)
        ]
        assert first.json["results"] == again.json["results"] != second.json["results"]
        assert 4 == len(server.accepted)


def test_a_trial_is_not_taken_for_the_real_thing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a send into an outbox, a real account is refused and told the way; --new-run sends to everybody under the same label."""
    trial.write(people(3), top='run = "2026-10"')
    assert 0 == trial.send("-a", f"outbox:{trial.folder}/out").code
    monkeypatch.setattr(
        "mailmerge_cli.cli.caution.is_loopback", lambda host: False
    )  # the test's server stands for a real one
    refused = trial.send()
    assert (65, "changed", []) == (refused.code, refused.json["reason"], trial.server.accepted)

    real = trial.send("--new-run")
    assert (0, 3, "2026-10") == (real.code, real.json["sent_now"], real.json["run"])
    assert (0, 0) == (trial.send().code, trial.send().json["sent_now"])
    assert 65 == trial.send("--new-run").code
    labels = [one["run"] for one in run_here("runs", trial.folder, "--json").json["runs"]]
    assert ["2026-10.trial", "2026-10"] == labels


def test_a_folder_copied_with_its_ledger_is_refused(trial: Trial, tmp_path: Path) -> None:
    """The copy does not know what the original sends from now on; it must be adopted on purpose."""
    trial.write(people(3))
    trial.send("--limit", "1")
    copy = tmp_path / "copy"
    shutil.copytree(trial.folder, copy)

    refused = run_here("send", copy, "--yes", "--json")
    assert 74 == refused.code
    assert once(1) == trial.got()
    adopted = run_here("send", copy, "--yes", "--json", "--adopt-ledger")
    assert (0, 2) == (adopted.code, adopted.json["sent_now"])


def test_a_folder_that_was_moved_goes_on(trial: Trial, tmp_path: Path) -> None:
    """Renaming the folder is no copy."""
    trial.write(people(3))
    trial.send("--limit", "1")
    moved = tmp_path / "moved"
    trial.folder.rename(moved)

    assert 0 == run_here("send", moved, "--yes").code
    assert once(1, 2, 3) == trial.got()


def test_K10_a_lost_ledger_is_never_begun_afresh_in_silence(trial: Trial) -> None:
    """The result log tells of mails that the ledger does not know any more: 74."""
    trial.write(people(2))
    trial.send()
    shutil.rmtree(trial.folder / ".mailmerge")

    assert 74 == trial.send().code
    assert once(1, 2) == trial.got()


def test_the_monthly_run_rolls_over(trial: Trial) -> None:
    """run = "{{ value }}": last month's run is unfinished; `refuse`, `finish` and `cancel` do what they say."""
    month = 'run = "{{ month_label }}"'
    trial.write(people(4), top=month)
    assert 75 == trial.send("--set", "month_label=2026-10", "--limit", "1").code

    refused = trial.send("--set", "month_label=2026-11")
    assert 65 == refused.code
    assert "2026-10" in refused.err

    trial.write(people(4), top=month + '\nunfinished = "finish"')
    assert 0 == trial.send("--set", "month_label=2026-10").code
    assert 75 == trial.send("--set", "month_label=2026-11", "--limit", "2").code
    trial.write(people(4), top=month + '\nunfinished = "cancel"')
    assert 0 == trial.send("--set", "month_label=2026-12").code
    assert (
        Counter({"p1@example.org": 3, "p2@example.org": 3, "p3@example.org": 2, "p4@example.org": 2})
        == trial.got()
    )


def test_unfinished_is_finished_first_with_its_own_label(trial: Trial) -> None:
    """The old run's rows go with the old run's label, then the new run opens."""
    toml = 'run = "{{ month_label }}"\nunfinished = "finish"'
    trial.write(people(3), top=toml, message=LETTER + "Run {{ run }}.\n")
    trial.send("--set", "month_label=2026-10", "--limit", "1")
    ran = trial.send("--set", "month_label=2026-11")

    assert 0 == ran.code, ran.err
    runs = Counter(b"Run 2026-10." in mail.content for mail in trial.server.accepted)
    assert Counter({True: 3, False: 3}) == runs


def test_a_new_run_needs_a_label_or_a_word(trial: Trial) -> None:
    """Without either the latest run is meant; --new-run mails everybody again, on purpose."""
    trial.write(people(2))
    trial.send()
    trial.send()
    assert once(1, 2) == trial.got()

    again = trial.send("--new-run")
    assert (0, 2) == (again.code, again.json["sent_now"])
    labels = [one["run"] for one in run_here("runs", trial.folder, "--json").json["runs"]]
    assert 2 == len(set(labels))


def test_a_run_in_which_nothing_was_begun_is_replaced_freely(trial: Trial) -> None:
    """A plan that was entered and never begun binds nobody."""
    trial.write(people(3))
    assert 75 == trial.send("--limit", "0").code
    write_list(trial.folder, people(2))

    ran = trial.send()
    assert (0, 2) == (ran.code, ran.json["counts"]["rows"])


def test_whoever_is_gone_from_the_list_is_skipped_when_accepted(trial: Trial) -> None:
    """Gone and not sent: skipped; gone and sent: told once, untouched."""
    trial.write(people(4))
    trial.send("--limit", "2")
    write_list(trial.folder, [people(4)[0], people(4)[2]])
    assert 65 == trial.send().code

    ran = trial.send("--accept-changes")
    assert 0 == ran.code, ran.err
    assert {"1": "sent", "2": "sent", "3": "sent", "4": "skipped"} == trial.states()
    assert 0 == trial.send().code
    assert once(1, 2, 3) == trial.got()


def test_only_sends_to_those_keys(trial: Trial) -> None:
    """--only KEY and --only @FILE; the rest is pending, which is never 0."""
    trial.write(people(5))
    (trial.folder / "keys.txt").write_text("4\n5\n")
    ran = trial.send("--only", "2", "--only", f"@{trial.folder / 'keys.txt'}")

    assert (75, 3) == (ran.code, ran.json["sent_now"])
    assert once(2, 4, 5) == trial.got()
    assert 65 == trial.send("--only", "77").code
    assert 0 == trial.send().code
    assert once(1, 2, 3, 4, 5) == trial.got()


def test_resolve_takes_a_persons_word(tmp_path: Path) -> None:
    """In doubt: exit 3 and never sent by itself; --sent and --resend settle it, the same Message-ID again."""
    from support.scripted_smtp import Close, Keep

    with ScriptedServer({"END": {2: Keep(Close()), 3: Keep(Close())}}) as server:
        trial = Trial(tmp_path / "c", server)
        trial.write(people(5))
        first = trial.send()
        assert (3, 2, "in_doubt") == (first.code, first.json["counts"]["in_doubt"], first.json["reason"])
        assert 3 == trial.send().code
        doubtful = sorted(key for key, state in trial.states().items() if state == "in_doubt")

        assert 0 == run_here("resolve", "--sent", doubtful[0], "-c", trial.folder, "--yes").code
        assert 0 == run_here("resolve", "--resend", doubtful[1], "-c", trial.folder, "--yes").code
        last = trial.send()
        assert (0, 1) == (last.code, last.json["sent_now"])
        ids = Counter(message_id(mail.content) for mail in server.accepted)
        assert 2 == ids.most_common(1)[0][1]


def test_cancel_gives_up_what_is_left(trial: Trial) -> None:
    """Cancelled rows are skipped, and the run is complete."""
    trial.write(people(4))
    trial.send("--limit", "1")
    ran = run_here("cancel", trial.folder, "--yes", "--json")

    assert (0, 3) == (ran.code, ran.json["cancelled"])
    assert 0 == trial.send().code
    assert once(1) == trial.got()


def test_O01_two_processes_at_once(trial: Trial) -> None:
    """Another process on the campaign leaves at once with 75 and `locked`."""
    from mailmerge_cli.ledger.lock import CampaignLock

    trial.write(people(2))
    with CampaignLock(trial.folder / ".mailmerge/lock", home=trial.folder.resolve()):
        ran = trial.send()
    assert (75, "locked", []) == (ran.code, ran.json["reason"], trial.server.accepted)


@pytest.mark.parametrize("checked", [True, False])
def test_a_sender_that_was_refused_is_mended_and_goes(
    campaign: Path, server: ScriptedServer, checked: bool
) -> None:
    """78, nobody has anything: the new From is no change that anybody must accept; and everybody gets one mail."""
    server.replies["MAIL"] = "553 5.7.1 Sender address rejected: not owned by user"
    assert 78 == run_here("send", "--yes").code
    server.replies.clear()
    message = campaign / "letter.txt"
    message.write_text(message.read_text().replace("From: Office", "From: HR", 1))

    if checked:
        assert 0 == run_here("check").code
    ran = run_here("send", "--yes")
    assert 0 == ran.code, ran.err
    assert arrivals.once(1, 2, 3, 4, 5) == arrivals.got(server)
    assert "refused" in run_here("log", "--attempts").out


def test_whoever_has_the_old_mail_can_get_the_new_one(trial: Trial) -> None:
    """A changed message, all sent: the difference names `resend`, and `resend` sends what the message says now."""
    trial.write(people(2))
    trial.send()
    letter = trial.folder / "letter.txt"
    letter.write_text(letter.read_text(encoding="utf-8") + "\nThe room is another one.\n", encoding="utf-8")
    refused = trial.send()

    assert 65 == refused.code
    assert "`mailmerge resend KEY` sends the new one" in refused.json["problems"][0]["message"]
    assert 0 == trial.send("--accept-changes").code
    assert 0 == run_here("resend", "2", "-c", trial.folder, "--yes").code
    assert [False, False, True] == [b"another one" in mail.content for mail in trial.server.accepted]
    assert ("p2@example.org",) == trial.server.accepted[-1].recipients
