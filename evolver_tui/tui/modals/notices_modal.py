"""The notices modal: what was said on the notice line, in full, the latest first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.drawing.formatting import clock_time
from evolver_tui.tui.drawing.notice_line import whole_words
from evolver_tui.tui.modals.modal import Clock
from evolver_tui.tui.modals.scrolled_modal import ScrolledModal

_STYLES = {"error": "$mark-error", "warning": "$mark-warn"}


class KeptNotice(NamedTuple):
    """A notice, and when it was given, in seconds since 1970."""

    at: float
    severity: str
    message: str


class NoticesModal(ScrolledModal):
    """Every notice of this session that is kept."""

    DEFAULT_CSS = """
    NoticesModal > #window {
        width: 96;
    }
    NoticesModal #list {
        max-height: 80vh;
        scrollbar-gutter: stable;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll(-1)", show=False, priority=True),
        Binding("j", "scroll(1)", show=False, priority=True),
    ]

    def __init__(self, notices: Iterable[KeptNotice], *, now: Clock = time.monotonic) -> None:
        """Args:
        notices: oldest first.
        now: counts the time until keys are taken.
        """
        super().__init__("Notices", now=now)
        self._notices: Sequence[KeptNotice] = tuple(notices)[::-1]

    def compose_body(self) -> ComposeResult:
        """Time and words of each."""
        with VerticalScroll(id="list", can_focus=False):
            yield Static(_listing(self._notices), markup=False)

    def role_of(self, event: Key) -> Role:
        """Nothing is decided here: enter closes."""
        return Role.MOVES


def _listing(notices: Sequence[KeptNotice]) -> Content:
    if not notices:
        return Content.styled("Nothing was said yet.", "$dim")
    return Content("\n\n").join(
        Content.assemble(
            (f"{clock_time(notice.at)[:8]}  ", "$dim"),
            (whole_words(notice.message), _STYLES.get(notice.severity, "")),
        )
        for notice in notices
    )
