"""The confirm modal: an action that is not done by accident."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.decision_keys import SECONDS_TO_CONFIRM, Role
from evolver_tui.tui.modals.inputs import ChoiceRow, Chooser
from evolver_tui.tui.modals.modal import Clock, Modal

_CONFIRM, _KEEP = 0, 1
_GO_BACK = "go back"
"""Leaving things as they are, as a verb."""


class ConfirmModal(Modal[bool]):
    """Ends with True for `y`, False for `n` and escape. Enter takes what is chosen, and at first that is no."""

    DEFAULT_CSS = """
    ConfirmModal #body {
        max-height: 60vh;
    }
    ConfirmModal ChoiceRow {
        margin: 1 0 0 0;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False, priority=True),
        Binding("n", "answer(False)", show=False, priority=True),
    ]

    def __init__(self, deed: str, about: str, body: str, *, now: Clock = time.monotonic) -> None:
        """Args:
        deed: the action, by the one verb that it has everywhere.
        about: what would be done it to, for the title: `Cancel task-9?`.
        body: what would happen.
        now: counts the time until keys are taken.
        """
        deed = safe_text(deed, 40)
        super().__init__(f"{deed[:1].upper()}{deed[1:]} {about}?", now=now)
        self._body = safe_block(body)
        self._deed = deed
        self._row = ChoiceRow((("y", deed), ("n", _GO_BACK)), _KEEP, clearable=False)

    def compose_body(self) -> ComposeResult:
        """What would happen, and the two ways."""
        with VerticalScroll(id="body", can_focus=False):
            yield Static(Content(self._body))
        yield self._row

    def key_line(self) -> str:
        """Both keys and the way out."""
        return f"y {self._deed} · n or esc {_GO_BACK}"

    def role_of(self, event: Key) -> Role:
        """Yes is a decision; no is none."""
        return Role.DECIDES if event.key == "y" else super().role_of(event)

    def action_answer(self, confirmed: bool) -> None:
        """Yes or no, by its letter."""
        self.finish(confirmed, "y", SECONDS_TO_CONFIRM)

    def action_submit(self) -> None:
        """Take what is chosen."""
        self.finish(self._row.chosen == (_CONFIRM,), seconds=SECONDS_TO_CONFIRM)

    def action_cancel(self) -> None:
        """Escape is no."""
        self.finish(False)

    @on(Chooser.Changed)
    def _chosen(self) -> None:
        """Say what enter would do."""
        label = self._deed if self._row.chosen == (_CONFIRM,) else _GO_BACK
        self.show_keys(f"enter {label} · esc {_GO_BACK}")
