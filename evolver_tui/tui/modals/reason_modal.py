"""The reason modal: one line for the author."""

from __future__ import annotations

import time
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from evolver_tui.tui.modals.inputs import TextInput
from evolver_tui.tui.modals.modal import Clock, Modal


@dataclass(frozen=True, slots=True)
class Wording:
    """How a line to the author is asked for."""

    placeholder: str
    """What the empty line says."""
    meaning: str
    """What becomes of it."""
    when_empty: str
    """Why nothing is not enough."""
    verb: str
    """What enter does."""


GOES_BACK = Wording(
    "what should be different",
    "The draft is sent back to the author, who reads the reason and writes another.",
    "A reason is needed: the author reads it before writing again.",
    "send back",
)
END = Wording(
    "what is wrong with it",
    "It was sent back as often as it may be, so this rejects it: the task ends. To respond (w) does not count.",
    "A reason is needed: it is kept with the task.",
    "reject",
)
RESPOND = Wording(
    "words to the author",
    "The author reads it and writes again. It does not count as sent back.",
    "Words are needed: the author reads them before writing again.",
    "respond",
)


class ReasonModal(Modal[str | None]):
    """Ends with what was typed, or None when the person thought better of it."""

    DEFAULT_CSS = """
    ReasonModal TextInput {
        margin: 0 0 1 0;
    }
    """

    def __init__(self, title: str, wording: Wording = GOES_BACK, *, now: Clock = time.monotonic) -> None:
        """Args:
        title: what it is about, one line.
        wording: what is said around the line.
        now: counts the time until keys are taken.
        """
        self._wording = wording
        super().__init__(title, now=now)
        self._input = TextInput(placeholder=wording.placeholder)
        self._problem = Static(Content(f"! {wording.when_empty}"), classes="problem")

    def compose_body(self) -> ComposeResult:
        """The line, and what becomes of it."""
        yield self._input
        yield Static(Content(self._wording.meaning), classes="dim")
        yield self._problem

    def key_line(self) -> str:
        """Send or not."""
        return f"enter {self._wording.verb} · esc go back"

    def action_submit(self) -> None:
        """Send what was typed, unless that is nothing."""
        reason = self._input.value.strip()
        if reason:
            self.finish(reason)
        elif self.is_armed:
            self._problem.add_class("-shown")

    @on(Input.Changed)
    def _typed(self) -> None:
        self._problem.remove_class("-shown")
