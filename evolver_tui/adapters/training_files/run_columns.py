"""Columns beside a run file: kept by whoever read all of a long run that is over, for whoever opens it next."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from evolver_tui.adapters.training_files.reading import open_regular
from evolver_tui.core.training.columns import BadColumns, RecordsFile, from_columns, to_columns
from evolver_tui.core.training.training_run import TrainingRun

FROM_POINTS: Final = 20_000
"""Shorter runs are read as fast from their records."""
_LONGEST: Final = 2 * 1024**3
"""Bytes of columns that are read."""


def state_of(path: Path) -> RecordsFile:
    """The present state of a run file. Raises OSError."""
    found = path.stat()
    return RecordsFile(found.st_size, found.st_mtime_ns)


def columns_of(path: Path) -> Path:
    """Where the columns of a run file lie."""
    return path.with_suffix(".columns")


def load(path: Path, state: RecordsFile) -> TrainingRun | None:
    """The run of a run file that is in this state, from its columns; None where there are none that belong to it."""
    try:
        with open_regular(columns_of(path)) as file:
            if os.fstat(file.fileno()).st_size > _LONGEST:
                return None
            return from_columns(file.read(), state)
    except (OSError, BadColumns):
        return None


def keep(path: Path, run: TrainingRun, state: RecordsFile) -> None:
    """Keep a run's columns where they are worth it; where they cannot be kept, that is all."""
    if not run.is_over or sum(map(len, run.series.values())) < FROM_POINTS or state != _now(path):
        return
    try:
        pieces = to_columns(run, state)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem[:50]}-", suffix=".tmp", dir=path.parent)
    except (OSError, TypeError, ValueError):
        return
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
        os.replace(name, columns_of(path))
    except OSError:
        Path(name).unlink(missing_ok=True)


def _now(path: Path) -> RecordsFile | None:
    try:
        return state_of(path)
    except OSError:
        return None
