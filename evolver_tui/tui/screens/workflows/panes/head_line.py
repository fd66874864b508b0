"""The upper row: how NATS and Redis stand, and how much is going on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.style import Style

from evolver_tui.core.workflow.standing import ChatStanding
from evolver_tui.tui.drawing.formatting import rate
from evolver_tui.tui.drawing.head_row import Figure, head_row
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line

if TYPE_CHECKING:
    from evolver_tui.engine.workflow.broker import ServiceStanding

_NAMES: Mapping[str, str] = {"nats": "NATS", "redis": "Redis"}
_LIVE = (ChatStanding.WAITING, ChatStanding.STREAMING, ChatStanding.ASKING)


class Totals(NamedTuple):
    """What the row says."""

    services: Sequence[ServiceStanding] = ()
    counts: Mapping[ChatStanding, int] = {}
    parked: int = 0
    unreadable: int = 0
    per_second: float = 0.0


class HeadLine(Pane):
    """One row, drawn again when it reads differently. What matters least gives way where it is narrow."""

    def __init__(self, views: Line, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="status")
        self._views = views
        self._totals = Totals()

    def update(self, totals: Totals) -> None:
        """What is so now."""
        if totals != self._totals:
            self._totals = totals
            self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row."""
        return head_row(list(self._groups()), self._views, width), None

    def _groups(self) -> Iterator[Figure]:
        """What may stand there, from left to right."""
        totals, counts, symbols = self._totals, self._totals.counts, self.symbols
        if not totals.services:
            yield Figure(0, *[[("workflows", "text")]] * 2)
            return
        for service in totals.services:
            name = _NAMES.get(service.service, "")
            if service.is_up:
                up: Line = [(f"{symbols.on} ", "ok"), (name, "text")]
                yield Figure(1 if name == "NATS" else 7, up, up)
            else:
                yield Figure(0, *[[(f"{symbols.off} ", "error"), (f"{name} away", "warn")]] * 2)
        live = sum(counts.get(each, 0) for each in _LIVE)
        yield Figure(3, *[[(f"{live:,}", "strong"), (" live", "text")]] * 2)
        for need, sign, number, words, style in (
            (2, symbols.asks, counts.get(ChatStanding.ASKING, 0), "asking", "needs"),
            (4, symbols.failed, counts.get(ChatStanding.SILENT, 0), "silent", "warn"),
            (4, symbols.rejected, counts.get(ChatStanding.FAILED, 0), "failed", "error"),
            (4, symbols.done, totals.parked, "parked", "warn"),
            (6, "", totals.unreadable, "unreadable", "warn"),
        ):
            if number:
                yield Figure(need, [(f"{sign} {number:,} {words}".strip(), style)], [(f"{sign} {number:,}", style)])
        pace: Line = [(rate(totals.per_second), "text")]
        yield Figure(5, pace, pace)
        complete: Line = [(f"{counts.get(ChatStanding.COMPLETE, 0):,} complete", "dim")]
        yield Figure(8, complete, complete)
