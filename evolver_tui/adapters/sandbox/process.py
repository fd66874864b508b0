"""A process in a box as its keeper sees it: reads what it writes, watches what it takes, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from evolver_tui.engine.sandbox import LimitName, RunLimits

_MIB = 1 << 20
_LOOK_SECONDS = 0.02
"""Between two looks at what a process takes: what it can do meanwhile comes on top of its limits."""
_SHARE_OF_LOOKING = 5
"""A look may take a fifth of a processor's time; a folder with many files is looked at more seldom."""
_SPARE_THREADS = 16


class Capture(asyncio.Protocol):
    """Reads a stream to its end and keeps its beginning."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.content = bytearray()
        self.is_cut = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        room = self._limit - len(self.content)
        self.content += data[:room]
        self.is_cut = self.is_cut or len(data) > room

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    async def read(self, pipe: IO[bytes] | None) -> asyncio.ReadTransport:
        """Begin to read; the transport is to be closed."""
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: self, pipe)
        return transport


class Watch:
    """Looks at what a program takes that no limit of the kernel holds: all that it writes, its files, its threads."""

    def __init__(self, leader: int, is_wrapped: bool, scratch: Path, limits: RunLimits) -> None:
        """
        Args:
            leader: the process that was started.
            is_wrapped: whether the program is not that process, but a grandchild of it.
            scratch: the folder that it writes to.
            limits: what it may take.
        """
        self._leader = leader
        self._program = None if is_wrapped else leader
        self._scratch = scratch
        self._limits = limits
        self.cpu_seconds = 0.0
        """Of a processor, as far as the program was seen to use it: bubblewrap's own process does not tell of that."""

    def exceeded(self) -> LimitName | None:
        """The limit that the program is beyond, if any."""
        if self._program is None:
            self._program = _grandchild(self._leader)
        if self._program is not None:
            self.cpu_seconds = max(self.cpu_seconds, _processor_seconds(self._program))
            if _written_bytes(self._program) > self._limits.disk_mb * _MIB:
                return "disk_mb"
            if _threads(self._program) > self._limits.processes + _SPARE_THREADS:
                return "processes"
        return "files" if has_more_files(self._scratch, self._limits.files) else None


def _written_bytes(pid: int) -> int:
    """All that a process ever wrote, to whatever: also what lies in files that it deleted and holds open."""
    try:
        for line in Path(f"/proc/{pid}/io").read_text("ascii").splitlines():
            if line.startswith("wchar:"):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def _processor_seconds(pid: int) -> float:
    try:
        user, system = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


def _threads(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2
    except OSError:
        return 0


def _grandchild(leader: int) -> int | None:
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) > leader:
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text("latin-1").rpartition(")")[2].split()[1])
    return next((pid for pid, parent in parents.items() if parents.get(parent) == leader), None)


def has_more_files(folder: Path, limit: int) -> bool:
    """Whether more than `limit` files and folders lie in a folder, or deeper than a path can be long."""
    count, open_folders = 0, [os.fspath(folder)]
    while open_folders:
        try:
            with os.scandir(open_folders.pop()) as entries:
                for entry in entries:
                    count += 1
                    if count > limit:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        open_folders.append(entry.path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return True
    return False


class BoxedProcess:
    """A process that leads its own group, waited for in a thread so that its use of resources becomes known."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        exceeded: Callable[[], LimitName | None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`exceeded` is asked again and again, in the thread, for a limit that ends the process."""
        self._process = process
        self._exceeded = exceeded
        self._ended = loop.create_future()
        self._reaping = threading.Lock()
        self._reaped = False
        self.exit_code = 0
        self.cpu_seconds = 0.0
        self.memory_mb = 0.0
        self.limit: LimitName | None = None
        threading.Thread(target=self._keep, args=(loop,), name=f"box {process.pid}", daemon=True).start()

    async def wait(self, seconds: float) -> bool:
        """Wait for the end; after `seconds` bring it about. Returns whether it ended before that."""
        done, _ = await asyncio.wait({self._ended}, timeout=seconds)
        if done:
            return True
        await self.end()
        return False

    async def end(self) -> None:
        """Kill the whole group, unless the process has ended; returns when it is gone."""
        self._kill()
        await asyncio.shield(self._ended)

    def _kill(self) -> None:
        with self._reaping:
            # Once reaped, the number may belong to somebody else.
            if not self._reaped:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _keep(self, loop: asyncio.AbstractEventLoop) -> None:
        pid = self._process.pid
        try:
            descriptor = os.pidfd_open(pid)
        except (AttributeError, OSError):  # not Linux, or one before 5.3
            self._keep_by_asking(pid)
        else:
            try:
                self._watch(partial(_ends_within, descriptor))
            finally:
                os.close(descriptor)
            # Ended, but not reaped: its number still stands for the group, and whatever it left running goes too.
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            self._kill()
            self._reap()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._ended.set_result, None)

    def _keep_by_asking(self, pid: int) -> None:
        """See the process to its end where nothing else tells of that."""

        def ends_within(seconds: float) -> bool:
            if self._reap(os.WNOHANG):
                return True
            time.sleep(seconds)
            return False

        self._watch(ends_within)
        if not self._reaped:
            self._reap()
        with contextlib.suppress(ProcessLookupError, PermissionError):  # at once: the number is not another's yet
            os.killpg(pid, signal.SIGKILL)

    def _reap(self, options: int = 0) -> bool:
        """Take up how the process ended; returns whether it has."""
        with self._reaping:
            pid, status, usage = os.wait4(self._process.pid, options)
            if pid == 0:
                return False
            self._reaped = True
        self.exit_code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.memory_mb = usage.ru_maxrss / (_MIB if sys.platform == "darwin" else 1024)
        return True

    def _watch(self, ends_within: Callable[[float], bool]) -> None:
        """Returns when the process has ended, or was killed for a limit."""
        pause = _LOOK_SECONDS
        while not ends_within(pause):
            begun = time.thread_time()  # not what passes while a busy machine lets it wait
            try:
                self.limit = self._exceeded()
            except Exception:  # noqa: BLE001 - what cannot be looked at does not go on, and nobody waits for it for ever
                self._kill()
                return
            if self.limit is not None:
                self._kill()
                return
            pause = max(_LOOK_SECONDS, _SHARE_OF_LOOKING * (time.thread_time() - begun))


def _ends_within(descriptor: int, seconds: float) -> bool:
    """Whether the process of a descriptor ends in that time."""
    ending = select.poll()
    ending.register(descriptor, select.POLLIN)
    return bool(ending.poll(seconds * 1000))
