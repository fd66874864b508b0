"""What Hugging Face's Trainer writes of itself, whole each time: `trainer_state.json` of its folder or a checkpoint."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from evolver_tui.adapters.training_files.reading import Reading, open_regular
from evolver_tui.core.training.foreign_metrics import metrics_of, number_of
from evolver_tui.core.training.record import TRAINING_COMPLETED, Event, Point, Record, RunEnd, RunHeader

FILE_NAME: Final = "trainer_state.json"
CHECKPOINT: Final = re.compile(r"checkpoint-\d{1,18}")
MOST_BYTES: Final = 128 * 1024 * 1024
_MOST_STEPS: Final = 2**53


class TrainerState:
    """A `RunReader` of a Trainer's folder, or of one such file."""

    way = "trainer_state.json"

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.problem = ""
        self._name = name
        self._begin()

    def _begin(self) -> None:
        self._known: tuple[str, int, int, int] | None = None
        self._history: Sequence[Any] = ()
        self._header = RunHeader(self._name)
        self._is_over = False

    def read(self, most_bytes: int) -> Reading:
        file, found = self._latest()
        known = (str(file), found.st_ino, found.st_size, found.st_mtime_ns)
        if known == self._known:
            return Reading()
        if found.st_size > MOST_BYTES:
            self._known = known
            self.problem = f"It has {found.st_size:,} bytes, and is read up to {MOST_BYTES:,}."
            return Reading()
        try:
            with open_regular(file) as opened:
                data = opened.read(MOST_BYTES + 1)
        except FileNotFoundError:
            if file == self.path:
                raise
            return Reading()  # an older checkpoint went, as Trainers have it; the next look finds another one
        try:
            state = json.loads(data)
        except (ValueError, RecursionError):
            self.problem = "It is not JSON at present."  # it may be in the middle of being written
            return Reading()
        self._known = known
        if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
            self.problem = "It has no log_history."
            return Reading()
        self.problem = ""
        return self._news(state, found.st_mtime)

    def _latest(self) -> tuple[Path, os.stat_result]:
        """The file that was written last. Raises OSError where there is none."""
        if self.path.name == FILE_NAME:
            return self.path, os.stat(self.path)
        found: list[tuple[os.stat_result, Path]] = []
        for file in state_files(self.path):
            with suppress(FileNotFoundError):
                found.append((os.stat(file), file))
        if not found:
            raise FileNotFoundError(2, "It is gone")
        latest, file = max(found, key=lambda each: (each[0].st_mtime_ns, str(each[1])))
        return file, latest

    def _news(self, state: Mapping[str, Any], at: float) -> Reading:
        history = state["log_history"]
        known = len(self._history)
        is_anew = list(self._history) != history[:known]
        if is_anew:
            self._header, self._is_over, known = RunHeader(self._name), False, 0
        self._history = history
        records: list[Record] = []
        entries = [entry for entry in history if isinstance(entry, dict)]
        seconds = next((found for entry in reversed(entries) if (found := number_of(entry.get("train_runtime")))), 0.0)
        header = self._header._replace(
            total_steps=_count(state.get("max_steps")), started_at=max(0.0, at - seconds) if seconds else 0.0
        )
        if header != self._header:
            self._header = header
            records.append(header)
        for entry in history[known:]:
            if isinstance(entry, dict) and (values := metrics_of(entry, ("step",))):
                records.append(Point(_count(entry.get("step")), at, values))
        if seconds and not self._is_over:
            self._is_over = True
            records += [Event(TRAINING_COMPLETED, at, _count(state.get("global_step"))), RunEnd(at)]
        return Reading(records, is_anew)

    def touched_at(self) -> float:
        try:
            return self._latest()[1].st_mtime
        except OSError:
            return 0.0

    def close(self) -> None:
        self._begin()


def state_files(folder: Path) -> list[Path]:
    """The files of this name in a Trainer's folder and its checkpoints. Raises OSError."""
    found = [folder / FILE_NAME]
    with os.scandir(folder) as entries:
        found += [folder / entry.name / FILE_NAME for entry in entries if CHECKPOINT.fullmatch(entry.name)]
    return [file for file in found if file.is_file()]


def _count(value: object) -> int:
    number = number_of(value) if not isinstance(value, str) else None
    return int(number) if number is not None and 0 <= number < _MOST_STEPS else 0
