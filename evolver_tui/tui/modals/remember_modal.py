"""The remember modal: for which questions an answer is given again by itself, and for how long."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from evolver_tui.core.answer_rule import Breadth, has_fields
from evolver_tui.core.job import is_built_in
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.modals.inputs import ChoiceList, ChoiceRow, Chooser
from evolver_tui.tui.modals.modal import Clock, Modal

if TYPE_CHECKING:
    from evolver_tui.core.question import Answer, OpenQuestion

_TERMS: Final = (("d", "1 day", 1.0), ("w", "7 days", 7.0), ("m", "30 days", 30.0), ("n", "until it is revoked", None))
_FIRST_TERM: Final = 2
_LONGEST: Final = 300
"""Characters of a question, and of a value, that are shown."""
_MOST_VALUES: Final = 4


class RememberChoice(NamedTuple):
    """What a person chose."""

    breadth: Breadth
    days: float | None
    """For how long; None for until it is revoked."""


class RememberModal(Modal[RememberChoice]):
    """Ends with a choice, or with None when the person thought better of it."""

    DEFAULT_CSS = """
    RememberModal > #window {
        width: 86;
    }
    RememberModal .below {
        margin: 1 0 0 0;
    }
    RememberModal #asked {
        max-height: 4;
    }
    """

    def __init__(
        self,
        question: OpenQuestion,
        answer: Answer,
        routine: str,
        waiting: Mapping[Breadth, int],
        chosen: Breadth,
        *,
        now: Clock = time.monotonic,
    ) -> None:
        """Args:
        question: to which the answer was given.
        routine: which one asks it.
        waiting: how many questions that wait now each choice would answer.
        chosen: what is on at first.
        now: counts the time until keys are taken.
        """
        super().__init__("Remember this answer?", now=now)
        self._question = question
        self._answer = answer
        self._waiting = waiting
        who = "the author" if is_built_in(routine) else safe_text(routine, 40)
        words = {
            Breadth.SESSION: "the same question, while this session runs",
            Breadth.TASK_TYPE: f"the same question, of tasks of type {safe_text(question.task_type, 30)}",
            Breadth.ALWAYS: "the same question, of any task",
        }
        if has_fields(question.question):
            words[Breadth.FIELD] = f"whatever {who} asks with the same form"
        self._breadths = tuple(words)
        self._scope = ChoiceList([*words.values()], (self._breadths.index(chosen),))
        self._term = ChoiceRow([term[:2] for term in _TERMS], _FIRST_TERM, clearable=False)

    def compose_body(self) -> ComposeResult:
        """The question, the answer, for what, for how long, and what it would answer now."""
        message = " ".join(safe_block(self._question.question.message, _LONGEST).split())
        yield Static(Content.styled(message, "bold"), id="asked")
        yield Static(Content("\n").join(self._values()))
        yield Static(Content.styled("It is given again by itself to", "$dim"), classes="below")
        yield self._scope
        yield Static(Content.styled("for how long", "$dim"), classes="below")
        yield self._term
        yield Static(Content.styled(self._outlook(), "$dim"), id="outlook", classes="below")

    def _values(self) -> Sequence[Content]:
        content = self._answer.content
        rows = [
            Content.assemble((f"{safe_text(name, 40)}  ", "$dim"), safe_text(str(value), _LONGEST))
            for name, value in [*content.items()][:_MOST_VALUES]
        ]
        if len(content) > _MOST_VALUES:
            rows.append(Content.styled(f"and {len(content) - _MOST_VALUES} more", "$dim"))
        return rows or [Content.styled("accepted, without a field", "$dim")]

    def _outlook(self) -> str:
        count = self._waiting.get(self._breadth, 0)
        waits = {0: "None that waits now gets it.", 1: "1 that waits now gets it."}
        words = waits.get(count, f"{count:,} that wait now get it.")
        return f"{words} It never decides about code."

    @property
    def _breadth(self) -> Breadth:
        return self._breadths[self._scope.chosen[0]] if self._scope.chosen else self._breadths[0]

    def key_line(self) -> str:
        """Choose, remember, or not."""
        return f"1-{len(self._breadths)} for what · d w m n how long · enter remember · esc go back"

    @on(Chooser.Changed)
    def _chosen(self) -> None:
        """Say how many it would answer now."""
        if not self._scope.chosen:
            self._scope.choose((0,))
        self.query_one("#outlook", Static).update(Content.styled(self._outlook(), "$dim"))

    def means(self, key: str, character: str | None) -> bool:
        """The keys of both choices, whichever has the focus."""
        return any(each.takes(key, character) for each in (self._scope, self._term))

    def on_key(self, event: Key) -> None:
        """A key of the choice that has not the focus."""
        for each in (self._scope, self._term):
            if self.is_armed and each.takes(event.key, event.character):
                event.stop()
                each.press(event.key, event.character)
                return

    def action_submit(self) -> None:
        """Remember it."""
        term = self._term.chosen[0] if self._term.chosen else _FIRST_TERM
        self.finish(RememberChoice(self._breadth, _TERMS[term][2]))
