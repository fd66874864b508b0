"""A long run file at a glance: its beginning, its end and samples in between, until all of it was read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evolver_tui.adapters.training_files.reading import open_regular
from evolver_tui.core.training.record import Point, Record, read_lines
from evolver_tui.core.training.training_run import TrainingRun

FROM_BYTES: Final = 4 * 1024 * 1024
"""Shorter files are read as a whole while one blinks."""
_SAMPLES: Final = 1_000
_BYTES_OF_A_SAMPLE: Final = 4_096
_BYTES_OF_AN_END: Final = 256 * 1024


def overview(path: Path) -> TrainingRun | None:
    """A long run with few of its points, spread evenly over its file, and its last ones; None for a short file.

    What happened in between is left out. Raises OSError where the file cannot be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size < FROM_BYTES:
            return None
        run = TrainingRun(path.stem)
        run.is_overview = True
        run.add_all(_records(_whole_lines(os.pread(file.fileno(), _BYTES_OF_AN_END, 0), is_first=True)))
        for sample in _samples(file.fileno(), size):
            run.add_all(record for record in _records(sample[:1]) if isinstance(record, Point))
        last = os.pread(file.fileno(), _BYTES_OF_AN_END, size - _BYTES_OF_AN_END)
        run.add_all(_records(_whole_lines(last)))
    return run


def _samples(descriptor: int, size: int) -> Iterator[list[bytes]]:
    first, last = _BYTES_OF_AN_END, size - _BYTES_OF_AN_END - _BYTES_OF_A_SAMPLE
    for number in range(_SAMPLES):
        yield _whole_lines(os.pread(descriptor, _BYTES_OF_A_SAMPLE, first + (last - first) * number // _SAMPLES))


def _whole_lines(piece: bytes, *, is_first: bool = False) -> list[bytes]:
    """The lines of a piece of a file that begin and end in it."""
    lines = piece.split(b"\n")
    return lines[0 if is_first else 1 : -1]


def _records(lines: list[bytes]) -> list[Record]:
    return read_lines([line for line in lines if line.strip()])[0]
