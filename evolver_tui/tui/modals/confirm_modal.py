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

from evolver_tui.core.safe_text import safe_block
from evolver_tui.tui.decision_keys import SECONDS_TO_CONFIRM, Role
from evolver_tui.tui.modals.inputs import ChoiceRow, Chooser
from evolver_tui.tui.modals.modal import Clock, Modal

_CONFIRM, _KEEP = 0, 1


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

    def __init__(
        self, title: str, body: str, confirm_label: str, *, keep_label: str = "cancel", now: Clock = time.monotonic
    ) -> None:
        """Args:
        title: what it is about, one line.
        body: what would happen.
        confirm_label: the action, as a verb.
        keep_label: leaving things as they are, as a verb.
        now: counts the time until keys are taken.
        """
        super().__init__(title, now=now)
        self._body = safe_block(body)
        self._keep_label = keep_label
        self._row = ChoiceRow((("y", confirm_label), ("n", keep_label)), _KEEP, clearable=False)

    def compose_body(self) -> ComposeResult:
        """What would happen, and the two ways."""
        with VerticalScroll(id="body", can_focus=False):
            yield Static(Content(self._body))
        yield self._row

    def key_line(self) -> str:
        """Both keys and the way out."""
        return f"y confirm · n or esc {self._keep_label}"

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
        label = "confirm" if self._row.chosen == (_CONFIRM,) else self._keep_label
        self.show_keys(f"enter {label} · esc {self._keep_label}")
