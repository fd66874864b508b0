"""What is known of the run under the cursor: how far each model is, and its figures; in one row where it is narrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rich.style import Style

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age
from evolver_tui.core.training.plot_scale import short_number, time_words
from evolver_tui.tui.drawing.formatting import count, day_and_time
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.snapshot_pane import SnapshotPane
from evolver_tui.tui.drawing.styles import Fragment, Line, fill, fit, line_width, wrap_words
from evolver_tui.tui.screens.training.standing_words import bar, is_training, standing_sign, standing_words

if TYPE_CHECKING:
    from evolver_tui.core.training.training_run import TrainingRun
    from evolver_tui.engine.training.monitor import WatchedRun

_LABEL = 12
_IN_BRIEF = ("overview", "step", "perplexity", "left", "rate", "grok", "errors", "elapsed", "params", "read by")
_SHORT = 16
"""Rows below which the model that trains alone has a bar beside the one of all."""
_MOST_BARS = 4
"""Models that have a bar of their own; of more, those around the one that trains."""


class RunFacts(SnapshotPane):
    """Bars, then labels and values; a value that is longer than a row goes on below."""

    DEFAULT_CLASSES = "framed"
    pane_name = "facts"

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="facts")
        self._lines: list[Line] = []
        self.set_title("Run")

    def show(self, watched: WatchedRun | None, now: float) -> None:
        """Show a run as it stands."""
        self._lines = list(self._lines_of(watched, now, self.size.width)) if watched is not None else []
        self.draw_again()

    def line_now(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One of its lines."""
        return (self._lines[y] if y < len(self._lines) else []), None

    def _lines_of(self, watched: WatchedRun, now: float, width: int) -> Iterator[Line]:
        run = watched.run
        sign, style = standing_sign(run, self.symbols)
        yield [(f"{sign} ", style), (fit(standing_words(run, now), width - 2), style)]
        yield from self._bars(run, width)
        room = max(1, width - _LABEL)
        for label, value, of in _facts(watched, now):
            for number, row in enumerate(wrap_words(value, room)):
                yield [(fill(label if number == 0 else "", _LABEL), "dim"), (row, of)]

    def _bars(self, run: TrainingRun, width: int) -> Iterator[Line]:
        if not run.header.total_steps and not run.completed:
            return
        room = max(1, width - _LABEL - 6)
        total, most = run.total_models, 1 if self.size.height < _SHORT else _MOST_BARS
        first = max(0, min(run.model - most // 2, total - most))
        models = range(first, min(total, first + most))
        rows = [(f"model {model + 1}", run.model_progress(model)) for model in models]
        if total > 1:
            rows.append(("overall", run.overall))
        for label, done in rows:
            style = "ok" if done >= 100 else "run" if done > 0 else "dim"
            yield [
                (fill(label, _LABEL), "dim"), (bar(done / 100, room, self.symbols), style), (f"{done:5.0f}%", "text"),
            ]  # fmt: skip
        yield []


class FactsLine(Pane):
    """The figures that matter most, in one row."""

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="facts-line")
        self._fragments: Line = []

    def show(self, watched: WatchedRun | None, now: float) -> None:
        """Show a run as it stands."""
        fragments: list[Fragment] = []
        if watched is not None:
            sign, style = standing_sign(watched.run, self.symbols)
            fragments.append((f" {sign}", style))
            room = self.size.width - 2
            facts = {label: (value, of) for label, value, of in _facts(watched, now)}
            for label in _IN_BRIEF:
                gap = "   " if len(fragments) > 1 else " "
                fact: Line = [(gap, "text"), (f"{label} ", "dim"), facts[label]] if label in facts else []
                if line_width(fact) <= room:
                    fragments += fact
                    room -= line_width(fact)
        if fragments != self._fragments:
            self._fragments = fragments
            self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row."""
        return self._fragments, None


class _Fact(NamedTuple):
    label: str
    value: str
    style: str = "text"


def _facts(watched: WatchedRun, now: float) -> Iterator[_Fact]:
    run, standing = watched.run, watched.source.standing
    header, known = run.header, run.metrics()
    if run.is_overview:
        yield _Fact("overview", "some of its points, until all were read", "warn")
    if run.points:
        total = f" of {header.total_steps:,}" if header.total_steps else ""
        model = f", model {run.model + 1} of {run.total_models:,}" if run.total_models > 1 else ""
        yield _Fact("step", f"{run.step:,}{total}{model}", "strong")
    loss = run.loss
    if loss is not None:
        yield _Fact("loss", short_number(loss), "strong" if loss == loss else "error")
    if "perplexity" in known:
        yield _Fact("perplexity", f"{known['perplexity']:,.2f}")
        yield _Fact("grok", f"{known['grokProgress']:.1f}%")
    pace, left = run.steps_per_second, run.seconds_left
    if pace is not None:
        yield _Fact("rate", f"{short_number(pace)} steps/s")
    yield _Fact("elapsed", time_words(run.elapsed))
    if left and is_training(run):
        yield _Fact("left", time_words(left), "strong")
    if header.model_params:
        yield _Fact("params", _size(header.model_params))
    if run.errors or run.recoveries:
        words = f"{count(run.errors, 'error')}, {count(run.recoveries, 'recovery', 'recoveries')}"
        yield _Fact("errors", words, "warn" if run.errors > run.recoveries else "text")
    began = header.started_at or run.first_at
    if began:
        yield _Fact("began", f"{day_and_time(began)}, {age(now - began)} ago")
    yield _Fact("read by", safe_text(standing.way, 60), "text" if standing.is_up else "warn")
    if standing.reason:
        yield _Fact("", safe_text(standing.reason, 500), "warn")
    yield _Fact("place", safe_text(standing.place, 500))
    yield _Fact("run", safe_text(run.run_id, 200))
    if header.project:
        yield _Fact("project", safe_text(header.project, 200))
    if run.left_out:
        yield _Fact("left out", f"{count(run.left_out, 'value')} of too many metrics", "warn")


def _size(number: int) -> str:
    """A number of parameters: `849k`, `25M`, `1.3B`."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number}"
