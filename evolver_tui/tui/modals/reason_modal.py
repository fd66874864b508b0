"""The reason modal: one line that goes back to the author."""

from __future__ import annotations

import time

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from evolver_tui.tui.modals.inputs import TextInput
from evolver_tui.tui.modals.modal import Clock, Modal


class ReasonModal(Modal[str | None]):
    """Ends with the reason, or None when the person thought better of it."""

    DEFAULT_CSS = """
    ReasonModal TextInput {
        margin: 0 0 1 0;
    }
    """

    def __init__(self, title: str, *, now: Clock = time.monotonic) -> None:
        """Args:
        title: what is rejected, one line.
        now: counts the time until keys are taken.
        """
        super().__init__(title, now=now)
        self._input = TextInput(placeholder="what should be different")
        self._problem = Static(
            Content("! A reason is needed: the author reads it before writing again."), classes="problem"
        )

    def compose_body(self) -> ComposeResult:
        """The line, and what becomes of it."""
        yield self._input
        yield Static(Content("The reason goes back to the author, who writes a new draft."), classes="dim")
        yield self._problem

    def key_line(self) -> str:
        """Send or not."""
        return "enter send back · esc cancel"

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
