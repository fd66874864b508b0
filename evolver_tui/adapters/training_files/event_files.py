"""TensorBoard's event files: a folder of them is a run."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evolver_tui.adapters.training_files.reading import GrowingFile, Reading
from evolver_tui.core.training.record import LONGEST_NAME, TRAINING_RESUMED, Event, Point, Record

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event as StoredEvent

MARK: Final = "tfevents"
"""In the name of each event file."""
LONGEST_EVENT: Final = 1024 * 1024
"""Bytes; longer ones hold pictures and the like, and are passed over."""
_HEAD: Final = 12
"""Bytes before an event: its length, and a checksum of that."""
_TAIL: Final = 4
_MOST_STEPS: Final = 2**53
_MOST_FILES: Final = 1_000
_FLOATS: Final = {1: "<f", 2: "<d"}
"""How a tensor's content holds one number, by its type."""


class EventFolder:
    """A `RunReader` of a folder's event files, or of one file, in the order of their names."""

    way = "TensorBoard"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self._files: dict[str, GrowingFile] = {}
        self._broken: set[str] = set()
        self._touched_at = 0.0

    def read(self, most_bytes: int) -> Reading:
        self._find()
        records: list[Record] = []
        for name in sorted(self._files):
            file = self._files[name]
            if name in self._broken:
                continue
            try:
                data = file.look(max(most_bytes, LONGEST_EVENT + _HEAD + _TAIL))
            except FileNotFoundError:
                continue  # what was read of it stays
            if file.is_anew:
                self.close()
                return Reading((), True, True)
            if data:
                used = self._take(name, data, records)
                file.offset += used
                if used and file.offset < file.size:
                    return Reading(records, False, True)
        self.problem = f"{min(self._broken)} is damaged, and is read up to there." if self._broken else ""
        return Reading(records)

    def _find(self) -> None:
        if not self.path.is_dir():
            os.stat(self.path)
            self._files.setdefault(self.path.name, GrowingFile(self.path))
            return
        with os.scandir(self.path) as entries:
            names = sorted(entry.name for entry in entries if MARK in entry.name and entry.is_file())
        for name in names[-_MOST_FILES:]:
            self._files.setdefault(name, GrowingFile(self.path / name))

    def _take(self, name: str, data: bytes, records: list[Record]) -> int:
        """Read whole events; returns how many bytes are used up."""
        used, end = 0, len(data)
        while used + _HEAD <= end:
            head = data[used : used + _HEAD]
            length = int.from_bytes(head[:8], "little")
            if not _is_right(head):
                self._broken.add(name)
                break
            whole = _HEAD + length + _TAIL
            if length > LONGEST_EVENT:  # the file may be shorter yet: then nothing follows until it is not
                if self._files[name].offset + used + whole > self._files[name].size:
                    break
                return used + whole
            if used + whole > end:
                break
            self._read_event(data[used + _HEAD : used + _HEAD + length], name, records)
            used += whole
        return used

    def _read_event(self, data: bytes, name: str, records: list[Record]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as StoredEvent
        from tensorboard.compat.proto.event_pb2 import SessionLog

        try:
            event = StoredEvent.FromString(data)
        except Exception:  # noqa: BLE001 - whatever the vendor has against the bytes of a stranger
            self._broken.add(name)
            return
        at = event.wall_time if math.isfinite(event.wall_time) else 0.0
        step = event.step if 0 <= event.step < _MOST_STEPS else 0
        if event.HasField("summary"):
            values = _scalars(event)
            if values:
                records.append(Point(step, at, values))
        elif event.HasField("session_log") and event.session_log.status == SessionLog.START and step:
            records.append(Event(TRAINING_RESUMED, at, step - 1))

    def touched_at(self) -> float:
        latest = 0.0
        for file in self._files.values():
            try:
                latest = max(latest, file.path.stat().st_mtime)
            except OSError:
                continue
        return latest

    def close(self) -> None:
        self._files, self._broken = {}, set()


def _scalars(event: StoredEvent) -> dict[str, float]:
    """Numbers by tag: as they were written of old, or as tensors of one."""
    values: dict[str, float] = {}
    for value in event.summary.value:
        which = value.WhichOneof("value")
        number: float | None = None
        if which == "simple_value":
            number = value.simple_value
        elif which == "tensor" and value.metadata.plugin_data.plugin_name in ("scalars", ""):
            number = _only_number(value.tensor)
        if number is not None and value.tag:
            values[value.tag[:LONGEST_NAME]] = number
    return values


def _only_number(tensor: object) -> float | None:
    """The number of a tensor that holds one; None for any other."""
    form = _FLOATS.get(tensor.dtype)  # type: ignore[attr-defined]
    content: bytes = tensor.tensor_content  # type: ignore[attr-defined]
    if form is not None and len(content) == struct.calcsize(form):
        return float(struct.unpack(form, content)[0])
    for name in ("float_val", "double_val", "int_val", "int64_val"):
        numbers = getattr(tensor, name)
        if len(numbers) == 1:
            return float(numbers[0])
    return None


def _is_right(head: bytes) -> bool:
    """Whether the length of an event is what was written."""
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    return bool(struct.pack("<I", masked_crc32c(head[:8])) == head[8:])
