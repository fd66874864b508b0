"""The word modal: a deed so weighty that a word has to be typed for it."""

from __future__ import annotations

import time

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.modals.inputs import TextInput
from evolver_tui.tui.modals.modal import Clock, Modal


class WordModal(Modal[bool]):
    """Ends with True once the word was typed and sent, with None when the person thought better of it."""

    DEFAULT_CSS = """
    WordModal #body {
        max-height: 60vh;
    }
    WordModal TextInput {
        margin: 1 0;
    }
    """

    def __init__(self, title: str, body: str, word: str, deed: str, *, now: Clock = time.monotonic) -> None:
        """Args:
        title: what it is about, one line.
        body: what would happen.
        word: what has to be typed, in whatever case.
        deed: what enter does, as a verb.
        now: counts the time until keys are taken.
        """
        super().__init__(title, now=now)
        self._body = safe_block(body)
        self._word = word
        self._deed = safe_text(deed, 40)
        self._input = TextInput(placeholder=f"type {safe_text(word, 80)}")
        self._problem = Static(Content(f"! Type {safe_text(word, 80)}, or leave with esc."), classes="problem")

    def compose_body(self) -> ComposeResult:
        """What would happen, and the line for the word."""
        with VerticalScroll(id="body", can_focus=False):
            yield Static(Content(self._body))
        yield self._input
        yield self._problem

    def key_line(self) -> str:
        """Do it or not."""
        return f"enter {self._deed} · esc go back"

    def action_submit(self) -> None:
        """Do it, if the word stands there."""
        if self._input.value.strip().lower() == self._word.lower():
            self.finish(True)
        elif self.is_armed:
            self._problem.add_class("-shown")

    @on(Input.Changed)
    def _typed(self) -> None:
        self._problem.remove_class("-shown")
