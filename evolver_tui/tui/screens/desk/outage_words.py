"""What is said of something that jobs share and that does not work: in a line, and once as a notice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.core.errors import BUDGET, DATABASE, LIBRARY, MODEL
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.styles import fit, width_of

if TYPE_CHECKING:
    from evolver_tui.core.outage import Outage


class OutageWords(NamedTuple):
    """What does not work, as it reads at a moment."""

    head: str
    """What is paused."""
    brief: str
    when: str
    can_be_tried: bool = True
    """Whether trying now can help."""

    @classmethod
    def of(cls, outages: Sequence[Outage], now: float) -> OutageWords | None:
        """All that is paused, why, and when the first of it is tried again; None where nothing is.

        Args:
            now: seconds since 1970.
        """
        if not outages:
            return None
        heads = (head_of(outage.shared) for outage in outages)
        briefs = dict.fromkeys(safe_text(outage.brief, 200) for outage in outages)
        first = min(outages, key=lambda outage: (not outage.is_trying, outage.next_try))
        return cls(", ".join(dict.fromkeys(heads)), "; ".join(briefs), first.when(now), can_be_tried(outages))

    def line(self, dot: str, width: int, hint: str = "") -> str:
        """All of it within a width: the reason gives way, and the hint where there is no room for it."""
        between = f" {dot} "
        room = width - width_of(between.join((self.head, "", self.when)))
        brief = self.brief if width_of(self.brief) <= room else fit(self.brief, max(room, 8)).rstrip()
        words = between.join((self.head, brief, self.when))
        whole = f"{words}{between}{hint}"
        return whole if hint and width_of(whole) <= width else words


def can_be_tried(outages: Sequence[Outage]) -> bool:
    """Whether trying now can help: a budget that is used up stays so."""
    return any(outage.shared != BUDGET for outage in outages)


def head_of(shared: str) -> str:
    """What is paused while this does not work."""
    known = {MODEL: "author paused", BUDGET: "author paused", LIBRARY: "saving paused", DATABASE: "all paused"}
    return known.get(shared) or f"{safe_text(shared, 40)} paused"


def back_words(shared: str) -> str:
    """That this works again."""
    return "The author goes on." if shared == BUDGET else f"The {safe_text(shared, 40)} works again."
