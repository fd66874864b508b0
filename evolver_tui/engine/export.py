"""A session's log as a file: every signal in order, then every job that came in or was worked on, secrets scrubbed.

`jsonl` is one record a line (`session`, then `signal`s, then `job`s). `json` is one object with the same records. `md`
is for reading.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeVar

from evolver_tui.core import ranks
from evolver_tui.core.errors import StoreError, UsageError
from evolver_tui.core.job import JobDetail, Outcome
from evolver_tui.core.journal import ASIDE
from evolver_tui.core.routine_state import AskedQuestion
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import utc_text
from evolver_tui.engine.signal_log import SessionRecord
from evolver_tui.engine.store import ReadStore
from evolver_tui.settings.output_file import output_file
from evolver_tui.settings.secrets import scrub_value

PAGE = 1_000

Record = dict[str, Any]
T = TypeVar("T")


class SessionUnknown(UsageError):
    """There is no such session in this database."""


async def export_session(
    store: ReadStore, session_id: str, format: str, path: Path | None, secrets: Sequence[str]
) -> None:
    """Open a store for one export, to `path` or to standard output.

    Raises:
        UsageError: the format or the session is unknown, or `path` could not be written.
        StoreError: the file cannot be written after all.
    """
    writer = _writer_of(format)
    path = None if path is None else output_file(path)
    await store.open()
    try:
        if path is None:
            await writer(records(store, await find_session(store, session_id), secrets), sys.stdout)
            sys.stdout.flush()
        else:
            await write_export(store, session_id, format, path, secrets, "Choose another file with -o.")
    finally:
        await store.close()


async def write_export(
    store: ReadStore, session_id: str, format: str, path: Path, secrets: Sequence[str], way_out: str = ""
) -> None:
    """Write a session to `path`, which appears whole or not at all.

    Args:
        way_out: what whoever asked for it can do where the file cannot be written.

    Raises:
        UsageError: the format or the session is unknown.
        StoreError: the file cannot be written.
    """
    writer = _writer_of(format)
    session = await find_session(store, session_id)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with open_private(unfinished) as file:
            await writer(records(store, session, secrets), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise StoreError(f"{path} cannot be written: {error.strerror}.", way_out) from None


def _writer_of(format: str) -> Callable[[AsyncIterator[Record], TextIO], Awaitable[None]]:
    writers = {"jsonl": _write_jsonl, "json": _write_json, "md": _write_markdown}
    if format not in writers:
        raise UsageError(
            f"There is no export format {format!r}.",
            f"Choose one of {', '.join(writers)}; or of sft, dpo, kto for decisions.",
        )
    return writers[format]


def open_private(path: Path) -> TextIO:
    """A file that only its owner can read, in a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")


async def find_session(store: ReadStore, session_id: str) -> SessionRecord:
    """The session of this id; `latest` is the one that began last. Raises SessionUnknown."""
    sessions = await store.sessions()
    for session in reversed(sessions):
        if session_id in ("latest", session.id):
            return session
    if not sessions:
        raise SessionUnknown(
            "There is no session yet.", "The console and `evolver-tui connect` make one at each start."
        )
    known = ", ".join(session.id for session in sessions[-3:])
    raise SessionUnknown(f"There is no session {session_id!r}.", f"The last ones are: {known}.")


async def records(store: ReadStore, session: SessionRecord, secrets: Sequence[str]) -> AsyncIterator[Record]:
    """A session's records in the order of the export, scrubbed."""
    clean = partial(scrub_value, secrets=secrets)
    yield {
        "type": "session",
        "id": session.id,
        "started_at": utc_text(session.started_at),
        "ended_at": utc_text(session.ended_at) if session.ended_at is not None else None,
        "host": session.host,
    }
    jobs: set[int] = set()
    after = 0
    while page := await store.signals(session.id, after, PAGE):
        for stored in page:
            after = stored.seq
            job = stored.signal.context.get("job")
            if isinstance(job, int):
                jobs.add(job)
            yield {
                "type": "signal",
                "seq": stored.seq,
                "ts": utc_text(stored.signal.timestamp),
                **clean(stored.signal.to_dict()),
            }
    after = 0
    while received := await store.jobs_received(session.id, after, PAGE):
        jobs.update(received)
        after = received[-1]
    for job in sorted(jobs):
        detail = await store.job(job)
        if detail is not None:
            yield clean(await _job_record(store, detail))


async def _job_record(store: ReadStore, detail: JobDetail) -> Record:
    row = detail.row
    # Most jobs of a busy hub are only received: three reads less for each.
    is_untouched = ranks.is_new(row.rank) or row.outcome in (Outcome.SKIPPED, Outcome.STORED)
    times = {} if is_untouched else await store.journal_times(row.job)
    journal = {} if is_untouched else await store.journal(row.job)
    asked = () if is_untouched else await store.asked_by(row.job)
    return {
        "type": "job",
        "job": row.job,
        "task_id": row.task_id,
        "routine": detail.routine or None,
        "state": row.state.value,
        "outcome": row.outcome.value if row.outcome else None,
        "node": row.node or None,
        "bundle": detail.bundle or None,
        "error": detail.error or None,
        "attempt": detail.attempt,
        "received_at": utc_text(detail.received_at),
        "task": detail.task.raw,
        "journal": _done(journal),
        "done_at": {name: utc_text(at) for name, at in _done(times).items()},
        "questions": [_question_record(each) for each in asked],
    }


def _question_record(asked: AskedQuestion) -> Record:
    question = asked.question
    return {
        "id": asked.id,
        "name": question.name,
        "kind": question.kind,
        "message": question.message,
        "requested_schema": question.requested_schema,
        "subject": question.subject,
        "asked_at": utc_text(asked.asked_at),
        "answered_at": utc_text(asked.answered_at) if asked.answered_at is not None else None,
    }


def _done(journal: Mapping[str, T]) -> dict[str, T]:
    """What was done and answered. A kept value is a place on the way, and may hide a secret in an encoding."""
    return {name: value for name, value in journal.items() if not name.startswith(ASIDE)}


async def write_jsonl(store: ReadStore, session: SessionRecord, secrets: Sequence[str], file: TextIO) -> None:
    """Write a session of a store that is open, a record a line."""
    await _write_jsonl(records(store, session, secrets), file)
    file.flush()


async def _write_jsonl(found: AsyncIterator[Record], file: TextIO) -> None:
    async for record in found:
        file.write(json.dumps(record) + "\n")


async def _write_json(found: AsyncIterator[Record], file: TextIO) -> None:
    """One object {"session": ..., "signals": [...], "jobs": [...]}, written as it is read."""
    session = await anext(found)
    del session["type"]
    file.write('{"session": ' + json.dumps(session) + ', "signals": [')
    separator, in_jobs = "\n", False
    async for record in found:
        if record.pop("type") == "job" and not in_jobs:
            file.write('\n], "jobs": [')
            separator, in_jobs = "\n", True
        file.write(separator + json.dumps(record))
        separator = ",\n"
    file.write("\n]}\n" if in_jobs else '\n], "jobs": []}\n')


async def _write_markdown(found: AsyncIterator[Record], file: TextIO) -> None:
    session = await anext(found)
    file.write(f"# {safe_text(session['id'])}\n\n")
    file.write(f"From {session['started_at']} to {session['ended_at'] or 'an end that was not recorded'}")
    file.write(f" on {_cell(session['host'])}.\n\n## What happened\n\n")
    file.write("| time | level | signal | task | details |\n| --- | --- | --- | --- | --- |\n")
    jobs: list[Record] = []
    async for record in found:
        if record["type"] == "job":
            jobs.append(record)
            continue
        context = record["context"]
        details = " ".join(f"{key}={_short(value)}" for key, value in record["payload"].items())
        cells = (record["ts"], context.get("level", "info"), record["name"], context.get("task_id", ""), details)
        file.write("| " + " | ".join(_cell(cell) for cell in cells) + " |\n")
    file.write("\n## Jobs\n")
    for job in jobs:
        file.writelines(_job_as_markdown(job))


def _job_as_markdown(job: Record) -> Iterable[str]:
    yield f"\n### {_cell(job['task_id'])}: {job['outcome'] or job['state']}\n\n"
    if job["node"]:
        yield f"Saved as {_cell(job['node'])}.\n\n"
    if job["error"]:
        yield f"{_cell(job['error'])}\n\n"
    yield _fenced(json.dumps(job["task"], indent=2), "json")
    for name, value in job["journal"].items():
        if isinstance(value, Mapping) and isinstance(value.get("code"), str):
            yield f"\n{_cell(name)}:\n\n" + _fenced(value["code"], "python")
        else:
            yield f"\n{_cell(name)}:\n\n" + _fenced(json.dumps(value, indent=2), "json")


def _short(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)


def _cell(value: object) -> str:
    """One line that cannot end a table's cell, open a link or be read as HTML."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", safe_text(value, limit=500))


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{safe_block(text)}\n{fence}\n"
