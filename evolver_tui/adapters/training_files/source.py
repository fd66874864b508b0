"""A file or folder as a place where training runs are seen: looked at a few times a second, read in a thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from evolver_tui.adapters.training_files.reading import PIECE, RunReader
from evolver_tui.adapters.training_files.run_files import RunFile
from evolver_tui.core.training.record import LONGEST_NAME, Record, RunHeader
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.engine.training.source import SourceStanding

MOST_RUNS: Final = 1_000
"""Of one place, the latest written ones."""
SECONDS_BETWEEN_LOOKS: Final = 0.25
SECONDS_BETWEEN_GLANCES: Final = 0.05
"""At what is followed and grows."""
SILENT_AFTER_SECONDS: Final = 600.0
"""Without a word a run counts as silent."""
_SECONDS_OF_A_LOOK: Final = 0.2
_KEPT_OF_OTHERS: Final = 200
"""Points of each metric that are kept of a run that nobody follows."""
_KEPT_WHILE_READ: Final = 5_000_000
"""Values of such a run that are kept while it is read, so that columns can be made of it."""
_MOST_FOLLOWED: Final = 4
"""Runs that are kept whole: so many that were followed last, or all where there are no more."""
_RECORDS_A_TURN: Final = 500

IsGone = Callable[[Mapping[str, object]], bool]
"""Whether it is known that the process of a run's header has ended."""


class Place(Protocol):
    """What is looked at."""

    way: str
    """What it is, for people."""

    def find(self) -> Mapping[str, Callable[[], RunReader]]:
        """How each run there is read, by a name that no other one there has, the latest last.

        Raises OSError where it cannot be looked at. Called in a thread."""

    @property
    def problem(self) -> str:
        """What is amiss with the place as a whole, as a sentence; empty where all is well."""


@dataclass(eq=False, slots=True)
class _Tracked:
    """A run and how far it was read. The thread's, but for `run`."""

    key: str
    reader: RunReader
    run: TrainingRun | None = None
    """The loop's."""
    building: TrainingRun | None = None
    """What becomes of it, while all that is there already is read."""
    is_known: bool = False
    """Whether the loop has it."""
    is_whole: bool = False
    """Whether all of its points are kept."""
    is_cut: bool = False
    """Whether what is being built has lost points already."""
    problem: str = ""
    is_missing: bool = False
    """Whether its place has it no more."""
    is_quiet: bool = False
    """Whether all was read that was there."""
    touched_at: float = 0.0


class _News(NamedTuple):
    tracked: _Tracked
    records: Sequence[Record]
    anew: TrainingRun | None = None
    """What the run is now, before the records."""


class FileSource:
    """A `RunSource` of a place in the file system."""

    def __init__(
        self, address: str, place: Place, is_gone: IsGone, *, seconds: float = SECONDS_BETWEEN_LOOKS,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """Args:
        address: as shown.
        seconds: between two looks.
        now: seconds since 1970.
        """
        self._place = place
        self._is_gone = is_gone
        self._seconds = seconds
        self._now = now
        self._standing = SourceStanding(address, place.way, False, "It was not looked at yet.")
        self._runs: dict[str, TrainingRun] = {}
        self._changes = 0
        self._tracked: dict[str, _Tracked] = {}
        self._followed: list[str] = []
        self._reading: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._looked = asyncio.Event()
        self._is_closed = threading.Event()

    # --- what others see

    @property
    def standing(self) -> SourceStanding:
        return self._standing

    @property
    def runs(self) -> Mapping[str, TrainingRun]:
        return self._runs

    @property
    def changes(self) -> int:
        return self._changes

    async def open(self) -> None:
        if self._reading is None:
            self._is_closed.clear()
            self._reading = asyncio.create_task(self._read(), name="training files")

    async def close(self) -> None:
        self._is_closed.set()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
            for tracked in self._tracked.values():
                if isinstance(tracked.reader, RunFile):
                    tracked.reader.follow(False)

    def follow(self, run_id: str) -> None:
        self._followed = [*(each for each in self._followed if each != run_id), run_id][-_MOST_FOLLOWED:]
        self._wanted.set()

    async def settled(self) -> None:
        """Wait until all that is there already was read. For whoever wants the present state alone."""
        await self._looked.wait()

    @property
    def needs_name(self) -> bool:
        return False

    # --- the loop's side

    async def _read(self) -> None:
        quiet = 0
        while True:
            self._wanted.clear()
            began = time.monotonic()
            followed = tuple(self._followed)
            news, is_behind, reason, is_up = await asyncio.to_thread(self._look, followed)
            for each in news:
                await self._take(each)
            self._stand(is_up, reason)
            self._look_at_ends()
            if is_behind or news:
                quiet = 0
                if is_behind:
                    continue
            else:
                quiet += 1
                if quiet > 1:  # a last line without an end is whole by the second look
                    self._looked.set()
            await self._pause(max(self._seconds, 4 * (time.monotonic() - began)))

    async def _pause(self, seconds: float) -> None:
        """Until the next look; what is followed and grows is read more often."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._wanted.is_set():
            growing = [each for each in self._followed if each in self._runs and not self._runs[each].is_over]
            try:
                async with asyncio.timeout(min(left, SECONDS_BETWEEN_GLANCES) if growing else left):
                    await self._wanted.wait()
            except TimeoutError:
                for news in await asyncio.to_thread(self._glance, growing) if growing else ():
                    await self._take(news)

    def _stand(self, is_up: bool, reason: str) -> None:
        standing = self._standing._replace(way=self._place.way, is_up=is_up, reason=reason)
        if standing != self._standing:
            self._standing = standing
            self._changes += 1

    async def _take(self, news: _News) -> None:
        """Let the run become what the thread found, a bit at a time."""
        tracked = news.tracked
        if news.anew is not None:
            if tracked.run is None:
                tracked.run = news.anew
                self._add(tracked)
            else:
                news.anew.header = news.anew.header._replace(run_id=tracked.run.run_id)
                tracked.run.become(news.anew)
                self._runs.setdefault(tracked.run.run_id, tracked.run)
            self._changes += 1
        run = tracked.run
        if run is None:
            return
        for start in range(0, len(news.records), _RECORDS_A_TURN):
            for record in news.records[start : start + _RECORDS_A_TURN]:
                run.add(record._replace(run_id=run.run_id) if isinstance(record, RunHeader) else record)
            self._changes += 1
            await asyncio.sleep(0)
        if not tracked.is_whole:
            run.keep_latest(_KEPT_OF_OTHERS)

    def _add(self, tracked: _Tracked) -> None:
        """Under the id that it tells, or one of its own where another run has that one."""
        run = tracked.run
        assert run is not None
        name = run.run_id
        if name in self._runs:
            name = f"{name} ({tracked.key})"[:LONGEST_NAME]
            for number in range(2, MOST_RUNS + 2):
                if name not in self._runs:
                    break
                name = f"{name[: LONGEST_NAME - 6]} {number}"
            run.header = run.header._replace(run_id=name)
        self._runs[name] = run

    def _look_at_ends(self) -> None:
        """Runs that are gone themselves; and those that told no end: their process may be gone, or nobody knows."""
        now = self._now()
        for tracked in list(self._tracked.values()):
            run = tracked.run
            if run is None:
                continue
            if tracked.is_missing and run.run_id not in self._followed:
                self._changes += self._runs.pop(run.run_id, None) is not None
            if run.is_over or not tracked.is_quiet:
                continue
            before = run.changes
            if run.header.process and self._is_gone(run.header.process):
                run.cut_off()
            elif tracked.touched_at and now - tracked.touched_at > SILENT_AFTER_SECONDS:
                run.fall_silent()
            self._changes += run.changes != before

    # --- the thread's side

    def _look(self, followed: Sequence[str]) -> tuple[list[_News], bool, str, bool]:
        """News, whether there is more to be read at once, what is amiss, and whether the place is there."""
        until = time.monotonic() + _SECONDS_OF_A_LOOK
        reason, is_up = "", True
        try:
            self._find()
            reason = self._place.problem
        except FileNotFoundError:
            is_up, reason = False, "It is not there yet."
        except OSError as error:
            is_up, reason = False, f"{error.strerror or error}."
        news: list[_News] = []
        is_behind = False
        order = sorted(self._tracked.values(), key=lambda each: not _is_of(each, followed))
        for tracked in order:
            if self._is_closed.is_set():
                break
            if time.monotonic() > until:
                is_behind = True
                break
            is_behind |= self._read_one(tracked, followed, until, news)
        problems = [each.problem for each in order if each.problem]
        return news, is_behind, reason or (problems[0] if problems else ""), is_up

    def _glance(self, followed: Sequence[str]) -> list[_News]:
        """What came of the runs that are followed."""
        news: list[_News] = []
        until = time.monotonic() + _SECONDS_OF_A_LOOK
        for tracked in self._tracked.values():
            if _is_of(tracked, followed):
                self._read_one(tracked, followed, until, news)
        return news

    def _find(self) -> None:
        found = list(self._place.find().items())[-MOST_RUNS:]
        for tracked in self._tracked.values():
            tracked.is_missing = True
        for key, make in reversed(found):
            if key not in self._tracked:
                self._tracked[key] = _Tracked(key, make())
            self._tracked[key].is_missing = False

    def _read_one(self, tracked: _Tracked, followed: Sequence[str], until: float, news: list[_News]) -> bool:
        """Read what came of one run; returns whether there is more."""
        is_followed = _is_of(tracked, followed)
        wants_whole = is_followed or len(self._tracked) <= _MOST_FOLLOWED
        if wants_whole and not tracked.is_whole and (tracked.is_known or tracked.is_cut):
            tracked.reader.close()
            tracked.building, tracked.is_cut = TrainingRun(tracked.key), False
        tracked.is_whole = wants_whole
        reader = tracked.reader
        if isinstance(reader, RunFile):
            reader.follow(is_followed and not (_is_over(tracked) or self._is_closed.is_set()))
        is_begun = _is_begun(tracked)
        has_columns = not is_begun and _has_columns(tracked)
        if wants_whole and not (is_begun or has_columns):
            news += _overview(tracked)
        is_behind = True
        while is_behind:
            try:
                records, is_anew, is_behind = reader.read(PIECE)
            except OSError as error:
                why = "it is gone" if isinstance(error, FileNotFoundError) else error.strerror or error
                tracked.problem = "" if tracked.is_missing and not is_followed else f"{tracked.key}: {why}."
                tracked.is_quiet = True
                return False
            except Exception as error:  # noqa: BLE001 - whatever a stranger's file brings about, the others are read
                tracked.problem = f"{tracked.key}: it cannot be read ({type(error).__name__})."
                tracked.is_quiet = True
                return False
            tracked.problem = f"{tracked.key}: {reader.problem}" if reader.problem else ""
            if is_anew or (records and not tracked.is_known and tracked.building is None):
                tracked.building, tracked.is_cut = TrainingRun(tracked.key), False
            if tracked.building is not None:
                tracked.building.add_all(records)
                if not wants_whole and sum(map(len, tracked.building.series.values())) > _KEPT_WHILE_READ:
                    tracked.building.keep_latest(_KEPT_OF_OTHERS)
                    tracked.is_cut = True
            elif records:
                news.append(_News(tracked, records))
            if self._is_closed.is_set() or time.monotonic() > until:
                break
        tracked.is_quiet = not is_behind
        tracked.touched_at = reader.touched_at()
        if not is_behind and tracked.building is not None:
            if not has_columns and not tracked.is_cut and isinstance(reader, RunFile):
                reader.keep_whole(tracked.building)
            if not wants_whole:
                tracked.building.keep_latest(_KEPT_OF_OTHERS)
            news.append(_News(tracked, (), tracked.building))
            tracked.building, tracked.is_known = None, True
        return is_behind


def _is_begun(tracked: _Tracked) -> bool:
    """Whether something of a run was read that counts still."""
    return tracked.is_known if tracked.building is None else tracked.building.changes > 0


def _overview(tracked: _Tracked) -> Iterator[_News]:
    """What is shown of a long run while all of it is read."""
    run = tracked.reader.overview() if isinstance(tracked.reader, RunFile) else None
    if run is not None:
        yield _News(tracked, (), run)


def _has_columns(tracked: _Tracked) -> bool:
    """Whether all of a run that is about to be read was found in columns: then the run is made of them."""
    if not isinstance(tracked.reader, RunFile):
        return False
    run = tracked.reader.whole()
    if run is None:
        return False
    tracked.building, tracked.is_cut = run, False
    return True


def _is_over(tracked: _Tracked) -> bool:
    return tracked.run is not None and tracked.run.is_over


def _is_of(tracked: _Tracked, followed: Sequence[str]) -> bool:
    return tracked.run is not None and tracked.run.run_id in followed
