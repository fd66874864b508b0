"""A run with its file, its writer and its way to a server; what becomes of them when the process ends or forks."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from evolver_tui.core.training.record import COMPLETED, ERROR, FAILED
from evolver_tui.track.run import Run
from evolver_tui.track.run_file import RunFile
from evolver_tui.track.saying import say_once
from evolver_tui.track.values import reason, seconds_of
from evolver_tui.track.writer import Writer

if TYPE_CHECKING:
    from evolver_tui.track.sender import Sender

_LEAST_SECONDS: Final = 1.0


class Recording:
    """What is open for a run."""

    def __init__(self, run: Run, file: RunFile, *, interval: float, sender: Sender | None, seconds: float) -> None:
        """Args:
        interval: seconds between two writes at least, while somebody follows them.
        sender: None where the run stays on this machine.
        seconds: to wait at the end for what is slow.
        """
        self.run = run
        self._file = file
        self._sender = sender
        self._seconds = seconds
        self._writer = Writer(run, file, interval, sender.wake if sender else None)
        self._is_ours = True
        self._is_child_kept = False
        self._ending = threading.Lock()
        run._wake_writer, run._hurry_writer, run._end = self._wake, self._writer.hurry, self.end
        run._is_over, run._is_kept = False, True

    def begin(self) -> None:
        """Write the header at once, and have the end of the process end the run."""
        _watch_process()
        _open.append(self)
        self.run._header_is_due = True
        self._writer.write_now()
        if self._sender is not None:
            try:
                self._sender.start()
            except RuntimeError as error:
                say_once("no sender", f"The run is not sent to its server: {error}.")
                self._sender = None

    def doze(self) -> None:
        """Have the next word that is told wake the writer, whether it is awake or not."""
        self.run._doze()

    def _wake(self) -> None:
        if _exit and threading.current_thread() is threading.main_thread():
            _exit.clear()  # whoever goes on did not end by it
        elif _exit:
            self.doze()  # another thread tells to the very end: the main one's next word counts
        if not self._is_ours and not self._is_child_kept:
            self._is_child_kept = True
            _flush_at_the_end_of_a_child(self)
        self._writer.wake()

    def end(self, status: str, seconds: float | None = None) -> None:
        """Write what is left and the end, send it, and let go of everything. A second call does nothing."""
        until = time.monotonic() + seconds_of(seconds, self._seconds)
        if not self._ending.acquire(blocking=False):
            return
        if self in _open:
            _open.remove(self)
        self.run._tell_summary()
        least = max(_LEAST_SECONDS, until - time.monotonic())
        is_written = self._writer.end(status if self._is_ours else "", least)
        self.run._is_over = True
        self.run._doze()
        if is_written:
            self._file.close()
        else:
            say_once(f"end {self._file.path}", f"The end of the run could not be written to {self._file.path}.")
        if self._sender is not None and not self._sender.end(max(0.0, until - time.monotonic())):
            say_once(f"not sent {self.run.id}", f"The server has not all of the run; {self._file.path} has it.")

    def end_child(self) -> None:
        """Before a forked process ends: write what is left; the end is its parent's to tell."""
        self.end(COMPLETED)

    def begin_anew(self) -> None:
        """In a process that was forked."""
        self._is_ours = self._is_child_kept = False
        self._ending = threading.Lock()
        self._sender = None
        self.run._forget()
        self._writer.begin_anew()


_open: list[Recording] = []
"""Of this process."""
_failure: list[BaseException] = []
"""What ended the program, where something did."""
_exit: list[object] = []
"""What the program called `sys.exit` with, as long as nothing was told after it; nothing where that was success."""
_is_watching = False


def _watch_process() -> None:
    global _is_watching
    if _is_watching:
        return
    _is_watching = True
    atexit.register(_end_all)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_begin_anew)
    previous = sys.excepthook

    def note_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _failure.append(error)
        previous(kind, error, trace)

    sys.excepthook = note_failure
    leave = sys.exit

    def note_exit(status: Any = None, /) -> NoReturn:
        if status not in (None, 0) and threading.current_thread() is threading.main_thread():
            _exit[:] = [status]
            for recording in _open:
                recording.doze()
        leave(status)

    sys.exit = note_exit


def _end_all() -> None:
    error = _failure[-1] if _failure else SystemExit(*_exit) if _exit else None
    for recording in list(_open):
        recording.run._is_kept = False  # what a thread tells while the process ends is no news to anybody
        try:
            if error is not None:
                recording.run.event(ERROR, error=type(error).__name__, message=reason(error))
            recording.end(COMPLETED if error is None else FAILED)
        except Exception as fault:  # noqa: BLE001 - nothing of this may change how a program ends
            say_once("end", f"The end of a run could not be written: {reason(fault)}.")


def _begin_anew() -> None:
    for recording in _open:
        try:
            recording.begin_anew()
        except Exception:  # noqa: BLE001 - nothing of this may end a process that was just made
            pass


def _flush_at_the_end_of_a_child(recording: Recording) -> None:
    """A process of `multiprocessing` ends without what is registered for the end of an interpreter."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, recording.end_child, exitpriority=0)
