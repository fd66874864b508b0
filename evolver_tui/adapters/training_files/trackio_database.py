"""trackio's databases: a file of SQLite for each project, which is read beside whoever writes it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from evolver_tui.adapters.training_files.reading import Reading
from evolver_tui.core.training.foreign_metrics import metrics_of, seconds_of
from evolver_tui.core.training.record import LONGEST_NAME, Event, Point, Record, RunHeader
from evolver_tui.core.training.totals import with_config

if TYPE_CHECKING:
    import sqlite3

MAGIC: Final = b"SQLite format 3\0"
_ROWS: Final = 2_000
_LONGEST: Final = 1024 * 1024
"""Characters of one row's metrics."""
_MOST_RUNS: Final = 1_000
_SECONDS: Final = 1.0


class StoredRun(NamedTuple):
    """A run of a project."""

    run_id: str
    name: str


class TrackioRun:
    """A `RunReader` of one run of a project."""

    way = "trackio"

    def __init__(self, path: Path, run: StoredRun) -> None:
        self.path = path
        self.problem = ""
        self._run = run
        self._begin()

    def _begin(self) -> None:
        self._after = 0
        self._after_alert = 0
        self._has_header = False
        self._known: tuple[tuple[int, int], ...] | None = None
        self._file = 0
        self._at = 0.0
        self._bad = 0

    def read(self, most_bytes: int) -> Reading:
        known = _state_of(self.path)
        if known == self._known:
            return Reading()
        is_anew = bool(self._file) and os.stat(self.path).st_ino != self._file
        if is_anew:
            self._begin()
        self._file = os.stat(self.path).st_ino
        with _opened(self.path) as database:
            records = [*self._header(database), *self._points(database)]
            is_behind = len(records) >= _ROWS
            records += self._alerts(database)
        if not is_behind:
            self._known = known
        self.problem = f"{self._bad:,} of its rows could not be read." if self._bad else ""
        return Reading(records, is_anew, is_behind)

    def _header(self, database: sqlite3.Connection) -> Iterator[Record]:
        if self._has_header or "configs" not in _tables(database):
            return
        column = _id_column(database, "configs")
        row = database.execute(f"SELECT config FROM configs WHERE {column} = ?", (self._run.run_id,)).fetchone()
        self._has_header = row is not None
        config = _object(row[0]) if row is not None else None
        config = config if config is not None else {}
        header = RunHeader(
            self._run.run_id[:LONGEST_NAME], self._run.name[:LONGEST_NAME], self.path.stem[:LONGEST_NAME], config,
            started_at=seconds_of(config.get("_Created")) or 0.0,
        )  # fmt: skip
        yield with_config(header, config)

    def _points(self, database: sqlite3.Connection) -> Iterator[Record]:
        column = _id_column(database, "metrics")
        rows = database.execute(
            f"SELECT id, timestamp, step, substr(metrics, 1, ?) FROM metrics WHERE {column} = ? AND id > ?"
            " ORDER BY id LIMIT ?", (_LONGEST, self._run.run_id, self._after, _ROWS),
        )  # fmt: skip
        for number, timestamp, step, metrics in rows:
            self._after = number
            values = _object(metrics)
            if values is None or not isinstance(step, int) or not 0 <= step < 2**53:
                self._bad += 1
                continue
            self._at = seconds_of(timestamp) or self._at
            yield Point(step, self._at, metrics_of(values))

    def _alerts(self, database: sqlite3.Connection) -> Iterator[Record]:
        if "alerts" not in _tables(database):
            return
        rows = database.execute(
            "SELECT id, timestamp, substr(title, 1, 200), substr(text, 1, 2000), level, step FROM alerts"
            " WHERE run_id = ? AND id > ? ORDER BY id LIMIT ?", (self._run.run_id, self._after_alert, _ROWS),
        )  # fmt: skip
        for number, timestamp, title, text, level, step in rows:
            self._after_alert = number
            payload = {"title": str(title), "text": str(text or ""), "level": str(level)[:20]}
            known_step = step if isinstance(step, int) and 0 <= step < 2**53 else None
            yield Event("alert", seconds_of(timestamp) or self._at, known_step, payload=payload)

    def touched_at(self) -> float:
        return self._at

    def close(self) -> None:
        self._begin()


def is_trackio(path: Path) -> bool:
    """Whether a file is a project's database. Raises OSError."""
    with _opened(path) as database:
        return {"step", "metrics", "timestamp"} <= _columns(database, "metrics")


def runs_of(path: Path) -> list[StoredRun]:
    """The runs of a project, the latest last. Raises OSError."""
    with _opened(path) as database:
        column = _id_column(database, "metrics")
        name = "run_name" if "run_name" in _columns(database, "metrics") else column
        rows = database.execute(
            f"SELECT {column}, max({name}) FROM metrics GROUP BY {column} ORDER BY max(id) DESC LIMIT ?", (_MOST_RUNS,)
        ).fetchall()
    return [StoredRun(str(run_id), str(shown)) for run_id, shown in reversed(rows)]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, to be read alone. Whatever SQLite says against it is an OSError."""
    import sqlite3

    os.stat(path)
    last: sqlite3.Error | None = None
    for how in ("mode=ro", "immutable=1"):  # the second where the log beside it can be neither read nor made
        try:
            database = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=_SECONDS)
        except sqlite3.Error as error:
            last = error
            continue
        try:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            database.close()
            last = error
            continue
        except sqlite3.Error as error:
            database.close()
            raise OSError(f"SQLite says: {error}") from None
        try:
            yield database
        except sqlite3.Error as error:
            raise OSError(f"SQLite says: {error}") from None
        finally:
            database.close()
        return
    raise OSError(f"SQLite says: {last}")


def _state_of(path: Path) -> tuple[tuple[int, int], ...]:
    """What changes with the database. Raises OSError where it is gone."""
    found = os.stat(path)
    state = [(found.st_size, found.st_mtime_ns)]
    try:
        log = os.stat(f"{path}-wal")
        state.append((log.st_size, log.st_mtime_ns))
    except OSError:
        pass
    return tuple(state)


def _tables(database: sqlite3.Connection) -> set[str]:
    return {str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")}


def _id_column(database: sqlite3.Connection, table: str) -> str:
    """What names a run; older ones had its name alone."""
    return "run_id" if "run_id" in _columns(database, table) else "run_name"


def _object(text: object) -> dict[str, Any] | None:
    if not isinstance(text, str | bytes):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
