"""The status line: what runs, what waits, what needs a person; one row that gives way from its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.style import Style

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.formatting import rate
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Fragment, Line, line_width, spread
from evolver_tui.tui.screens.desk.panes.hub_pane import link_symbol

if TYPE_CHECKING:
    from evolver_tui.core.link_state import LinkState
    from evolver_tui.tui.screens.desk.outage_words import OutageWords


_WIDE = 100
_BADGE_CELLS = 12
"""Of the badge, and the gap before what follows it and behind."""


class Status(NamedTuple):
    """What the line says."""

    link: LinkState | None = None
    is_sample: bool = False
    per_second: float = 0.0
    waiting: int = 0
    needs_you: int = 0
    tier: str = ""
    """How nodes are held here; empty while nobody knows."""
    runs_unheld: bool = False
    """Whether nodes run although nothing holds them."""
    author: str = ""
    session_id: str = ""
    is_paused: bool = False
    is_closing: bool = False
    trouble: str = ""
    """What cannot be done with the database at this moment, in two words; empty while all can."""
    outage: OutageWords | None = None
    """What jobs share and does not work."""
    replay: str = ""
    """Where the replay of a session is; empty where one runs."""


class StatusLine(Pane):
    """One row, drawn again when it reads differently."""

    def __init__(self, views: Sequence[tuple[str, str]], try_key: str, *, plain: bool = False) -> None:
        """Args:
        views: key and label of each.
        try_key: tries at once what does not work.
        """
        super().__init__(plain=plain, id="status")
        self._views = views
        self._try_hint = f"{try_key} try now"
        self._status = Status()

    def update(self, status: Status) -> None:
        """What is so now."""
        if status != self._status:
            self._status = status
            self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row."""
        left: list[Fragment] = [(" evolver ", "badge"), (" ", "text")]
        for group in self._groups(width):
            if line_width(left) + line_width(group) > width:
                break
            left += group
        status = self._status
        views = [part for key, label in self._views for part in ((key, "strong"), (f" {label} ", "text"))]
        if not status.session_id:
            return spread(left, views, width), None
        session: list[Fragment] = [(f"{status.session_id}  ", "dim"), *views]
        fits = line_width(left) + line_width(session) < width
        return spread(left, session if fits else views, width), None

    def _groups(self, width: int) -> Iterator[list[Fragment]]:
        status = self._status
        needs_you: list[Fragment] = [(f" needs you {status.needs_you:,} ", "alarm"), ("  ", "text")]
        if status.replay:
            yield [(status.replay, "warn"), ("  ", "text")]
        if status.trouble:
            yield [(f"{self.symbols.rejected} {status.trouble}", "error"), ("  ", "text")]
        if status.outage is not None:
            hint = (
                self._try_hint if width >= _WIDE and status.outage.can_be_tried else ""
            )  # else it stands in the key line alone
            yield [(status.outage.line(self.symbols.dot, width - _BADGE_CELLS, hint), "warn"), ("  ", "text")]
            if status.needs_you:
                yield needs_you
        mark, style = link_symbol(status.link, self.symbols)
        yield [(f"{mark} ", style), (self._hub_words(width), "text"), ("  ", "text")]
        yield [("queue ", "text"), (f"{status.waiting:,}", "strong"), ("  ", "text")]
        if status.needs_you and status.outage is None:
            yield needs_you
        if status.tier == "none":
            words = "box none, nodes run" if status.runs_unheld else "box none"
            yield [(f"{self.symbols.rejected} {words}", "error"), ("  ", "text")]
        if status.is_closing:
            yield [("finishing… q again quits at once", "warn"), ("  ", "text")]
        if status.is_paused:
            yield [("intake paused", "warn"), ("  ", "text")]
        if status.tier not in ("", "none"):
            yield [(f"box {status.tier}", "text"), ("  ", "text")]
        if status.author:
            yield [(status.author, "text"), ("  ", "text")]

    def _hub_words(self, width: int) -> str:
        link = self._status.link
        if link is None:
            return "no hub"
        name = "sample hub" if self._status.is_sample else safe_text(link.url.host, 40)
        if link.phase == "connected":
            speed = rate(self._status.per_second)
            return f"{name} {speed}" if width >= _WIDE else speed
        return f"{name} {link.phase}" if width >= _WIDE else link.phase
