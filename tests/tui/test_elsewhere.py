"""Several people on one queue: what others decide, cancel or move away is on the desk, and closes what is open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.job import JobState, Outcome, QueueCounts, QueueRow
from evolver_tui.core.question import OpenQuestion
from evolver_tui.tui.drawing.formatting import moment
from evolver_tui.tui.drawing.styles import ASCII_SYMBOLS, Symbols
from evolver_tui.tui.modals import ConfirmModal, QuestionModal, ReasonModal
from evolver_tui.tui.screens.desk.card import QuestionIdentity
from evolver_tui.tui.screens.desk.panes.queue_row import decided_line, row_line, state_words
from tests.support.databases import add as add_tasks
from tests.support.databases import tasks
from tests.support.desk_fixtures import console
from tests.support.sessions import GENERATE, SUMMARIZE
from tests.support.waiting_fixtures import (
    ASKS,
    LANGUAGES,
    elsewhere,
    hear,
    question_about,
    until_back,
    until_needs,
    until_open,
)

pytestmark = pytest.mark.anyio


# --- answered elsewhere


async def answered(other: Database, asked: OpenQuestion) -> str:
    await other.answer(asked.id, LANGUAGES, "grace", "s")
    (found,) = await other.pauses_of(asked.job)
    assert found.answered_at is not None
    return f"task-9: answered by grace at {moment(found.answered_at)}."


async def declined(other: Database, asked: OpenQuestion) -> str:
    await other.answer(asked.id, {"action": "decline", "content": {}}, "grace\x1b[2J", "s")
    (found,) = await other.pauses_of(asked.job)
    assert found.answered_at is not None
    return f"task-9: answered by grace␛[2J at {moment(found.answered_at)}: declined."


async def cancelled(other: Database, asked: OpenQuestion) -> str:
    await other.cancel(asked.job, "s")
    ended = await other.row(asked.job)
    assert ended is not None
    return f"task-9: cancelled at {moment(ended.since)}."


async def exported(other: Database, asked: OpenQuestion) -> str:
    await other.export_job(asked.job, "grace", "laptop", "bundle-1", "s")
    ended = await other.row(asked.job)
    assert ended is not None
    return f"task-9: left for another machine at {moment(ended.since)}."


Settle = Callable[[Database, OpenQuestion], Awaitable[str]]


@pytest.mark.parametrize("settle", [answered, declined, cancelled, exported])
async def test_an_open_question_closes_politely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settle: Settle
) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        heard = hear(desk, monkeypatch)
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.press("o")
        await until_open(desk, QuestionModal)
        await desk.press(*"half a ".replace(" ", "_"))
        words = await settle(other, await question_about(desk, "task-9"))
        await until_back(desk)
        await desk.until(lambda: not isinstance(desk.desk.card.content.identity, QuestionIdentity), "another card")
        assert heard == [words]


async def test_a_dialog_under_the_palette_closes_when_it_is_in_front_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        heard = hear(desk, monkeypatch)
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.press("o")
        await until_open(desk, QuestionModal)
        over = ConfirmModal("do", "anything", "else", now=desk.clock)
        desk.app.push_screen(over)
        await until_open(desk, ConfirmModal)
        words = await answered(other, await question_about(desk, "task-9"))
        await desk.until(lambda: words in heard)
        await desk.pilot.pause()
        assert desk.app.screen is over
        await desk.press("escape")
        await until_back(desk)


@pytest.mark.parametrize("key", ["", "r", "w", "R"])
async def test_a_review_that_is_decided_elsewhere_is_said_and_its_dialog_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        heard = hear(desk, monkeypatch)
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        await desk.until(lambda: desk.desk.card.content.review is not None, "a review on the card")
        await desk.press("enter")
        desk.clock.seconds += 1
        if key:
            await desk.decide(key)
            await until_open(desk, ConfirmModal if key == "R" else ReasonModal)
        asked = await question_about(desk, "task-1")
        await other.answer(asked.id, {"kind": "reject", "by": "grace"}, "grace", "s")
        await until_back(desk)
        await desk.until(lambda: "Rejected" in desk.text(), "the end")
        (words,) = heard
        assert words.startswith("task-1: answered by grace at ")
        assert words.endswith(": rejected.")


async def test_who_answers_a_second_too_late_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(tmp_path) as desk:
        heard = hear(desk, monkeypatch)
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.press("o")
        await until_open(desk, QuestionModal)
        asked = await question_about(desk, "task-9")
        # Through this console's own store nobody is told, as in the moment before the news is here.
        await desk.session.store.answer(asked.id, LANGUAGES, "grace", desk.session.id)
        await desk.answer(*"de-", "greater_than_sign", *"en")
        await desk.until(lambda: any("Already answered by grace at " in words for words in heard))
        await until_back(desk)
        desk.session.workers.wake()
        await desk.until(lambda: desk.desk.card.content.review is not None, "the draft after grace's answer")
        assert len(heard) == 1


async def test_what_is_answered_here_is_no_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(tmp_path) as desk:
        heard = hear(desk, monkeypatch)
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.press("o")
        await until_open(desk, QuestionModal)
        await desk.answer(*"de-", "greater_than_sign", *"en")
        await desk.until(lambda: desk.desk.card.content.review is not None, "the draft")
        assert heard == []


# --- the desk, live


async def test_what_other_processes_do_is_on_the_desk_and_the_cursor_stays(tmp_path: Path) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        await desk.receive(SUMMARIZE, GENERATE)
        await until_needs(desk, 2)
        await desk.press("j")
        selected = desk.desk.queue.selected
        assert selected is not None
        await add_tasks(other, *tasks("other-1", "other-2"), generate=False)
        await desk.until(lambda: (desk.desk.queue.counts or QueueCounts()).stored == 2, "the two others")
        await desk.until(lambda: "decided · 2 stored" in desk.text())
        assert desk.desk.queue.selected == selected
        await other.cancel((await question_about(desk, "task-1")).job, "s")
        await until_needs(desk, 1)
        await desk.until(lambda: "decided · 1 cancelled · 2 stored" in desk.text())
        assert "⊘ task-1" in desk.text()


async def test_a_job_that_runs_elsewhere_says_where(tmp_path: Path) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        asked = await question_about(desk, "task-9")
        await other.answer(asked.id, LANGUAGES, "grace", "s")
        await other.claim("atlas@1:77:1", 600.0)
        await desk.until(lambda: "It has run on atlas for " in desk.text())
        await desk.press("enter", "l")
        await desk.until(lambda: "running on" in desk.text())


async def test_the_task_page_says_why_it_waits(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.press("enter", "l")
        await desk.until(lambda: "waits for    user_input" in desk.text())


# --- cancel and respond


async def test_a_task_is_cancelled_after_a_second_look_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path) as desk:
        heard = hear(desk, monkeypatch)
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        for answer in ("n", "y"):
            await desk.decide("D")
            await until_open(desk, ConfirmModal)
            assert "Cancel task-9?" in desk.text()
            assert "Translate Release Notes" in desk.text()
            assert "y cancel · n or esc go back" in desk.text()
            await desk.decide(answer)
            await until_back(desk)
        await desk.until(lambda: "⊘ task-9" in desk.text())
        await desk.until(lambda: "Cancelled 0s ago; nothing more is done for it." in desk.text())
        await until_needs(desk, 0)
        await desk.decide("D")
        assert heard == ["This task is over: cancelled."]
        assert desk.app.screen is desk.desk


async def test_words_to_the_author_bring_another_draft(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        await desk.until(lambda: desk.desk.card.content.review is not None, "a review on the card")
        first = desk.desk.card.content.identity
        await desk.press("enter")
        desk.clock.seconds += 1
        await desk.decide("w")
        await until_open(desk, ReasonModal)
        assert "It does not count as sent" in desk.text()
        await desk.decide("enter")
        assert "Words are needed" in desk.text()
        await desk.answer(*"docstrings")
        await desk.until(lambda: desk.desk.card.content.review is not None and desk.desk.card.content.identity != first)
        decided = [
            stored.signal.payload
            for stored in await desk.session.store.signals(desk.session.id)
            if stored.signal.name == "review.decided"
        ]
        assert [(payload["kind"], payload["reason"]) for payload in decided] == [("respond", "docstrings")]


OVER = [
    (JobState.CANCELLED, None, "⊘", "/", "cancelled"),
    (JobState.EXPORTED, None, "→", "^", "exported"),
    (JobState.COMPLETED, Outcome.DONE, "■", "#", "done"),
    (JobState.COMPLETED, Outcome.STORED, "↷", "~", "stored"),
]


@pytest.mark.parametrize(("state", "outcome", "mark", "plain_mark", "word"), OVER)
def test_every_end_has_its_sign_and_word(
    state: JobState, outcome: Outcome | None, mark: str, plain_mark: str, word: str
) -> None:
    ended = QueueRow(1, 1, "task-1", "Name", "summarize", "medium", state, outcome, None, 0.0, "")
    for symbols, sign in ((Symbols(), mark), (ASCII_SYMBOLS, plain_mark)):
        line = row_line(ended, 40, False, state_words(ended, 9.0), symbols)
        assert line[0][0] == f" {sign} "
        assert line[-1][0] == f" {word} "


def test_how_many_ended_how_stands_above_them_as_far_as_it_fits() -> None:
    counts = QueueCounts(cancelled=2, exported=1, done=3, approved=1_204)

    def words(width: int) -> str:
        return "".join(text for text, _ in decided_line(counts, width, Symbols()))

    assert words(60) == "─ decided · 2 cancelled · 1 exported · 3 done ──────────────"
    assert words(80).startswith("─ decided · 2 cancelled · 1 exported · 3 done · 1,204 approved ─")
    assert words(24) == "─ decided · 2 cancelled "
    assert words(20) == "─ decided · 3 done ─"
    assert words(12) == "─ decided ──"
