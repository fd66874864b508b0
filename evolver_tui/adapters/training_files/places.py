"""What lies at a path: which runs, and what reads them. It is found by looking, by names first and then into files."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from evolver_tui.adapters.training_files.event_files import MARK, EventFolder
from evolver_tui.adapters.training_files.metric_lines import MetricLines
from evolver_tui.adapters.training_files.metric_table import MetricTable, columns_of, is_remark
from evolver_tui.adapters.training_files.reading import RunReader, open_regular, touched_at
from evolver_tui.adapters.training_files.run_files import RunFile
from evolver_tui.adapters.training_files.trackio_database import MAGIC, StoredRun, TrackioRun, is_trackio, runs_of
from evolver_tui.adapters.training_files.trainer_state import CHECKPOINT, FILE_NAME, TrainerState
from evolver_tui.core.errors import UsageError
from evolver_tui.core.training.foreign_metrics import STEP_NAMES, loss_name, metrics_of
from evolver_tui.core.training.record import BadRecord, read_value

LOOKED_FOR: Final = (
    "run files, TensorBoard's event files, trainer_state.json, JSON lines and CSV of metrics, and trackio's databases"
)
TENSORBOARD_EXTRA: Final = "TensorBoard's event files are read with its extra: pip install 'evolver-tui[tensorboard]'."
_MOST_FOLDERS: Final = 2_000
_MOST_ENTRIES: Final = 50_000
"""Of all folders together that are looked at."""
_DEEPEST: Final = 6
"""Folders below the one that was named."""
_HEAD: Final = 64 * 1024
"""Bytes of a file that tell what it is."""
_SHARE_OF_TIME: Final = 0.05
"""That looking for further runs may take."""
_LINES: Final = (".jsonl", ".ndjson", ".json")
_TABLES: Final = (".csv", ".tsv")
_DATABASES: Final = (".db", ".sqlite", ".sqlite3")

MakeReader = Callable[[], RunReader]


class _Found(NamedTuple):
    """A run."""

    touched_at: float
    name: str
    way: str
    make: Callable[[str], RunReader]
    """Of the name."""
    where: str
    """What no other one has: a path, and a run's id where there are several in a file."""


class FilePlace:
    """A `Place` that is a file or a folder, whatever lies there."""

    def __init__(self, path: Path, *, may_be_empty: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """Args:
        may_be_empty: nothing is amiss while there is nothing, not even the folder.
        clock: seconds.
        """
        self.path = path
        self._may_be_empty = may_be_empty
        self.way = "folder"
        self.problem = ""
        self._clock = clock
        self._known: Mapping[str, MakeReader] = {}
        self._names: dict[tuple[str, str], str] = {}
        """Of the runs that were found last, by their way and where they are: a name stays, whatever else turns up."""
        self._again_at = 0.0
        self._kinds: dict[str, tuple[int, str]] = {}
        """What each file is, by its path and its inode, as far as that is known."""

    def find(self) -> Mapping[str, MakeReader]:
        began = self._clock()
        try:
            os.stat(self.path)
        except FileNotFoundError:
            if self._may_be_empty:
                return self._known
            raise
        if began < self._again_at:
            return self._known
        found = list(self._look())
        ways = {each.way for each in found}
        self.way = ways.pop() if len(ways) == 1 and (len(found) == 1 or not self.path.is_dir()) else "folder"
        self._known = self._by_name(found)
        self._again_at = began + (self._clock() - began) / _SHARE_OF_TIME
        return self._known

    def _look(self) -> Iterator[_Found]:
        self.problem = ""
        if self.path.is_dir():
            found = False
            for each in self._look_into():
                found = True
                yield each
            if not found and not self.problem and not self._may_be_empty:
                self.problem = f"There is nothing in it yet; what is looked for are {LOOKED_FOR}."
            return
        found_here = list(self._runs_in_file(str(self.path), self.path.name, os.stat(self.path), self.path.stem))
        if not found_here:
            self.problem = f"There is nothing in it yet; what is looked for are {LOOKED_FOR}."
        yield from found_here

    def _look_into(self) -> Iterator[_Found]:
        """All that is below, folder by folder; links to folders are not followed, so that nothing goes in a circle."""
        folders = [(str(self.path), 0)]
        entries_left = _MOST_ENTRIES
        for number, (folder, depth) in enumerate(folders):
            if number >= _MOST_FOLDERS or entries_left <= 0:
                self.problem = f"There is more in it than is looked at ({_MOST_FOLDERS:,} folders)."
                return
            try:
                with os.scandir(folder) as entries:
                    here = [entry for entry, _ in zip(entries, range(entries_left), strict=False)]
            except OSError:
                if not depth:
                    raise
                continue
            entries_left -= len(here)
            files, below = _sorted(here)
            if depth < _DEEPEST:
                folders += [(path, depth + 1) for path in below]
            yield from self._runs_in_folder(Path(folder), files, below)

    def _runs_in_folder(self, folder: Path, files: list[os.DirEntry[str]], below: list[str]) -> Iterator[_Found]:
        shown = str(folder.relative_to(self.path))
        name = folder.name if shown == "." else shown
        events = [_touched_at(entry) for entry in files if MARK in entry.name]
        if events:
            if has_tensorboard():
                yield _Found(max(events), name, EventFolder.way, lambda _: EventFolder(folder), str(folder))
            else:
                self.problem = TENSORBOARD_EXTRA
        checkpoints = [path for path in below if CHECKPOINT.fullmatch(os.path.basename(path))]
        states = [Path(path) / FILE_NAME for path in (str(folder), *checkpoints)]
        touched = [at for state in states if state.is_file() and (at := touched_at(state))]  # it may be gone by now
        if touched and not CHECKPOINT.fullmatch(folder.name):
            yield _Found(max(touched), name, TrainerState.way, lambda run: TrainerState(folder, run), str(folder))
        elif touched and folder == self.path:
            file = folder / FILE_NAME
            yield _Found(max(touched), name, TrainerState.way, lambda run: TrainerState(file, run), str(folder))
        for entry in files:
            if MARK not in entry.name and entry.name != FILE_NAME and _may_be(entry.name):
                stem = entry.name.rpartition(".")[0]
                try:
                    yield from self._runs_in_file(
                        entry.path, entry.name, entry.stat(), stem if shown == "." else f"{shown}/{stem}"
                    )
                except OSError:
                    continue

    def _runs_in_file(self, path: str, file_name: str, found: os.stat_result, name: str) -> Iterator[_Found]:
        file = Path(path)
        touched_at = found.st_mtime
        kind = self._kind_of(file, file_name, found)
        if kind == RunFile.way:
            yield _Found(touched_at, name, kind, lambda _: RunFile(file), path)
        elif kind == MetricLines.way:
            yield _Found(touched_at, name, kind, lambda run: MetricLines(file, run), path)
        elif kind == MetricTable.way:
            yield _Found(touched_at, name, kind, lambda _: MetricTable(file), path)
        elif kind == TrainerState.way:
            yield _Found(touched_at, name, kind, lambda run: TrainerState(file, run), path)
        elif kind == EventFolder.way:
            yield _Found(touched_at, name, kind, lambda _: EventFolder(file), path)
        elif kind == TrackioRun.way:
            for run in runs_of(file):
                yield _Found(
                    touched_at, f"{name}/{run.name}", kind, partial(_trackio_run, file, run), f"{path}/{run.run_id}"
                )

    def _by_name(self, found: list[_Found]) -> Mapping[str, MakeReader]:
        """The latest last; of those that have the same name the way tells them apart, and then a number."""
        known, self._names = self._names, {}
        taken, counts = set(known.values()), Counter(each.name for each in found)
        for each in found:
            place = each.way, each.where
            name = known.get(place, each.name)
            if place not in known and (counts[name] > 1 or name in taken):
                name = f"{each.name} ({each.way})"
                free = (f"{each.name} ({each.way} {number})" for number in count(2))
                name = name if name not in taken else next(each for each in free if each not in taken)
            taken.add(name)
            self._names[place] = name
        ordered = sorted(found, key=lambda each: (each.touched_at, each.name))
        names = [(self._names[each.way, each.where], each) for each in ordered]
        return {name: partial(each.make, name) for name, each in names}

    def _kind_of(self, file: Path, name: str, found: os.stat_result) -> str:
        known = self._kinds.get(str(file))
        if known is not None and known[0] == found.st_ino:
            return known[1]
        kind, is_sure = kind_of(file, name)
        if is_sure:
            self._kinds[str(file)] = (found.st_ino, kind)
        return kind


def _trackio_run(file: Path, run: StoredRun, name: str) -> RunReader:
    return TrackioRun(file, run)


def check_file(path: Path) -> None:
    """See that a file is one that can be watched. Raises UsageError that says what was looked for."""
    try:
        kind, is_sure = kind_of(path, path.name)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.", "") from None
    if kind == EventFolder.way and not has_tensorboard():
        raise UsageError(TENSORBOARD_EXTRA)
    if not kind and path.stat().st_size and (is_sure or not _may_be(path.name)):
        raise UsageError(f"{path} is nothing that can be watched.", f"What is looked for are {LOOKED_FOR}.")


def has_tensorboard() -> bool:
    """Whether the extra is installed."""
    return find_spec("tensorboard") is not None


def kind_of(file: Path, name: str) -> tuple[str, bool]:
    """What a file is, by the way that it is read, empty for nothing that can be watched; and whether that is sure.

    Raises OSError where it cannot be looked at.
    """
    if name == FILE_NAME:
        return TrainerState.way, True
    if MARK in name:
        return EventFolder.way, True
    with open_regular(file) as opened:
        head = opened.read(_HEAD)
    if head.startswith(MAGIC):
        return (TrackioRun.way, True) if is_trackio(file) else ("", True)
    has_all, head = len(head) < _HEAD, head.lstrip(b"\r\n")
    line, end, rest = head.partition(b"\n")
    while end and is_remark(line.decode("utf-8", "replace")):
        line, end, rest = rest.partition(b"\n")
    if not end and has_all and not line.rstrip().endswith(b"}"):
        return "", False  # its first line is not there yet
    if name.endswith(_TABLES):
        columns = columns_of(line.decode("utf-8", "replace").rstrip("\r"))
        return (MetricTable.way, True) if columns is not None else ("", True)
    kind = _kind_of_line(line, is_cut=not has_all and not end)
    if kind is None:  # some begin with what they are about
        has_metrics = any(_kind_of_line(each, is_cut=False) == MetricLines.way for each in head.split(b"\n")[1:])
        return (MetricLines.way, True) if has_metrics else ("", not has_all)
    return kind, True


def _kind_of_line(line: bytes, *, is_cut: bool) -> str | None:
    """What a file is by its first line: empty for nothing that can be watched, None for an object without a metric."""
    if is_cut and line.startswith(b"{"):  # the config of a run may be long
        return RunFile.way if b'"type":"run"' in line[:100] else MetricLines.way
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        text = line.decode("utf-8", "replace")
        return MetricTable.way if columns_of(text) is not None and _is_table(text) else ""
    if not isinstance(value, dict):
        return ""
    try:
        read_value(value)
    except BadRecord:
        return MetricLines.way if metrics_of(value) else None
    return RunFile.way


def _is_table(head: str) -> bool:
    """Whether a line of a file that is not called a table is the head of one."""
    names = [name.strip().strip('"') for name in head.replace(";", ",").replace("\t", ",").split(",")]
    return loss_name(names) is not None or not set(STEP_NAMES).isdisjoint(names)


def _may_be(name: str) -> bool:
    lower = name.lower()
    return lower.endswith((*_LINES[:2], *_TABLES, *_DATABASES))


def _sorted(entries: list[os.DirEntry[str]]) -> tuple[list[os.DirEntry[str]], list[str]]:
    """Files, and the paths of folders. What begins with a dot is nobody's run."""
    files, below = [], []
    for entry in sorted(entries, key=lambda each: each.name):
        try:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith("."):
                    below.append(entry.path)
            elif entry.is_file():
                files.append(entry)
        except OSError:
            continue
    return files, below


def _touched_at(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0
