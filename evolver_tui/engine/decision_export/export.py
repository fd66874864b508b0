"""Decisions as JSON Lines that TRL loads: scrubbed, without near-duplicates, split by task where that is wanted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sys
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TextIO

from evolver_tui.core.errors import EvolverError, StoreError, UsageError
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.core.training_data.near_duplicates import NearDuplicates
from evolver_tui.core.training_data.reviewed_draft import ReviewedDraft
from evolver_tui.core.training_data.task_groups import TaskGroups, is_held_back, place_of
from evolver_tui.engine.decision_export.rows import LeftOut, Row, Writer
from evolver_tui.engine.decision_export.wanted import Outcome, Wanted
from evolver_tui.engine.export import find_session, open_private
from evolver_tui.engine.reviewed_drafts import Passed, reviewed_drafts
from evolver_tui.engine.store import ReadStore
from evolver_tui.settings.output_file import output_file
from evolver_tui.settings.secrets import Scrubber


class NothingToExport(EvolverError):
    """No decision gives a row, or none for one side of a split."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How an export is made."""

    format: str
    """One of `rows.FORMATS`."""
    keeps_duplicates: bool = False
    validation: float = 0.0
    """The share of tasks whose rows are put into a file of their own; 0 for none."""


async def export_decisions(
    store: ReadStore,
    shape: Shape,
    wanted: Wanted,
    tools: Collection[ToolDefinition],
    secrets: Sequence[str],
    path: Path | None,
) -> Outcome:
    """Open a store for one export, to `path` or to standard output.

    Args:
        tools: what the author may know, its own instructions among them.
        path: a file, or with a split its beginning or a folder for both.

    Raises:
        NothingToExport: no decision gives a row, or all come to lie on one side of a split; nothing is written.
        UsageError: the session is unknown, or a file could not be written.
        StoreError: the database cannot be read, or a file not be written after all.
    """
    paths = _paths(path, shape)
    await store.open()
    try:
        if wanted.session_id:
            wanted = replace(wanted, session_id=(await find_session(store, wanted.session_id)).id)
        export = _Export(store, shape, wanted, Writer(shape.format, tools, Scrubber(secrets)))
        if paths:
            await export.write_files(paths)
        else:
            await export.put_rows(sys.stdout)
            sys.stdout.flush()
    finally:
        await store.close()
    if not export.outcome.rows:
        raise NothingToExport(
            f"There is no row of {shape.format} to write.\n{export.outcome.sentences()}", _WAYS_OUT[shape.format]
        )
    return export.outcome


_WAYS_OUT = {
    "sft": "Approve drafts, or ask for less.",
    "dpo": "Send drafts back with a reason and approve what comes, or edit them; or ask for less.",
    "kto": "Approve or reject drafts, or ask for less.",
}


def _paths(path: Path | None, shape: Shape) -> Sequence[Path]:
    """The file, or those for training and validation; none for standard output. Raises UsageError."""
    if not shape.validation:
        return [output_file(path)] if path else []
    if path is None:
        raise UsageError("A split needs two files.", "Name their beginning, or a folder, with -o.")
    if path.is_dir():
        return [output_file(path / "train.jsonl"), output_file(path / "validation.jsonl")]
    start = path.with_suffix("") if path.suffix == ".jsonl" else path
    return [output_file(start.with_name(f"{start.name}.{side}.jsonl")) for side in ("train", "validation")]


class _Export:
    """One export of a store that is open."""

    def __init__(self, store: ReadStore, shape: Shape, wanted: Wanted, writer: Writer) -> None:
        self.outcome = Outcome()
        self._store = store
        self._shape = shape
        self._wanted = wanted
        self._writer = writer
        self._known: defaultdict[str, NearDuplicates[str]] = defaultdict(NearDuplicates)
        self._programs: NearDuplicates[str] = NearDuplicates()
        self._groups = TaskGroups()
        self._requests: dict[bytes, str] = {}

    async def put_rows(self, file: TextIO) -> list[str]:
        """Write all rows; returns the task of each."""
        tasks = []
        async with contextlib.aclosing(self._rows()) as rows:
            async for task_id, row in rows:
                file.write(_line(row.record))
                tasks.append(task_id)
        self.outcome.rows = len(tasks)
        return tasks

    async def write_files(self, paths: Sequence[Path]) -> None:
        """Write all rows, which appear whole or not at all. Raises StoreError, NothingToExport."""
        whole = paths[0].with_name(f".{paths[0].name}.{os.getpid()}.all.unfinished")
        unfinished = [path.with_name(f".{path.name}.{os.getpid()}.unfinished") for path in paths]
        try:
            with _made(whole) as file:
                tasks = await self.put_rows(file)
            if not tasks:
                return
            if len(paths) == 1:
                os.replace(whole, paths[0])
                return
            self.outcome.held_back = self._split(whole, unfinished, tasks)
            for written, path in zip(unfinished, paths, strict=True):
                os.replace(written, path)
        except OSError as error:
            place = " and ".join(map(str, paths))
            raise StoreError(f"{place} cannot be written: {error.strerror}.", "Choose another file with -o.") from None
        finally:
            for each in (whole, *unfinished):
                with contextlib.suppress(OSError):
                    each.unlink()

    def _split(self, whole: Path, sides: Sequence[Path], tasks: Sequence[str]) -> int:
        """Put each row on its side; returns how many are held back. Raises NothingToExport where a side has none."""
        held_back = [is_held_back(self._groups.group_of(task), self._shape.validation) for task in tasks]
        if len(set(held_back)) == 1:
            raise _one_sided({self._groups.group_of(task) for task in tasks}, "train" if held_back[0] else "validate")
        with whole.open(encoding="utf-8") as rows, _made(sides[0]) as train, _made(sides[1]) as validation:
            for row, is_back in zip(rows, held_back, strict=True):
                (validation if is_back else train).write(row)
        return sum(held_back)

    async def _rows(self) -> AsyncGenerator[tuple[str, Row]]:
        """Every row with its task."""
        passed = Passed()
        decided = reviewed_drafts(
            self._store, session_id=self._wanted.session_id, unreviewed=self._wanted.unreviewed, passed=passed
        )
        async with contextlib.aclosing(decided) as drafts:
            async for draft in drafts:
                self.outcome.decisions += 1
                try:
                    for row in await self._rows_of(draft):
                        if self._is_new(draft, row):
                            yield draft.task_id, row
                except LeftOut as reason:
                    self.outcome.left_out[str(reason)] += 1
        if passed.unreadable:
            self.outcome.decisions += passed.unreadable
            self.outcome.left_out["that cannot be read"] = passed.unreadable

    async def _rows_of(self, draft: ReviewedDraft) -> Sequence[Row]:
        """The rows of one decision. Raises LeftOut."""
        if not self._wanted.takes(draft):
            raise LeftOut("that were not asked for")
        chain: Sequence[ReviewedDraft] = ()
        if self._writer.needs_chain:
            async with contextlib.aclosing(
                reviewed_drafts(self._store, job=draft.job, unreviewed=self._wanted.unreviewed)
            ) as decided:
                chain = [each async for each in decided if each.decided_at < self._wanted.until]
        return self._writer.rows(draft, chain)

    def _is_new(self, draft: ReviewedDraft, row: Row) -> bool:
        """Whether a row is to be written."""
        if self._shape.validation:
            self._put_beside_its_like(draft, row)
        if self._known[row.kind].first_like(row.codes[0], draft.task_id) is None:
            return True
        self.outcome.duplicates += not self._shape.keeps_duplicates
        return self._shape.keeps_duplicates

    def _put_beside_its_like(self, draft: ReviewedDraft, row: Row) -> None:
        """Join a row's task with those that asked for the same, and with those that have nearly the same program."""
        like = [self._requests.setdefault(_request(draft.task), draft.task_id)]
        like += [self._programs.first_like(code, draft.task_id) or draft.task_id for code in row.codes]
        for task_id in like:
            self._groups.join(task_id, draft.task_id)


def _line(record: Mapping[str, Any]) -> str:
    """One line of a file. Half a character, for which `datasets` refuses the whole of it, becomes a question mark."""
    text = json.dumps(record)
    if "\\ud" in text:
        text = json.dumps(json.loads(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")))
    return f"{text}\n"


def _one_sided(groups: Collection[str], side: str) -> NothingToExport:
    """What is said where all rows come to lie on one side: a file without rows is none that `datasets` loads."""
    places = sorted(map(place_of, groups))
    if len(places) == 1:
        return NothingToExport(
            f"No row is left to {side}: all are about one task, or about such as belong together.",
            "Leave --validation out.",
        )
    least, most = math.ceil(places[0] * 100 + 1e-9) / 100, math.floor(places[-1] * 100) / 100
    way_out = f"Ask for a --validation from {least:g} to {most:g}, or leave it out."
    if least > most:
        way_out = "Leave --validation out, or decide about more tasks."
    return NothingToExport(f"No row is left to {side}: there are {len(places)} tasks that can be told apart.", way_out)


def _request(task: Mapping[str, Any]) -> bytes:
    """A digest of what a task asks for: the same task may come under several ids, and again for another day."""
    asked = {name: value for name, value in task.items() if name.casefold() not in _WHICH_AND_WHEN}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).digest()


_WHICH_AND_WHEN: Final = frozenset({"id", "duedate", "status", "priority"})


@contextlib.contextmanager
def _made(path: Path) -> Iterator[TextIO]:
    """A file that only its owner can read, on the disk when this ends."""
    with open_private(path) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
