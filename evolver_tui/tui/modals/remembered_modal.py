"""The remembered answers and what each decided; a key revokes one, another takes back what it answered last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key

from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.decision_keys import SECONDS_TO_CONFIRM, Role
from evolver_tui.tui.key_watch import key_app
from evolver_tui.tui.modals.modal import Clock, Modal
from evolver_tui.tui.modals.remembered_list import RememberedList

if TYPE_CHECKING:
    from evolver_tui.core.answer_rule import AnswerRuleRecord, RuleDecision

_REVOKE, _UNDO = "x", "u"
_FEWEST_ROWS, _SPARE_ROWS, _FRAME_ROWS = 6, 2, 3


class RememberedModal(Modal[None]):
    """Stays open while a confirmation lies over it; ends when it is left."""

    DEFAULT_CSS = """
    RememberedModal > #window {
        width: 112;
        padding: 1 1 0 1;
    }
    """

    def __init__(
        self,
        keymap: Keymap,
        on_revoke: Callable[[AnswerRuleRecord], None],
        on_undo: Callable[[AnswerRuleRecord], None],
        on_look: Callable[[AnswerRuleRecord], None],
        rows: Sequence[AnswerRuleRecord],
        session_id: str,
        *,
        plain: bool = False,
        now: Clock = time.monotonic,
        wall_now: Callable[[], float] = time.time,
    ) -> None:
        """Args:
        keymap: what keys do on the desk.
        on_revoke: told which one a person wants to revoke.
        on_undo: told of which one they want to take back what it answered last.
        on_look: told on which one the cursor stands.
        rows: those that are shown at first.
        session_id: the session that is looked from.
        plain: whether to draw with ASCII alone.
        now: counts the time until keys are taken.
        wall_now: seconds since 1970.
        """
        super().__init__("Remembered answers", now=now)
        self._keymap = keymap
        self._on_revoke, self._on_undo = on_revoke, on_undo
        self._on_look = on_look
        self._list = RememberedList(rows, session_id, wall_now, plain=plain)
        self._count = len(rows)

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield self._list

    def key_line(self) -> str:
        """What can be done with the one under the cursor; leave."""
        if self._list.selected is None:
            return "esc close"
        return f"{_REVOKE} revoke · {_UNDO} undo what it answered last · esc close"

    def on_resize(self) -> None:
        """Leave some of the desk in sight where there is room for that."""
        margin = 6 if self.size.height >= 32 else 0
        rows = max(_FEWEST_ROWS, self._count + _SPARE_ROWS)
        height = _FRAME_ROWS + RememberedList.HEAD_ROWS + rows + RememberedList.DETAIL_ROWS
        self.query_one("#window").styles.height = min(height, self.size.height - margin)

    def show(self, rows: Sequence[AnswerRuleRecord]) -> None:
        """Show these."""
        self._count = len(rows)
        self._list.show(rows)
        self.on_resize()

    def show_decisions(self, rule: int, decisions: Sequence[RuleDecision]) -> None:
        """Show what one decided."""
        self._list.show_decisions(rule, decisions)

    @on(RememberedList.Moved)
    def _moved(self) -> None:
        """Say where the cursor stands, and what can be done there."""
        at, total = self._list.position
        title = f"{self._title} · {at:,} of {total:,}" if total else self._title
        self.query_one("#window").border_title = Content(self._with_dots(title))
        self.show_keys(self.key_line())
        if self._list.selected is not None:
            self._on_look(self._list.selected)

    def role_of(self, event: Key) -> Role:
        """Taking back stays; revoking asks first."""
        if event.key == _UNDO:
            return Role.DECIDES
        return Role.MOVES if event.key == "enter" else super().role_of(event)

    def means(self, key: str, character: str | None) -> bool:
        """The list's keys, and those of what can be done."""
        action = self._keymap.find(self._list.pane_name, key)
        return key in (_REVOKE, _UNDO) or (action is not None and action.local is not None)

    def on_key(self, event: Key) -> None:
        """Walk, revoke, undo."""
        selected = self._list.selected
        if event.key in (_REVOKE, _UNDO):
            event.stop()
            if selected is not None and self.is_armed:
                self._do(event.key, selected)
            return
        action = self._keymap.find(self._list.pane_name, event.key)
        if action is not None and action.local is not None:
            event.stop()
            action.local(self._list)

    def _do(self, key: str, record: AnswerRuleRecord) -> None:
        """Revoke at once; take back once the key was alone, so that one held down takes nothing back."""
        if key == _REVOKE:
            self._on_revoke(record)
        else:
            key_app(self.app).hold(key, SECONDS_TO_CONFIRM, lambda: self._on_undo(record))
