"""Kinds of question in the console: one that is registered without a view of its own, and one that is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.core.question import Question
from evolver_tui.core.question_kinds import KINDS
from evolver_tui.core.task import Task
from evolver_tui.tui.modals import InboxModal, QuestionModal
from tests.support.choice_kind import TASK, Choice
from tests.support.databases import ELSEWHERE, LEASE, add, opened
from tests.support.desk_fixtures import console
from tests.support.sessions import workspace_in
from tests.support.waiting_fixtures import until_back, until_needs

pytestmark = pytest.mark.anyio


async def waits(home: Path, question: Question) -> None:
    """A job there that asks this, of a routine that is elsewhere."""
    file = workspace_in(home).database_file
    assert file is not None
    file.parent.mkdir(parents=True)
    async with opened(file) as database:
        await add(database, Task.from_raw(TASK))
        claim = await database.claim(ELSEWHERE, LEASE, {"chooser": ""})
        assert claim is not None
        await database.pause(claim.job, claim.fence, question, "s")


async def test_a_registered_kind_looks_like_a_question_and_is_answered_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, Choice.name, Choice())
    form = {"properties": {"number": {"type": "integer"}}, "required": ["number"]}
    await waits(tmp_path, Question("pick", "Which colour?", form, "choice", {"options": ["red", "green"]}))
    async with console(tmp_path) as desk:
        await until_needs(desk, 1)
        await desk.until(lambda: "task-c asks" in desk.text() and "Which colour?" in desk.text(), "its card")
        assert "? task-c" in desk.text()
        await desk.press("i")
        await desk.until_open(InboxModal)
        await desk.until(lambda: " choice " in desk.text(), "its row, and why it waits")
        await desk.press("enter")
        await desk.until_open(QuestionModal)
        await desk.answer("3")
        await desk.until(lambda: "There is no such option." in desk.text(), "why it is not taken")
        await desk.answer("backspace", "2")
        await desk.until_open(InboxModal)
        answer = (await desk.session.store.journal(1))["pick"]
        assert answer == {"action": "accept", "content": {"number": 2}}


async def test_a_kind_that_is_not_known_is_shown_and_no_key_answers_it(tmp_path: Path) -> None:
    await waits(tmp_path, Question("vote", "Which one?", {}, "bal\x1blot", {"of": "a later version"}))
    async with console(tmp_path) as desk:
        await until_needs(desk, 1)
        await desk.until(lambda: "does not know questions of the kind 'bal\\x1blot'" in desk.text(), "its card")
        assert "? task-c" in desk.text()
        for key in ("enter", "enter", "f8", "a", "o"):
            await desk.decide(key)
            assert desk.app.screen is desk.desk
        assert desk.desk.pane_in_focus == "card"
        await desk.decide("i")
        await desk.until_open(InboxModal)
        await desk.until(lambda: "Which one?" in desk.text(), "its row")
        await desk.press("enter")
        await until_back(desk)
        assert await desk.session.store.open_question_of(1) is not None
