"""How fast the console is there: against a Textual hello world in the same terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.hello import TEXT
from tests.benchmarks.terminal import Sight, proportional_kib, resident_kib
from tests.benchmarks.workplace import CONSOLE, Home, temporary_folder

LAST_WORD = b"palette"
"""What stands at the end of the desk's last row."""
FIRST_SIGNAL = b"session.started"
"""What the feed shows once the session is open."""
FIRST_TASK = b"q0000001"


def first_frame(is_quick: bool) -> Iterator[Row]:
    """The desk and its memory at the first frame, in an empty home."""
    with temporary_folder() as folder:
        floors, times, memory, later, shares = [], [], [], [], []
        with Home(folder / "compiled").terminal(*CONSOLE) as terminal:
            terminal.see(FIRST_SIGNAL)
        for number in range(3 if is_quick else 11):
            floor = _hello(folder)
            home = Home(folder / str(number))
            with home.terminal(*CONSOLE) as terminal:
                desk = terminal.see(LAST_WORD)
                shares.append(proportional_kib(terminal.pid))
                started = terminal.started
                terminal.see(FIRST_SIGNAL)
                later.append(resident_kib(terminal.pid) / floor[0].resident)
            floors.append(floor[1])
            times.append((desk.at - started) / 1e6 / floor[1])
            memory.append(desk.resident / floor[0].resident)
    yield told("floor: Textual hello world, first frame", floors, " ms")
    yield at_most("first frame / hello world", times, 1.3)
    yield at_most("RSS at the first frame / hello world", memory, 1.3)
    yield told("RSS once the session is open / hello world", later, "x")


def _hello(folder: Path) -> tuple[Sight, float]:
    home = Home(folder / "hello")
    with home.terminal("-m", "tests.benchmarks.hello") as terminal:
        sight = terminal.see(TEXT.encode())
        return sight, (sight.at - terminal.started) / 1e6


def first_rows(is_quick: bool) -> Iterator[Row]:
    """The queue's first row, with ten thousand tasks waiting."""
    with temporary_folder() as folder:
        home = Home(folder / "filled")
        home.fill(10_000)
        ratios = []
        for _ in range(3 if is_quick else 11):
            floor = _hello(folder)[1]
            with home.terminal(*CONSOLE) as terminal:
                ratios.append((terminal.see(FIRST_TASK).at - terminal.started) / 1e6 / floor)
    yield at_most("queue row of 10,000 tasks / hello world", ratios, 2.5)
