"""What a person is asked about a step that is not to be repeated, that began, and of which no result is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from evolver_tui.core.claim import LeftBehind
from evolver_tui.core.question import Answer, AnswerAction, Question
from evolver_tui.core.times import utc_text

DONE: Final = "done"
NOT_DONE: Final = "not done"
GIVE_UP: Final = "give up"

_FORM: Final = {
    "type": "object",
    "properties": {
        "outcome": {"type": "string", "title": "What became of it", "enum": [DONE, NOT_DONE, GIVE_UP]},
        "result": {
            "type": "string",
            "title": "Its result, if it was done",
            "description": "As JSON; any other text is taken as a text, and nothing as null.",
        },
    },
    "required": ["outcome"],
}


@dataclass(frozen=True, slots=True)
class Settled:
    """That a step is not done now: it was done, with this result, or it is given up."""

    value: Any = None
    is_given_up: bool = False


def unsure_step(question: str, step: str, began_at: float, left_behind: LeftBehind | None) -> Question:
    """The question about a step that began then, in seconds since 1970."""
    why = f"{left_behind}" if left_behind else "its worker stopped, or it failed"
    message = (
        f"Was the step {step!a} done? It began at {utc_text(began_at, 'seconds')}, no result of it is known ({why}),"
        f" and it is not to be repeated.\n\n"
        f"{DONE}: go on with its result. {NOT_DONE}: do it now. {GIVE_UP}: the task fails, and can be retried."
    )
    return Question(question, message, _FORM)


def settled_by(answer: Answer) -> Settled | None:
    """What the answer means; None where the step is to be done. Who declines gives up."""
    outcome = answer.content.get("outcome") if answer.action is AnswerAction.ACCEPT else GIVE_UP
    if outcome == NOT_DONE:
        return None
    return Settled(_value(str(answer.content.get("result", "")))) if outcome == DONE else Settled(is_given_up=True)


def _value(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        return text
