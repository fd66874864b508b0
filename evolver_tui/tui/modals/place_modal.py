"""The place modal: where further training runs are seen."""

from __future__ import annotations

import time

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.modals.inputs import TextInput
from evolver_tui.tui.modals.modal import Clock, Modal


class PlaceModal(Modal[str]):
    """Ends with what was typed, or with None when the person thought better of it."""

    DEFAULT_CSS = """
    PlaceModal TextInput {
        margin: 1 0;
    }
    """

    def __init__(self, place: str = "", problem: str = "", *, now: Clock = time.monotonic) -> None:
        """Args:
        place: what was typed before.
        problem: what is wrong with that, as a sentence.
        now: counts the time until keys are taken.
        """
        super().__init__("Watch training runs", now=now)
        self._input = TextInput(place, placeholder="~/runs, metrics.csv, http://localhost:5001")
        self._problem = Static(Content(f"! {safe_text(problem, 500)}"), classes="problem")
        self._problem.set_class(bool(problem), "-shown")

    def compose_body(self) -> ComposeResult:
        """What may be typed, and the line for it."""
        yield Static(Content("A folder or file of runs, whoever writes it, or the address of a progress server."))
        yield self._input
        yield self._problem

    def key_line(self) -> str:
        """Watch it or not."""
        return "enter watch · esc go back"

    def action_submit(self) -> None:
        """Watch it, if something stands there."""
        if self._input.value.strip():
            self.finish(self._input.value.strip())

    @on(Input.Changed)
    def _typed(self) -> None:
        if self.is_armed:  # what was typed before stands there from the start
            self._problem.remove_class("-shown")
