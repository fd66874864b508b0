"""Runs that the hook keeps, in this process and in others."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from evolver_tui.core.training.record import Event, Point, Record, RunEnd, RunHeader, read_line
from tests.support.processes import PATIENCE_SECONDS, environment


def script(code: str, folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a training in a fresh interpreter to its end; its runs lie in `folder`."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True, check=False,
        timeout=PATIENCE_SECONDS, cwd=folder, env=environment(folder, EVOLVER_TRACK_DIR=str(folder), **environ),
    )  # fmt: skip


def started(code: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a training in a fresh interpreter."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], text=True, cwd=folder, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(folder, EVOLVER_TRACK_DIR=str(folder)),
    )  # fmt: skip


def until(is_true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until this is true; fails where it does not become so."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.002)


def records_in(path: Path) -> list[Record]:
    """All records of a run file. Raises BadRecord where a line is none."""
    return [read_line(line) for line in path.read_bytes().splitlines()]


def only_run(folder: Path) -> list[Record]:
    """The records of the one run in a folder."""
    (path,) = folder.glob("*.jsonl")
    return records_in(path)


def points_of(records: Sequence[Record]) -> list[Point]:
    """The points among records."""
    return [each for each in records if isinstance(each, Point)]


def events_of(records: Sequence[Record], name: str = "") -> list[Event]:
    """The events among records."""
    return [each for each in records if isinstance(each, Event) and name in ("", each.name)]


def headers_of(records: Sequence[Record]) -> list[RunHeader]:
    """The headers among records."""
    return [each for each in records if isinstance(each, RunHeader)]


def end_of(records: Sequence[Record]) -> str:
    """How a run ended; empty where it did not."""
    return records[-1].status if records and isinstance(records[-1], RunEnd) else ""


def value_of(records: Sequence[Record], name: str) -> float:
    """The latest value of a metric."""
    return [point.values[name] for point in points_of(records) if name in point.values][-1]
