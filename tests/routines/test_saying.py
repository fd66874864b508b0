"""What a job says to whoever asked for it: kept with its steps, taken back, bounded, and nothing where nobody asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import RoutineError
from evolver_tui.core.journal import RESULT
from evolver_tui.core.question import Question
from evolver_tui.engine.durable.saying import LONGEST_ANSWER, Saying
from tests.support.routine_process import PLUGINS, install
from tests.support.sessions import running, send, workspace_in

pytestmark = pytest.mark.anyio

CONFIG = '[routines]\nmutters = "chat_routines:mutters"\ncounts = "chat_routines:counts"\n'


class Listener:
    """Writes down what it hears."""

    def __init__(self, *, goes_on: bool = False) -> None:
        self.goes_on = goes_on
        self.heard: list[str] = []

    async def hear(self, text: str) -> None:
        self.heard.append(text)

    async def begin_again(self) -> None:
        self.goes_on = False
        self.heard.append("|")

    async def before_question(self, question: Question, *, is_whole: bool) -> Mapping[str, Any]:
        return {"is_whole": is_whole}

    async def asked(self, question: Question) -> None:
        self.heard.append(f"asked {question.name}")

    async def answered(self, question: Question, answer: Mapping[str, Any]) -> None:
        self.heard.append(f"answered {question.name}")


def saying(*, goes_on: bool = False) -> tuple[Saying, Listener]:
    made, listener = Saying(), Listener(goes_on=goes_on)
    made.audience = listener
    return made, listener


async def test_job_that_no_chat_asked_for_says_it_to_nobody(tmp_path: Path) -> None:
    install(tmp_path, CONFIG, PLUGINS / "chat_routines.py")
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, {"id": "t", "taskName": "A task", "routine": "mutters"})
        await watch.until("task.completed")
        journal = await session.store.journal(1)
    assert journal == {"mutter": None, RESULT: "done"}


async def test_what_is_no_text_fails_the_job_with_a_sentence(tmp_path: Path) -> None:
    install(tmp_path, CONFIG, PLUGINS / "chat_routines.py")
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, {"id": "t", "taskName": "A task", "routine": "counts"})
        failed = await watch.until("task.failed")
    assert failed.payload["error"] == "The routine says 5, which is no text. Say text."


async def test_repeats_are_heard_by_whoever_begins_anew_alone() -> None:
    for goes_on, heard in ((False, ["one ", "two"]), (True, ["two"])):
        said, listener = saying(goes_on=goes_on)
        await said.say("one ", is_repeat=True)
        await said.say("two")
        assert (listener.heard, said.text) == (heard, "one two")


async def test_step_that_is_tried_again_is_heard_once_in_the_next_go() -> None:
    said, listener = saying(goes_on=True)
    await said.say("before ", is_repeat=True)
    with said.within("step"):
        await said.say("twice ")
    await said.take_back("step")
    with said.within("step"):
        await said.say("twice ")
    assert listener.heard == ["twice ", "|", "before ", "twice "]
    assert said.text == "before twice "
    assert not listener.goes_on


async def test_nothing_is_taken_back_where_nothing_was_said() -> None:
    said, listener = saying()
    await said.say("before")
    await said.take_back("step")
    await said.take_back()
    assert listener.heard == ["before"]


async def test_question_knows_whether_something_will_be_said_again() -> None:
    said, _ = saying()
    with said.within("step"):
        await said.say("words")
    question = Question("q", "Why?")
    assert await said.before_question(question) == {"is_whole": False}
    said.keep("step")
    assert await said.before_question(question) == {"is_whole": True}


async def test_answer_has_a_bound() -> None:
    said, listener = saying()
    await said.say("x" * LONGEST_ANSWER)
    with pytest.raises(RoutineError, match="more than 200,000 characters"):
        await said.say("y")
    assert len(listener.heard) == 1
