"""How soon a console is gone that is told to end in the middle of its work, with everything in its database."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from evolver_tui.adapters.database.queue_peek import peek
from tests.benchmarks.figures import Row, at_most
from tests.benchmarks.workplace import temporary_folder
from tests.support.terminal import Terminal
from tests.support.terminal_steps import started

MOST_SECONDS: Final = 1.0
WAYS: Final[Mapping[str, Callable[[Terminal], None]]] = {
    "SIGTERM": lambda terminal: terminal.signal(signal.SIGTERM),
    "SIGHUP": lambda terminal: terminal.signal(signal.SIGHUP),
    "a closed terminal": lambda terminal: terminal.close_window(),
}


def ends(is_quick: bool) -> Iterator[Row]:
    """From a signal to the end of the process, while the offline author writes a node."""
    for name, tell in WAYS.items():
        seconds = [_seconds_to_end(tell) for _ in range(2 if is_quick else 9)]
        yield at_most(f"{name} to the end of the console, all saved", seconds, MOST_SECONDS, " s")


def _seconds_to_end(tell: Callable[[Terminal], None]) -> float:
    with temporary_folder() as folder, started(folder / "home", "--demo") as terminal:
        terminal.wait_for("llm.generation_start")
        begins = time.monotonic()
        tell(terminal)
        terminal.wait()
        took = time.monotonic() - begins
        if not _jobs_in(folder / "home"):
            raise RuntimeError("what the console showed is not in its database")
        return took


def _jobs_in(home: Path) -> int:
    counts = [peek(database)[1] for database in home.rglob("*.db")]
    return sum(each.total for each in counts if each is not None)
