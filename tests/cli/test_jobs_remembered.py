"""`jobs answer --remember` and `jobs remembered`: made, listed and revoked from a script, where no session runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.core.answer_rule import AnswerScope, Breadth
from evolver_tui.core.question import Answer, AnswerAction, Question
from evolver_tui.engine.store import Store
from tests.support.bundles import reviewed
from tests.support.databases import add, claim, names, task
from tests.support.hostile import assert_harmless, bundles
from tests.support.job_desk import Jobs

FORM = {"properties": {"unit": {"type": "string", "title": "Unit"}}, "required": ["unit"]}
HEAD = ["ID", "FOR", "ENDS", "BY", "DECIDED", "QUESTION", "ANSWER"]


@pytest.fixture
def jobs(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The command on an empty database, used by ada."""
    monkeypatch.setenv("USER", "ada")
    for name in ("LOGNAME", "EVOLVER_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Jobs(tmp_path / "home", capsys, monkeypatch, url)


async def _asking(store: Store) -> None:
    """Three tasks that ask the same, one of them in other words."""
    for number, message in enumerate(("Which unit?", "Which unit?", "Which unit, please?"), start=1):
        await add(store, task(f"t-{number}"))
        held = await claim(store)
        await store.pause(held.job, held.fence, Question("unit", message, FORM), "s")


def test_an_answer_is_remembered_listed_and_revoked(jobs: Jobs) -> None:
    jobs.store(_asking)
    nothing = jobs("remembered")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "No answer is remembered.\n")
    done = jobs("answer", "task:t-1", "unit=m", "--remember", "task_type", "--json")
    assert done.code == 0
    assert "It is remembered answer 1 (tasks of type summarize), until " in done.err
    assert "1 that waited got it." in done.err
    assert (done.value["remembered"]["rule"], done.value["remembered"]["answered"]) == (1, [2])
    shown = jobs("show", "task:t-2")
    assert "Remembered answer 1 of ada answered 'unit'." in shown.out
    assert "remembered answer 1 of ada" in jobs.shown("task:t-2")["answers"][0]["answered_by"]
    listed = jobs("remembered")
    head, line = listed.out.splitlines()
    assert head.split() == HEAD
    assert line.split()[:5] == ["1", "tasks", "of", "type", "summarize"]
    assert line.split()[-5:] == ["ada", "1", "Which", "unit?", "unit=m"]
    (rule,) = jobs("remembered", "--json").value["remembered"]
    assert (rule["scope"], rule["by"], rule["content"], rule["in_force"]) == ("task_type", "ada", {"unit": "m"}, True)
    assert [(each["job"], each["taken_back"]) for each in rule["decisions"]] == [(2, False)]
    assert jobs("undo", "2").code == 0
    assert jobs("remembered", "--json").value["remembered"][0]["taken_back"] == 1
    revoked = jobs("remembered", "--revoke", "1", "--json")
    assert revoked.value == {"rule": 1, "made_by": "ada", "revoked": True}
    assert revoked.err == "Remembered answer 1 is revoked: it answers nothing more. What it answered stays.\n"
    assert "revoked by ada" in jobs("remembered").out
    again = jobs("remembered", "--revoke", "1")
    assert again.code == ExitCode.FAILED
    assert "ada revoked remembered answer 1" in again.err
    told = jobs.store(names)
    assert [name for name in told if name.startswith("answer.")] == ["answer.remembered", "answer.revoked"]


def test_the_same_form_is_answered_whatever_its_words_for_as_long_as_is_said(jobs: Jobs) -> None:
    jobs.store(_asking)
    done = jobs("answer", "task:t-1", "unit=m", "--remember", "field", "--days", "0", "--json")
    assert done.value["remembered"]["answered"] == [2, 3]
    assert done.value["remembered"]["expires_at"] is None
    assert "until it is revoked" in done.err


def test_what_cannot_be_remembered_is_refused_and_nothing_is_answered(jobs: Jobs) -> None:
    async def bare(store: Store) -> None:
        await _asking(store)
        await add(store, task("bare"))
        held = await claim(store)
        await store.pause(held.job, held.fence, Question("sure", "Delete everything?"), "s")
        await reviewed(store, {"id": "look", "taskName": "Look", "llmTaskType": "summarize"})

    jobs.store(bare)
    for arguments, words in (
        (("task:t-1", "unit=m", "--days", "3"), "--days is about an answer that is remembered."),
        (("task:t-1", "--decline", "--remember", "always"), "Only the answer to a form can be remembered."),
        (("task:t-1", "unit=m", "--remember", "session"), "invalid choice: 'session'"),
        (("task:bare", "--remember", "field"), "A form without a field does not say what is asked."),
    ):
        done = jobs("answer", *arguments)
        assert (done.code, words in done.err) == (ExitCode.WRONG_USAGE, True), done.err
    assert jobs("answer", "task:look", "--remember", "always").code == ExitCode.FAILED, "a review"
    assert jobs("remembered", "--revoke", "7").code == ExitCode.FAILED
    waiting = jobs("list", "--needs-you", "--json").value["jobs"]
    assert len(waiting) == 5


@pytest.mark.parametrize("words", [*bundles(2_000)])
def test_what_is_remembered_is_shown_without_what_steers(jobs: Jobs, words: str) -> None:
    async def remember(store: Store) -> None:
        scope = AnswerScope(Breadth.TASK_TYPE, "a", "f", words, words, "s", words)
        answer = Answer(AnswerAction.ACCEPT, {words[:100]: words})
        await store.remember_answer(scope, answer, words, None, "s", lambda *_: ())
        await store.revoke_answer_rule(1, words, "s")

    jobs.store(remember)
    for arguments in ([], ["--json"], ["--revoke", "1"]):
        done = jobs("remembered", *arguments)
        assert_harmless(done.out + done.err)
