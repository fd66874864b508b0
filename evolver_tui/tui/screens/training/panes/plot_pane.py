"""The plot: a legend that is read off where the cursor is, and the lines over their axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from textual import events
from textual.message import Message

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.training.plot import Plot, PlotLine, longest, make_plot, next_place, on_top, read_at, whole_span
from evolver_tui.core.training.plot_scale import short_number
from evolver_tui.tui.drawing.formatting import clock_time, count
from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.plot_drawing import PLAIN_SIGNS, PlotSigns, draw_plot, frame_of, line_sign
from evolver_tui.tui.drawing.snapshot_pane import SnapshotPane
from evolver_tui.tui.drawing.styles import Fragment, Line, fit_middle, set_out
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.screens.training.plot_choice import PlotChoice

if TYPE_CHECKING:
    from evolver_tui.core.training.plot import Reading

_TICK_CELLS, _TICK_ROWS = 11, 4
"""From one tick to the next, about."""
_STRIDE = 10
"""Parts of the picture that a long step of the cursor goes."""
_LEAST = (20, 5)
"""Cells that a plot needs."""


class PlotPointed(Message):
    """A person pointed at a step or second of the plot."""

    def __init__(self, place: float) -> None:
        super().__init__()
        self.place = place


class PlotPane(SnapshotPane, Movable):
    """Draws one moment of its lines; going up and down in it goes through the runs."""

    DEFAULT_CLASSES = "framed"
    pane_name = "plot"
    can_focus = True

    def __init__(self, runs: Movable, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="plot")
        self._signs = PLAIN_SIGNS if plain else PlotSigns()
        self._runs = runs
        self.lines: Sequence[PlotLine] = ()
        self._choice = PlotChoice()
        self._guide: TextPage | None = None
        self._drawn: list[Line] = []
        self._frame = frame_of(*_LEAST)
        self.plot: Plot | None = None
        """What is drawn; None where there is nothing."""
        self.set_title("Plot")

    # --- what is shown

    def show(self, metric: str, run: str, lines: Sequence[PlotLine], choice: PlotChoice) -> None:
        """Show some lines.

        Args:
            metric: its name.
            run: the name of the run that is looked at.
        """
        self._guide, self.lines, self._choice = None, lines, choice
        title = " · ".join(filter(None, (safe_text(metric, 60), safe_text(run, 60))))
        self.set_title(title or "Plot")
        self._make()
        self.draw_again()

    def show_guide(self, title: str, page: TextPage) -> None:
        """Show words in the plot's place."""
        self._guide, self.lines, self.plot = page, (), None
        self.set_title(title)
        self.set_subtitle("")
        self._make()
        self.draw_again()

    def _make(self) -> None:
        width, height = self.size.width, self.size.height
        if self._guide is not None:
            self._drawn = [[(" ", "text"), *row] for row in self._guide.rows(max(1, width - 2))]
        elif not any(len(line.curve.series) for line in self.lines):
            self.plot, self._drawn = None, [[(" No numbers so far.", "dim")]]
            self.set_subtitle("")
        elif width < _LEAST[0] or height < _LEAST[1]:
            self.plot, self._drawn = None, []
        else:
            self.plot = self._plot_within(width, height - 1)
            self._drawn = [self._legend(width), *draw_plot(self.plot, self._frame, self._signs, self._choice.cursor)]
            self._say_how()

    def _plot_within(self, width: int, height: int) -> Plot:
        """The plot, in a frame that has room for the words of each tick: half a number would be another one."""
        choice, frame = self._choice, frame_of(width, height)
        while True:
            plot = make_plot(
                self.lines, frame.dots, (frame.columns // _TICK_CELLS, max(2, frame.rows // _TICK_ROWS)),
                span=choice.span, by_time=choice.by_time, is_log=choice.is_log,
            )  # fmt: skip
            self._frame, needed = frame, 1 + max((len(tick.words) for tick in plot.up.ticks), default=0)
            if needed <= frame.left:
                return plot
            frame = frame_of(width, height, needed)

    def line_now(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One of its rows."""
        return (self._drawn[y] if y < len(self._drawn) else []), None

    def on_resize(self) -> None:
        """Draw for the room that there is."""
        self._make()
        self.draw_again()

    # --- words

    def _legend(self, width: int) -> Line:
        """What each line is, and its value where the cursor is, or else at its end."""
        choice, phrases = self._choice, list[Line]()
        readings = [self._reading(line) for line in self.lines]
        walked = longest(self.lines, by_time=choice.by_time)
        here = self._reading(walked) if walked is not None and choice.cursor is not None else None
        if here is not None:
            dot = "-" if self._signs.inks else "·"
            phrases.append([(f"step {here.step:,} {dot} {clock_time(here.at)[:8]}", "key")])
        room = max(8, width // max(1, len(self.lines)) - 14)
        for number, (line, reading) in enumerate(zip(self.lines, readings, strict=True)):
            phrase: list[Fragment] = [line_sign(number, self._signs), (f" {fit_middle(line.label, room)}", "text")]
            if reading is not None:
                phrase.append((f" {_value_words(reading, is_brief=len(self.lines) > 1)}", "strong"))
            phrases.append(phrase)
        return [(" ", "text"), *set_out(phrases, width - 1, rows=1)[0]]

    def _reading(self, line: PlotLine) -> Reading | None:
        choice = self._choice
        if choice.cursor is not None and self.plot is not None:
            within = (self.plot.across.high - self.plot.across.low) / self._frame.columns
            return read_at(line, choice.cursor, by_time=choice.by_time, within=within)
        places = line.curve.places(by_time=choice.by_time)
        origin = line.origin if choice.by_time else 0.0
        return read_at(line, places[len(line.curve) - 1] - origin, by_time=choice.by_time) if len(line.curve) else None

    def _say_how(self) -> None:
        choice = self._choice
        words = ["time" if choice.by_time else "step"]
        if choice.is_log:
            words.append("log, without 0 and below" if self.plot is not None and self.plot.lacks_lowest else "log")
        if choice.weight:
            words.append(f"smoothed {choice.weight:g}")
        if choice.span.zoom > 1:
            words.append(f"1/{choice.span.zoom:,} of it")
        gaps = sum(line.curve.gaps for line in self.lines)
        if gaps:
            words.append(f"{self._signs.gap} {count(gaps, 'value')} not finite")
        self.set_subtitle(" · ".join(words))

    # --- the cursor

    @property
    def reading(self) -> Reading | None:
        """What the line on top is where the cursor is; None without a cursor."""
        if self._choice.cursor is None:
            return None
        readings = (self._reading(self.lines[number]) for number in reversed(on_top(self.lines)))
        return next((reading for reading in readings if reading is not None), None)

    def moved_cursor(self, by: int, *, far: bool = False) -> PlotChoice:
        """The choice with its cursor some columns of cells to the right, or left below 0; the span goes along.

        Args:
            far: whether `by` counts tenths of the picture.
        """
        plot, choice = self.plot, self._choice
        by_time = choice.by_time
        line = longest(self.lines, by_time=by_time)
        if plot is None or line is None:
            return choice
        if choice.cursor is None:
            index = len(line.curve) - 1
            place = line.curve.places(by_time=by_time)[index] - (line.origin if by_time else 0.0)
            place = min(place, plot.across.high)
        else:
            width = plot.across.high - plot.across.low
            step = by * width / (_STRIDE if far else self._frame.columns)
            place = next_place(line, choice.cursor, step, by_time=by_time)
        low, high = whole_span(self.lines, by_time=by_time)
        return choice._replace(cursor=place, span=choice.span.around(place, low, high))

    def zoomed(self, step: int) -> PlotChoice:
        """The choice with a closer span, or with -1 a wider one; where the cursor is, it stays in sight."""
        choice = self._choice
        span = choice.span.zoomed(step)
        if choice.cursor is not None:
            low, high = whole_span(self.lines, by_time=choice.by_time)
            width = (high - low) / span.zoom
            span = span._replace(start=choice.cursor - width / 2) if span.zoom > 1 else span
        elif span.start is not None:
            span = span._replace(start=None)
        return choice._replace(span=span)

    def on_click(self, event: events.Click) -> None:
        """Point at what is under the pointer."""
        offset = event.get_content_offset(self)
        line = longest(self.lines, by_time=self._choice.by_time)
        if offset is not None and self.plot is not None and line is not None:
            frame, across = self._frame, self.plot.across
            share = (offset.x - frame.left - 1 + 0.5) / frame.columns
            if 0 <= share <= 1:
                place = across.low + share * (across.high - across.low)
                self.post_message(PlotPointed(next_place(line, place, 0.0, by_time=self._choice.by_time)))

    # --- moving

    @property
    def page_height(self) -> int:
        """As many runs as the table shows."""
        return self._runs.page_height

    def move_by(self, rows: int) -> None:
        """To another run."""
        self._runs.move_by(rows)

    def move_top(self) -> None:
        """To the first run."""
        self._runs.move_top()

    def move_bottom(self) -> None:
        """To the last run."""
        self._runs.move_bottom()


def _value_words(reading: Reading, *, is_brief: bool) -> str:
    """The value as it is drawn, and beside one line what was told."""
    told = short_number(reading.value)
    if reading.smoothed is None or reading.smoothed != reading.smoothed:
        return told
    return short_number(reading.smoothed) if is_brief else f"{short_number(reading.smoothed)} ({told})"
