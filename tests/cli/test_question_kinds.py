"""A kind of question more, in one line of the registry; and one that this program does not know."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolver_tui.core.claim import Claim
from evolver_tui.core.job import JobState
from evolver_tui.core.question import Question, QuestionKind
from evolver_tui.core.question_kinds import KINDS
from evolver_tui.core.signal import Signal
from evolver_tui.engine.store import Store
from tests.support.bundles import claimed
from tests.support.choice_kind import TASK, Choice, install_chooser
from tests.support.job_desk import Jobs
from tests.support.sessions import running, send, workspace_in

STRANGE = "bal\x1b[2Jlot"


@pytest.fixture
def jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The command on an empty home, used by ada."""
    monkeypatch.setenv("USER", "ada")
    for name in ("LOGNAME", "EVOLVER_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Jobs(tmp_path / "home", capsys, monkeypatch)


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind is registered."""
    monkeypatch.setitem(KINDS, Choice.name, Choice())


def worked(jobs: Jobs, until: str, *tasks: object) -> list[Signal]:
    """A session works here until this is told; what was told."""

    async def work() -> list[Signal]:
        async with running(workspace_in(jobs.home)) as (session, watch):
            if tasks:
                await send(session, {"tasks": list(tasks)})
            await watch.until(until)
            return watch.heard

    return asyncio.run(work())


@pytest.mark.usefixtures("choice")
def test_a_registered_kind_is_asked_listed_shown_answered_and_gone_on_with(jobs: Jobs) -> None:
    install_chooser(jobs.home)
    told = {signal.name: signal for signal in worked(jobs, "job.paused", TASK)}
    assert told["choice.offered"].payload["message"] == "Which colour?"
    assert told["job.paused"].payload["reason"] == "to_be_chosen"
    assert "paused (choice)" in jobs("list").out
    assert "to_be_chosen" in jobs("list", "--needs-you").out
    shown = jobs("show", "1").out
    assert "choice 'pick', asked" in shown
    assert "Answer with: evolver-tui jobs answer 1 number=..." in shown
    value = jobs.shown("1")["question"]
    assert (value["kind"], value["subject"], value["sha256"]) == ("choice", {"options": ["red", "green"]}, None)
    refused = jobs("approve", "1")
    assert (refused.code, "waits for no review" in refused.err) == (1, True)
    refused = jobs("answer", "1", "number=3")
    assert (refused.code, "There is no such option. Choose another." in refused.err) == (1, True)
    assert jobs("answer", "1", "number=2").code == 0
    worked(jobs, "task.completed")
    assert jobs.shown("1")["result"] == "green"


@pytest.mark.usefixtures("choice")
def test_a_registered_kind_leaves_in_a_bundle_and_comes_in(jobs: Jobs) -> None:
    install_chooser(jobs.home)
    worked(jobs, "job.paused", TASK)
    bundle = jobs.home / "bundle.json"
    assert jobs("export", "1", "-o", str(bundle)).code == 0
    assert jobs("import", str(bundle)).code == 0
    assert jobs("answer", "1", "number=1").code == 0


@pytest.mark.usefixtures("choice")
def test_a_routine_that_asks_what_its_kind_refuses_fails_with_that_sentence(jobs: Jobs) -> None:
    install_chooser(jobs.home)
    worked(jobs, "task.failed", {**TASK, "options": []})
    assert "The choice 'pick' has no options." in jobs.shown("1")["error"]


def test_a_routine_that_asks_a_kind_that_nobody_knows_fails_with_a_sentence(jobs: Jobs) -> None:
    install_chooser(jobs.home)
    worked(jobs, "task.failed", TASK)
    assert "does not know questions of the kind 'choice'" in jobs.shown("1")["error"]


def asks_strangely(jobs: Jobs) -> None:
    """A job that a later version let wait at a question of a kind that is not known here."""

    async def pause(store: Store) -> None:
        claim: Claim = await claimed(store)
        ballot = Question("vote", "Which one?", {}, STRANGE, {"of": "a later version"})
        await store.pause(claim.job, claim.fence, ballot, "s")

    jobs.store(pause)


def test_a_kind_that_is_not_known_is_listed_and_says_so(jobs: Jobs) -> None:
    asks_strangely(jobs)
    shown = jobs("show", "1").out
    assert "This program does not know questions of the kind 'bal\\x1b[2Jlot'." in shown
    assert 'subject: {"of": "a later version"}' in shown
    for out in (shown, jobs("list").out, jobs("list", "--needs-you").out):
        assert "\x1b" not in out
    assert "paused (bal" in jobs("list").out
    assert jobs("list", "--json").value["jobs"][0]["asks"] == STRANGE
    assert jobs.shown("1")["question"]["kind"] == STRANGE


@pytest.mark.parametrize(
    "command", [["answer", "1", "x=1"], ["answer", "1", "--decline"], ["approve", "1"], ["reject", "1"]]
)
def test_a_kind_that_is_not_known_cannot_be_answered_but_cancelled_and_restored(jobs: Jobs, command: list[str]) -> None:
    asks_strangely(jobs)
    refused = jobs(*command)
    assert refused.code == 1
    assert "asks what this program does not know" in refused.err
    assert jobs.shown("1")["question"]["name"] == "vote"
    assert jobs("cancel", "1").code == 0
    assert jobs("restore", "1").code == 0
    assert (jobs.shown("1")["state"], jobs.shown("1")["asks"]) == (JobState.PAUSED.value, STRANGE)


def test_a_review_that_cannot_be_read_says_what_is_wrong(jobs: Jobs) -> None:
    async def pause(store: Store) -> None:
        claim: Claim = await claimed(store)
        review = Question("look", "Good?", kind=QuestionKind.REVIEW, subject={"draft": {}, "report": 7})
        await store.pause(claim.job, claim.fence, review, "s")

    jobs.store(pause)
    assert "This review cannot be shown: it has no 'tools_used'." in jobs("show", "1").out
    refused = jobs("approve", "1")
    assert (refused.code, "holds no draft" in refused.err) == (1, True)
