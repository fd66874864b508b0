"""The card of a session: its figures, or those of two beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.style import Style

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.session_words import cost_words, percent_words, token_words
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.formatting import day_and_time
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line, fill, fit, fit_middle

if TYPE_CHECKING:
    from evolver_tui.core.session_figures import SessionFigures
    from evolver_tui.engine.past_sessions import PastSession
    from evolver_tui.engine.signal_log import SessionRecord

_LABEL, _DIFFERENCE = 10, 10
_LEAST_CELL = 8


class SessionCard(Pane):
    """What is known of the selected session, beside the marked one where one is marked."""

    DEFAULT_CLASSES = "framed"
    pane_name = "session"

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="session")
        self._record: SessionRecord | None = None
        self._past: PastSession | None = None
        self._marked: PastSession | None = None
        self.set_title("Session")

    def show(self, record: SessionRecord | None, past: PastSession | None, marked: PastSession | None) -> None:
        """Show a session.

        Args:
            past: with its figures; None while they are read.
            marked: the one to show it beside.
        """
        self._record, self._past, self._marked = record, past, marked
        self.set_title("Session" if marked is None else "Two sessions")
        self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One of its lines."""
        lines = list(self._lines(width))
        return (lines[y] if y < len(lines) else []), None

    def _lines(self, width: int) -> Iterator[Line]:
        record, past, marked = self._record, self._past, self._marked
        if record is None:
            return
        if past is None:
            yield [(fit(safe_text(record.id, 100), width), "strong")]
            yield [("reading its figures…", "dim")]
        elif marked is None:
            yield [(fit(safe_text(record.id, 100), width), "strong")]
            yield from ([(fill(label, _LABEL), "dim"), (text, "text")] for label, text in _facts(past))
        else:
            yield from _beside(marked, past, width)


def _facts(past: PastSession) -> Iterator[tuple[str, str]]:
    record, figures = past.record, past.figures
    yield "began", f"{day_and_time(record.started_at)} on {safe_text(record.host, 60)}"
    yield past.standing.value, f"{day_and_time(past.until)}, after {age(past.seconds)}"
    yield "tasks", f"{figures.tasks:,} came"
    yield "approved", f"{figures.approved:,}, rejected {figures.rejected:,}: {percent_words(figures)}"
    yield "asked", f"{figures.turns:,} questions and reviews"
    if figures.mean_wait is not None:
        yield "waited", f"{age(figures.waited)} for a person, {age(figures.mean_wait)} each"
    estimated = f", {figures.estimated_tokens:,} estimated" if figures.estimated_tokens else ""
    yield "tokens", f"{figures.tokens:,}{estimated}"
    yield "cost", f"{cost_words(figures)}{', of estimated tokens' if figures.is_cost_estimated else ''}"


def _beside(first: PastSession, second: PastSession, width: int) -> Iterator[Line]:
    """Two sessions in columns, and what the second one has more."""
    cell = max(_LEAST_CELL, (width - _LABEL - _DIFFERENCE) // 2)
    head = (fit_middle(safe_text(each.record.id, 100), cell - 1) for each in (first, second))
    yield [(" " * _LABEL, "dim"), *((fill(words, cell), "strong") for words in head), ("difference", "dim")]
    for label, one, other, difference in _rows(first, second):
        cells = (fill(fit(text, cell - 1), cell) for text in (one, other))
        yield [(fill(label, _LABEL), "dim"), *((text, "text") for text in cells), (difference, "name")]


def _rows(first: PastSession, second: PastSession) -> Iterator[tuple[str, str, str, str]]:
    one, other = first.figures, second.figures
    (day, time), (other_day, other_time) = (_day_and_time(each) for each in (first, second))
    yield "day", day, other_day, ""
    yield "began", time, other_time, ""
    yield "length", age(first.seconds), age(second.seconds), _more_seconds(first.seconds, second.seconds)
    for label, a, b in (
        ("tasks", one.tasks, other.tasks), ("approved", one.approved, other.approved),
        ("rejected", one.rejected, other.rejected),
    ):  # fmt: skip
        yield label, f"{a:,}", f"{b:,}", _more(b - a)
    yield "rate", percent_words(one), percent_words(other), _more_points(one.approve_rate, other.approve_rate)
    yield "asked", f"{one.turns:,}", f"{other.turns:,}", _more(other.turns - one.turns)
    both = one.mean_wait is not None and other.mean_wait is not None
    more = _more_seconds(one.mean_wait or 0.0, other.mean_wait or 0.0) if both else ""
    yield "wait each", _wait_words(one), _wait_words(other), more
    yield "tokens", token_words(one), token_words(other), _more(other.tokens - one.tokens)
    same = one.cost is not None and other.cost is not None and one.currency == other.currency
    more = f"{(other.cost or 0.0) - (one.cost or 0.0):+,.2f}" if same else ""
    yield "cost", cost_words(one), cost_words(other), more


def _day_and_time(session: PastSession) -> tuple[str, str]:
    day, _, time = day_and_time(session.record.started_at).rpartition(" ")
    return day, time


def _wait_words(figures: SessionFigures) -> str:
    return age(figures.mean_wait) if figures.mean_wait is not None else "-"


def _more(number: int) -> str:
    return f"{number:+,}" if number else "="


def _more_points(one: float | None, other: float | None) -> str:
    if one is None or other is None:
        return ""
    points = round(100 * (other - one))
    return f"{points:+} points" if points else "="


def _more_seconds(one: float, other: float) -> str:
    more = other - one
    return "=" if abs(more) < 1 else f"{'+' if more > 0 else '-'}{age(abs(more))}"
