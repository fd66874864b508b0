"""From a key to its paint, with a million tasks queued and while tasks stream in."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.figures import Row, at_most, percentile
from tests.benchmarks.terminal import FRAME_END, Terminal, resident_kib
from tests.benchmarks.workplace import CONSOLE, Home, sample_hub, silent_provider, temporary_folder, wait_for

BUSY = Path(__file__).parents[1] / "support" / "plugins" / "busy.py"
"""Routines that keep their process busy, or end it."""

FEW, MANY = 1_000, 1_000_000
SILENT = 0.001
"""Tasks a second of a hub that sends its first task and then nothing for the time of a measurement."""
OFFERED_A_SECOND = 5_000

ROW, PAGE = b"j", b"\x1b[6~"
"""The keys."""

_SETTLE_SECONDS = 2.0
_QUIET_SECONDS = (0.03, 0.05)
"""Between a paint and the next key: about as fast as a key repeats, and at no fixed place in the screen's rhythm."""
_ID = rb"(?:task-\d+(?:-r\d+)?|q\d{7})"
"""A task of the hub's, or one that was there before."""
_SELECTED = rb"(\x1b\[1;[0-9;]*m)(%s) " % _ID
"""A row's id in bold: the row under the cursor is the only one drawn so."""
_IN_ONE_FRAME = rb"(?:(?!\x1b\[\?2026l).)*" + FRAME_END


class Cursor:
    """Moves the queue's cursor and takes the time to the end of the frame that shows it on another row."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        _, sight = terminal.press(b"j", _SELECTED + _IN_ONE_FRAME)
        self._ink, self._row = re.escape(sight.match[1]), sight.match[2]
        self._random = random.Random(1)

    def milliseconds(self, key: bytes, count: int) -> list[float]:
        """How long each of so many presses took."""
        taken = []
        for _ in range(count):
            time.sleep(self._random.uniform(*_QUIET_SECONDS))
            another_row = rb"((?!%s )%s) " % (self._row, _ID)
            spent, sight = self._terminal.press(key, self._ink + another_row + _IN_ONE_FRAME)
            taken.append(spent)
            self._row = sight.match[1]
        return taken


def many(is_quick: bool) -> Iterator[Row]:
    """The same moves with a thousand and with a million tasks queued."""
    rows, pages = (100, 40) if is_quick else (300, 200)
    opened: dict[int, list[float]] = {FEW: [], MANY: []}
    moved: dict[int, list[float]] = {FEW: [], MANY: []}
    spent: dict[tuple[int, bytes], list[float]] = {}
    with temporary_folder() as folder, silent_provider() as provider, sample_hub(rate=SILENT, count=0) as hub_url:
        homes = {count: _home(folder / str(count), provider, count) for count in (FEW, MANY)}
        for count in (FEW, MANY) if is_quick else (FEW, MANY) * 3:
            with _console(homes[count], hub_url) as terminal:
                opened[count].append(resident_kib(terminal.pid))
                cursor = Cursor(terminal)
                spent.setdefault((count, ROW), []).extend(cursor.milliseconds(ROW, rows))
                spent.setdefault((count, PAGE), []).extend(cursor.milliseconds(PAGE, min(pages, count // 100)))
                terminal.press(b"G", _SELECTED + _IN_ONE_FRAME)
                moved[count].append(resident_kib(terminal.pid))
    yield at_most("RSS with 1,000,000 tasks / with 1,000, opened", _ratios(opened[MANY], opened[FEW]), 1.15)
    yield at_most("... after moving about", _ratios(moved[MANY], moved[FEW]), 1.15)
    yield at_most("key to paint, p99, a row, 1,000,000 tasks", [percentile(spent[MANY, ROW], 99)], 25, " ms")
    yield at_most("key to paint, p99, a page, 1,000,000 tasks", [percentile(spent[MANY, PAGE], 99)], 40, " ms")
    for count, key, words in ((MANY, ROW, "a row"), (MANY, PAGE, "a page"), (FEW, ROW, "a row"), (FEW, PAGE, "a page")):
        yield Row(f"... {words}, {count:,} tasks", _quantiles(spent[count, key]))


def streaming(is_quick: bool) -> Iterator[Row]:
    """The same moves while nothing comes, and while the hub sends steadily: without and with a file of signals."""
    presses = 120 if is_quick else 250
    kinds = {"idle": (SILENT, False), "busy": (OFFERED_A_SECOND, False), "with a file": (OFFERED_A_SECOND, True)}
    spent: dict[str, list[float]] = {kind: [] for kind in kinds}
    with temporary_folder() as folder, silent_provider() as provider:
        for number in range(1 if is_quick else 2):
            for kind, (rate, has_file) in kinds.items():
                home = _home(folder / f"{number}-{kind.replace(' ', '-')}", provider, FEW)
                if has_file:
                    home.add_signal_file()
                with sample_hub(rate=rate, count=0) as hub_url, _console(home, hub_url) as terminal:
                    spent[kind].extend(Cursor(terminal).milliseconds(ROW, presses))
    idle, busy, beside = (percentile(taken, 99) for taken in spent.values())
    yield at_most("key to paint, p99, at 5,000 tasks/s / idle", [busy / idle], 3)
    yield at_most("... and with a file of signals / idle", [beside / idle], 3)
    yield Row("... idle", _quantiles(spent["idle"]))
    yield Row("... at 5,000 tasks/s", _quantiles(spent["busy"]))
    yield Row("... and with a file of signals", _quantiles(spent["with a file"]))


def beside_a_routine(is_quick: bool) -> Iterator[Row]:
    """The same moves beside a routine that burns CPU, and after ones that ended their process with `os._exit`."""
    presses = 120 if is_quick else 250
    spent: dict[str, list[float]] = {"": [], "spins": [], "exits": []}
    with temporary_folder() as folder, silent_provider() as provider, sample_hub(rate=SILENT, count=0) as hub_url:
        for number in range(1 if is_quick else 2):
            for routine, taken in spent.items():
                home = _home(folder / f"{number}-{routine or 'idle'}", provider, FEW)
                if routine:
                    home.add_routine(routine, BUSY)
                with _console(home, hub_url) as terminal:
                    if routine == "spins":
                        wait_for((home.folder / "began").exists)
                    elif routine:
                        wait_for(lambda home=home: home.tells("worker.ended"))  # type: ignore[misc]
                    taken.extend(Cursor(terminal).milliseconds(ROW, presses))
    idle, spins, exits = (percentile(taken, 99) for taken in spent.values())
    yield at_most("key to paint, p99, beside a routine that spins / idle", [spins / idle], 1.5)
    yield at_most("key to paint, p99, after os._exit in a routine / idle", [exits / idle], 1.5)
    for name, taken in zip(("idle", "beside one that spins", "after os._exit"), spent.values(), strict=True):
        yield Row(f"... {name}", _quantiles(taken))


def _home(folder: Path, provider_url: str, count: int) -> Home:
    home = Home(folder)
    home.write_with(provider_url)
    home.fill(count)
    return home


@contextlib.contextmanager
def _console(home: Home, hub_url: str) -> Iterator[Terminal]:
    with home.terminal(*CONSOLE, "--hub", hub_url) as terminal:
        terminal.see(b"mconnected ")
        time.sleep(_SETTLE_SECONDS)
        yield terminal


def _ratios(values: Sequence[float], floors: Sequence[float]) -> list[float]:
    return [value / floor for value, floor in zip(values, floors, strict=True)]


def _quantiles(values: Sequence[float]) -> str:
    shown = (f"{name} {percentile(values, percent):.1f}" for name, percent in (("p50", 50), ("p90", 90), ("p99", 99)))
    return f"{', '.join(shown)}, max {max(values):.1f} ms of {len(values)}"
