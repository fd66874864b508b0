"""The training view: what drawing a plot costs, and how long an update takes to the screen.

`python -m tests.benchmarks.training_view PIPE ARGUMENT...` is the console with one place of training runs: a pipe.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.style import Style

from evolver_tui.cli.main import main as evolver_tui_main
from evolver_tui.core.training.curve import Curve
from evolver_tui.core.training.plot import PlotLine, make_plot
from evolver_tui.core.training.record import Event, Point, Record, RunHeader, read_line, to_line
from evolver_tui.core.training.series import Series
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.engine.training.monitor import TrainingMonitor
from evolver_tui.engine.training.source import RunSource, SourceStanding
from evolver_tui.tui.drawing.plot_drawing import PlotSigns, draw_plot, frame_of
from evolver_tui.tui.drawing.styles import Line, StyleMap, paint, theme_styles
from evolver_tui.wiring import training as wiring
from tests.benchmarks.figures import Row, at_most, percentile, told
from tests.benchmarks.terminal import FRAME_END, Terminal
from tests.benchmarks.workplace import Home, sample_hub, temporary_folder

COLUMNS, ROWS = 100, 20
FEW, MANY = 3_000, 300_000
POINTS_A_SECOND = 1_000
_SILENT = 0.001
_LEFT = 8
_COLORS: Mapping[str, str] = {"background": "#12161c", "foreground": "#cdd9e5", "mark-run": "#6cb6ff", "dim": "#949eaa"}
_TOTAL = 100_000_000


def training_view(is_quick: bool) -> Iterator[Row]:
    """Redraws of 100 by 20 cells after each point that comes; then updates in the console's own process."""
    yield from _redraws(60 if is_quick else 300)
    yield from _updates(40 if is_quick else 200)


# --- redraws


def _redraws(rounds: int) -> Iterator[Row]:
    styles = theme_styles(_COLORS)
    few, many = _Redraw(FEW, styles), _Redraw(MANY, styles)
    smoothed = _Redraw(MANY, styles, weight=0.9)
    taken: dict[str, list[float]] = {"floor": [], "few": [], "many": [], "smoothed": []}
    for _ in range(rounds):
        taken["floor"].append(_empty(styles))
        for name, each in (("few", few), ("many", many), ("smoothed", smoothed)):
            taken[name].append(each.milliseconds())
    floor = statistics.median(taken["floor"])
    words = f", {statistics.median(taken['few']) / floor:.1f}x an empty pane"
    yield at_most("plot redraw, 3,000 points", [statistics.median(taken["few"])], 3.0, " ms", words)
    words = f", {statistics.median(taken['many']) / floor:.1f}x an empty pane"
    yield at_most("plot redraw, 300,000 points", [statistics.median(taken["many"])], 3.0, " ms", words)
    ratio = statistics.median(taken["many"]) / statistics.median(taken["few"])
    yield at_most("... 300,000 points / 3,000", [ratio], 2.0)
    yield told("... smoothed, what was told behind", [statistics.median(taken["smoothed"])], " ms")
    yield told("floor: an empty pane of that size", [floor], " ms")


class _Redraw:
    def __init__(self, count: int, styles: StyleMap, *, weight: float = 0.0) -> None:
        source = random.Random(1)
        self._series = Series()
        for step in range(count):
            self._series.add(step, step / 2, 0.4 + 4 * math.exp(-5 * step / count) + source.gauss(0, 0.08))
        raw = Curve(self._series) if weight else None
        self._line = PlotLine("loss", Curve(self._series, weight), raw)
        self._styles = styles
        self._frame = frame_of(COLUMNS + _LEFT, ROWS + 2)
        self.milliseconds()

    def milliseconds(self) -> float:
        """Take a point, and draw all of it."""
        step = self._series.steps[-1] + 1
        self._series.add(step, step / 2, 0.45)
        started = time.perf_counter()
        plot = make_plot([self._line], self._frame.dots, (8, 5))
        _paint(draw_plot(plot, self._frame, PlotSigns()), self._styles)
        return 1e3 * (time.perf_counter() - started)


def _empty(styles: StyleMap) -> float:
    started = time.perf_counter()
    _paint([[]] * (ROWS + 2), styles)
    return 1e3 * (time.perf_counter() - started)


def _paint(lines: Sequence[Line], styles: StyleMap) -> None:
    for line in lines:
        paint(line, styles, COLUMNS + _LEFT, Style())


# --- updates


def _updates(count: int) -> Iterator[Row]:
    alone, busy = _measured(count, 0), _measured(count, POINTS_A_SECOND)
    yield at_most("training update to screen, p99", [percentile(alone, 99)], 150, " ms", _words(alone))
    yield at_most("... while 1,000 points/s come, p99", [percentile(busy, 99)], 150, " ms", _words(busy))


def _words(taken: Sequence[float]) -> str:
    return f", p50 {percentile(taken, 50):.0f} ms, max {max(taken):.0f} ms of {len(taken)}"


def _measured(count: int, points_a_second: int) -> list[float]:
    """Milliseconds from an event's way into the console's process to the end of the frame that shows it."""
    source = random.Random(2)
    with temporary_folder() as folder, sample_hub(rate=_SILENT, count=0) as hub_url:
        home, pipe = Home(folder / "home"), folder / "pipe"
        os.mkfifo(pipe)
        program = ("-m", "tests.benchmarks.training_view", str(pipe), "--hub", hub_url)
        with home.terminal(*program) as terminal:
            terminal.see(b"mconnected ")
            time.sleep(1)
            terminal.press(b"4", b"Nothing has trained")
            with _Writer(pipe, points_a_second) as writer:
                _time(terminal, writer, 0)
                taken = []
                for number in range(1, count + 1):
                    time.sleep(source.uniform(0.05, 0.25))
                    taken.append(_time(terminal, writer, number))
                return taken


def _time(terminal: Terminal, writer: _Writer, number: int) -> float:
    terminal.watch(b"marker-%d " % number + rb"(?:(?!\x1b\[\?2026l).)*" + FRAME_END)
    sent = time.monotonic_ns()
    writer.write(Event(f"marker-{number}", time.time(), number, payload={"number": number}))
    return (terminal.wait().at - sent) / 1e6


class _Writer:
    """Writes records into the pipe; points by themselves in a thread."""

    def __init__(self, pipe: Path, points_a_second: int) -> None:
        self._descriptor = os.open(pipe, os.O_WRONLY)
        self._rate = points_a_second
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._points, daemon=True)

    def write(self, record: Record) -> None:
        """One record, whole."""
        with self._lock:
            os.write(self._descriptor, to_line(record))

    def _points(self) -> None:
        began, step = time.monotonic(), 0
        while self._rate and not self._is_over.wait(0.005):
            while step < (time.monotonic() - began) * self._rate:
                self.write(Point(step, time.time(), {"loss": 1 + math.sin(step / 50), "rate": 0.5}))
                step += 1

    def __enter__(self) -> _Writer:
        self.write(RunHeader("run", started_at=time.time(), total_steps=_TOTAL))
        for step in range(20):
            self.write(Point(step, time.time(), {"loss": 1.0}))
        self._thread.start()
        return self

    def __exit__(self, *of: object) -> None:
        self._is_over.set()
        self._thread.join()
        os.close(self._descriptor)


class PipeSource:
    """One run, told through a pipe to the loop of whoever watches."""

    standing = SourceStanding("pipe", "pipe", True)

    def __init__(self, pipe: str) -> None:
        self._descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self._rest = b""
        self.runs: dict[str, TrainingRun] = {}

    @property
    def changes(self) -> int:
        """All that was told."""
        return sum(run.changes for run in self.runs.values())

    async def open(self) -> None:
        """Read whenever there is something."""
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    async def close(self) -> None:
        """Read no more."""
        asyncio.get_running_loop().remove_reader(self._descriptor)

    def follow(self, run_id: str) -> None:
        """All of it is read anyway."""

    def _read(self) -> None:
        *lines, self._rest = (self._rest + os.read(self._descriptor, 1 << 16)).split(b"\n")
        for line in lines:
            self.runs.setdefault("run", TrainingRun("run")).add(read_line(line))


def main() -> None:
    """The console, with the pipe as its only place."""
    pipe, *arguments = sys.argv[1:]

    def no_other(place: str) -> RunSource:
        raise RuntimeError(place)

    wiring.make_training_monitor = lambda workspace: TrainingMonitor([PipeSource(pipe)], no_other)  # type: ignore[assignment,misc]
    sys.exit(evolver_tui_main(arguments))


if __name__ == "__main__":
    main()
