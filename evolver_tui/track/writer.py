"""The thread that writes what a run was told: whole lines, seldom enough for the training, and the last one always."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from evolver_tui.core.training.record import (
    LONGEST_LINE,
    MOST_VALUES,
    Event,
    Point,
    Record,
    RunEnd,
    to_line,
)
from evolver_tui.track.following import is_followed
from evolver_tui.track.run import Run, Waiting
from evolver_tui.track.run_file import RunFile
from evolver_tui.track.saying import say_once
from evolver_tui.track.values import Refused, metric_name, number, reason, whole

REFUSED: Final = "metric_refused"
_PAUSE_SECONDS: Final = 1.0
"""Between attempts at a file that cannot be written, and between two writes that nobody follows: a training pays most
for a thread that wakes."""
_EVENT_SECONDS: Final = 0.1
"""Between two writes, at most, where an event waits."""
_MOST_REFUSALS: Final = 100


class Writer:
    """Writes one run's file. What is no thread's but its own begins with an underscore."""

    def __init__(self, run: Run, file: RunFile, interval: float, written: Callable[[], None] | None) -> None:
        """Args:
        interval: seconds between two writes at least, while somebody follows them.
        written: called after each write, by whoever follows them here.
        """
        self._run = run
        self.file = file
        self._interval = interval
        self._written = written
        self._bell = threading.Lock()
        self._bell.acquire()
        self._thread: threading.Thread | None = None
        self._is_hurried = False
        self._is_ending = self._has_written_last = False
        self._end_status = ""
        self._unwritten = b""
        self._failing_since: float | None = None
        self._refused: set[str] = set()

    def wake(self) -> None:
        """There is something to write."""
        if self._thread is None:
            self._start()
        self._ring()

    def hurry(self) -> None:
        """There is something that is not to wait for a second."""
        self._is_hurried = True
        self._ring()

    def _ring(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:  # it rings already
            pass

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="evolver-track-writer", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError as error:  # the interpreter ends, or there are too many threads
            self._thread = None
            say_once("no thread", f"No thread can be started to write the run: {error}. It is written when it is over.")

    def end(self, status: str, seconds: float) -> bool:
        """Write all that is left, and the end where `status` names one; whether that came about in so many seconds."""
        self._end_status, self._is_ending = status, True
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._ring()
            thread.join(seconds)
            if thread.is_alive():
                return False
        else:
            self.write_now(is_last=True)
        return not self._unwritten

    def begin_anew(self) -> None:
        """In a process that was forked: the thread is the parent's, and so is what is left to write."""
        self.file.close()
        self._written = None
        self._bell = threading.Lock()
        self._bell.acquire()
        self._thread = None
        self._unwritten, self._failing_since = b"", None

    # --- in the thread

    def _work(self) -> None:
        while not self._has_written_last:
            self._bell.acquire()
            while self._write_and_rest():
                pass

    def _write_and_rest(self) -> bool:
        """Write, and wait until it is time for the next; whether there is something then."""
        is_last, self._is_hurried = self._is_ending, False
        began = time.monotonic()
        self.write_now(is_last)
        if is_last:
            self._has_written_last = True
            return False
        is_often = self._written is not None or is_followed(self.file.descriptor)
        self._run._set_pace(is_often)
        while not self._is_ending:
            pause = self._interval if is_often else max(_PAUSE_SECONDS, self._interval)
            if self._failing_since is not None:
                pause = _PAUSE_SECONDS
            elif self._is_hurried:
                pause = min(_EVENT_SECONDS, self._interval)
            left = began + pause - time.monotonic()
            if left <= 0:
                break
            self._bell.acquire(timeout=left)
        return self._is_ending or bool(self._unwritten) or not self._run._falls_asleep()

    def write_now(self, is_last: bool = False) -> None:
        """Write what there is, and the end after it. The thread does it; before and after it, whoever else."""
        try:
            self._write(is_last)
        except OSError as error:
            if self._failing_since is None:
                self._failing_since = time.monotonic()
            say_once(
                f"write {self.file.path}",
                f"The run file {self.file.path} cannot be written: {error.strerror}. It is tried again.",
            )
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the writing
            say_once("write", f"Something of the run is left out: {reason(error)}.")

    def _write(self, is_last: bool) -> None:
        self._flush()
        if self._failing_since is not None:
            seconds, self._failing_since = time.monotonic() - self._failing_since, None
            self._unwritten = to_line(Event("run_file_delayed", time.time(), payload={"seconds": round(seconds, 1)}))
        self._unwritten += b"".join(self._lines(is_last))
        self._flush()
        if self._written is not None:
            self._written()

    def _flush(self) -> None:
        while self._unwritten:
            self._unwritten = self.file.append(self._unwritten)

    def _lines(self, is_last: bool) -> Iterator[bytes]:
        header, waiting, dropped = self._run._take()
        if header is not None:
            yield to_line(header)
        for record in self._records(waiting):
            yield from _lines_of(record)
        if dropped:
            yield to_line(Event("records_left_out", time.time(), payload={"records": dropped}))
        if is_last and self._end_status:
            yield to_line(RunEnd(_rounded(time.time()), self._end_status))
            self._end_status = ""

    def _records(self, waiting: Sequence[Waiting]) -> Iterator[Record]:
        """Points of what was told, one for each step, and events, in their order."""
        shift = time.time() - time.monotonic()
        point: Point | None = None
        for each in waiting:
            if isinstance(each, Event):
                if point is not None:
                    yield point
                    point = None
                yield each._replace(at=_rounded(each.at + shift))
                continue
            at, model, told_step, name, told_value = each
            try:
                step, value = whole(told_step), number(told_value)
            except Refused as refusal:
                yield from self._refusal(metric_name(name), str(refusal), model, _rounded(at + shift))
                continue
            if point is None or point.step != step or point.model != model or len(point.values) >= MOST_VALUES:
                if point is not None:
                    yield point
                values: dict[str, float] = {}
                point = Point(step, _rounded(at + shift), values, model)
            values[metric_name(name)] = value
        if point is not None:
            yield point

    def _refusal(self, name: str, why: str, model: int, at: float) -> Iterator[Event]:
        if name in self._refused or len(self._refused) >= _MOST_REFUSALS:
            return
        self._refused.add(name)
        say_once(f"refused {name}", f"The metric {name[:80]!a} is left out where {why}.")
        yield Event(REFUSED, at, model=model, payload={"metric": name, "reason": why})


def _lines_of(record: Record) -> Iterator[bytes]:
    """Its line, or several where a point would be too long for one."""
    line = to_line(record)
    if len(line) <= LONGEST_LINE:
        yield line
    elif isinstance(record, Point) and len(record.values) > 1:
        pairs = list(record.values.items())
        half = len(pairs) // 2
        yield from _lines_of(record._replace(values=dict(pairs[:half])))
        yield from _lines_of(record._replace(values=dict(pairs[half:])))


def _rounded(at: float) -> float:
    return round(at, 3)
