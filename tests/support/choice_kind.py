"""A kind of question that the program does not come with: one option of several, each known by its number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evolver_tui.core.errors import QuestionError, RoutineError
from evolver_tui.core.question import Answer, OpenQuestion, Question, Subject, Unreadable
from evolver_tui.core.question_kinds import Reply
from evolver_tui.core.question_kinds.question import FormKind
from evolver_tui.core.signal import SignalType
from evolver_tui.core.signal_catalogue.inbox_signals import Asked
from tests.support.routine_process import install

TASK: Final = {"id": "task-c", "taskName": "Pick a colour", "routine": "chooser"}
_ROUTINE: Final = """
from evolver_tui.routines import Question

FORM = {"properties": {"number": {"type": "integer", "title": "Its number"}}, "required": ["number"]}

async def work(run, task):
    options = task.raw.get("options", ["red", "green"])
    answer = await run.ask(Question("pick", "Which colour?", FORM, kind="choice", subject={"options": options}))
    return options[answer.content["number"] - 1]
"""


@dataclass(frozen=True, slots=True)
class Options(Subject):
    """What there is to choose from."""

    names: tuple[str, ...]


class Choice(FormKind):
    """One number, of as many as there are options."""

    name = "choice"
    reason = "to_be_chosen"
    asked = SignalType("choice.offered", Asked, "A job offers several options and waits.", "warning")

    def check(self, question: Question) -> None:
        if not question.subject.get("options"):
            raise RoutineError(f"The choice {question.name!a} has no options.")

    def read_subject(self, subject: Mapping[str, Any]) -> Subject | None:
        names = subject.get("options")
        return Options(tuple(names)) if isinstance(names, list) else Unreadable("This choice has no options.")

    def reply(self, asked: OpenQuestion, answer: Answer, by: str) -> Reply:
        reply = super().reply(asked, answer, by)
        assert isinstance(asked.subject, Options)
        if reply.value["content"] and not 1 <= reply.value["content"]["number"] <= len(asked.subject.names):
            raise QuestionError("There is no such option.", "Choose another.")
        return reply


def install_chooser(home: Path) -> None:
    """A routine that asks for a choice, for a person whose home this is."""
    install(home, '[routines]\nchooser = "chooser_routine:work"\n')
    (home / "config" / "routines" / "chooser_routine.py").write_text(_ROUTINE)
