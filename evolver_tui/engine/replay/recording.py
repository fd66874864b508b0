"""A session's log as it was exported, or as a listener wrote it to a file: read as it is needed, never run."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Final

from evolver_tui.core.errors import UsageError
from evolver_tui.core.json_text import strict_json
from evolver_tui.core.question import Question
from evolver_tui.core.replay.job_standing import text_of
from evolver_tui.core.replay.recorded_job import RecordedJob
from evolver_tui.core.routine_state import AskedQuestion
from evolver_tui.core.signal import EVENT_TYPE, Signal
from evolver_tui.core.task import Task

_SIGNAL: Final = b'{"type": "signal"'
_EVENT: Final = f'{{"type": "{EVENT_TYPE}"'.encode()
_LATEST: Final = 32_503_680_000.0
"""The year 3000: a time beyond it is none."""


@dataclass(slots=True)
class Recording:
    """One session. Its signals are read from the file when they are asked for."""

    file: BinaryIO
    session_id: str = ""
    started_at: float = 0.0
    """Seconds since 1970."""
    host: str = ""
    jobs: Mapping[int, RecordedJob] = field(default_factory=dict)
    unreadable: int = 0
    """Lines that hold nothing that could be read."""
    first_unreadable: int = 0
    """The number of the first of them."""
    places: array[int] = field(default_factory=lambda: array("Q"))
    """Where each signal's line begins."""

    def __len__(self) -> int:
        """How many signals there are."""
        return len(self.places)

    def signals(self, start: int, count: int) -> Sequence[Signal | None]:
        """Some signals in order; None in the place of one that cannot be read."""
        wanted = self.places[start : start + count]
        found = []
        for place in wanted:
            if self.file.tell() != place:
                self.file.seek(place)
            found.append(_signal(self.file.readline()))
        return found


def read_recording(file: BinaryIO) -> Recording:
    """Find out what is in a log. The file stays open for as long as it is replayed.

    Raises:
        UsageError: there is no signal in it.
        OSError: it cannot be read.
    """
    if file.read(64).lstrip()[:11] == b'{"session":':
        raise UsageError(
            "This export is of the format json, which holds everything in one object.",
            "Replay one of the format jsonl: evolver-tui export SESSION --format jsonl -o FILE.",
        )
    file.seek(0)
    recording = Recording(file)
    jobs: dict[int, RecordedJob] = {}
    place = 0
    for number, line in enumerate(file, start=1):
        if line.startswith((_SIGNAL, _EVENT)):
            recording.places.append(place)
        elif not line.isspace() and not _take(line, recording, jobs, place):
            recording.unreadable += 1
            recording.first_unreadable = recording.first_unreadable or number
        place += len(line)
    if not recording.places:
        raise UsageError("No signal could be read in it.", "It has to be what `evolver-tui export` writes.")
    recording.jobs = jobs
    first = next((signal for signal in recording.signals(0, 1000) if signal is not None), None)
    if first is not None:
        recording.started_at = recording.started_at or first.timestamp
        recording.session_id = recording.session_id or text_of(first.context, "session_id") or "unknown"
    return recording


def _take(line: bytes, recording: Recording, jobs: dict[int, RecordedJob], place: int) -> bool:
    """Take in a line that is not known to be a signal by its beginning; False for one that cannot be read."""
    record = _object(line)
    match record.get("type"):
        case "signal" | "SIGNAL_EMITTED":
            recording.places.append(place)
        case "session":
            recording.session_id = text_of(record, "id")
            recording.started_at = _time(record.get("started_at")) or 0.0
            recording.host = text_of(record, "host")
        case "job":
            job = _job(record)
            if job is None:
                return False
            jobs[job.job] = job
        case _:
            return False
    return True


def _object(line: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        found = strict_json(line)
        if isinstance(found, dict):
            return found
    return {}


def _signal(line: bytes) -> Signal | None:
    try:
        record = json.loads(line)
        name, payload, context = record["name"], record["payload"], record["context"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not (isinstance(name, str) and name and isinstance(payload, dict) and isinstance(context, dict)):
        return None
    at = context.get("timestamp")
    if at is not None and not (isinstance(at, int | float) and 0 <= at <= _LATEST):
        del context["timestamp"]
    return Signal(name, payload, context)


def _time(value: object) -> float | None:
    """Seconds since 1970 of a time in ISO 8601; None for anything else."""
    if isinstance(value, str):
        with suppress(ValueError, OverflowError):
            seconds = datetime.fromisoformat(value).timestamp()
            if math.isfinite(seconds) and 0 <= seconds <= _LATEST:
                return seconds
    return None


def _job(record: Mapping[str, Any]) -> RecordedJob | None:
    job, task, attempt = record.get("job"), record.get("task"), record.get("attempt")
    if not isinstance(job, int) or not 0 < job < 1 << 62 or not isinstance(task, dict):
        return None
    journal, done_at = record.get("journal"), record.get("done_at")
    times = {name: _time(at) for name, at in done_at.items()} if isinstance(done_at, dict) else {}
    return RecordedJob(
        job,
        Task.from_raw(task),
        _time(record.get("received_at")) or 0.0,
        routine=text_of(record, "routine"),
        bundle=text_of(record, "bundle"),
        attempt=attempt if isinstance(attempt, int) else 1,
        journal=journal if isinstance(journal, dict) else {},
        done_at={name: at for name, at in times.items() if at is not None},
        questions=tuple(_questions(record.get("questions"))),
    )


def _questions(records: object) -> Iterator[AskedQuestion]:
    for record in records if isinstance(records, list) else ():
        if not isinstance(record, dict):
            continue
        number, asked_at = record.get("id"), _time(record.get("asked_at"))
        form, subject = record.get("requested_schema"), record.get("subject")
        if isinstance(number, int) and asked_at is not None and isinstance(form, dict) and isinstance(subject, dict):
            question = Question(
                text_of(record, "name"), text_of(record, "message"), form, text_of(record, "kind"), subject
            )
            yield AskedQuestion(number, question, asked_at, _time(record.get("answered_at")))
