"""Runs programs in boxes: the tier that holds on this machine, a process in it, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from evolver_tui.adapters.sandbox.commands import Launch, launch
from evolver_tui.adapters.sandbox.folders import remove_folder
from evolver_tui.adapters.sandbox.process import BoxedProcess, Capture, Watch
from evolver_tui.core.errors import NothingHolds, SandboxError
from evolver_tui.engine.sandbox import SCRATCH, BoxedProgram, BoxEnd, BoxStanding, LimitName, RunLimits, Serve, Tier

_DRAIN_SECONDS = 2.0
"""Wait for the end of the streams after the process ended: one that escaped may hold them open."""


class LocalSandbox:
    """The `Sandbox` of this machine."""

    def __init__(
        self,
        *,
        tiers: Sequence[Tier] = ("full", "guard"),
        python: str = sys.executable,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            tiers: which may be taken, best first.
            python: the interpreter of the programs.
            clock: gives seconds for durations.
        """
        self._tiers = tiers
        self._python = python
        self._clock = clock
        self._standing: BoxStanding | None = None
        self._finding = asyncio.Lock()
        self._allows_unheld = False
        self._watchers: list[Callable[[BoxStanding], None]] = []

    async def standing(self) -> BoxStanding:
        async with self._finding:
            known = self._standing
            if known is None or (known.tier == "none" and not known.runs_unheld):  # which may be so for a moment
                from evolver_tui.adapters.sandbox.tiers import find_standing

                known = self._know(await find_standing(self._tiers, self._run_in))
            return known

    def watch(self, on_change: Callable[[BoxStanding], None]) -> None:
        self._watchers.append(on_change)
        if self._standing is not None:
            on_change(self._standing)

    def allow_unheld(self) -> None:
        if self._standing is None or self._standing.tier != "none":
            raise SandboxError("Nodes run without a box only where nothing holds them.", "Nothing was changed.")
        self._allows_unheld = True
        self._know(self._standing)

    def _know(self, found: BoxStanding) -> BoxStanding:
        standing = replace(found, runs_unheld=found.tier == "none" and self._allows_unheld)
        if standing != self._standing:
            self._standing = standing
            for tell in self._watchers:
                tell(standing)
        return standing

    async def run(self, program: BoxedProgram, stdin: bytes, limits: RunLimits, serve: Serve) -> BoxEnd:
        if not os.access(self._python, os.X_OK):
            raise _cannot_start(f"{self._python} is no program")
        standing = await self.standing()
        if standing.tier == "none" and not standing.runs_unheld:
            message = f"A node is not run here, since nothing would hold it. {standing.reason}"
            raise NothingHolds(message, standing.way_out)
        return await self._run_in(standing.tier, program, stdin, limits, serve)

    async def _run_in(self, tier: Tier, program: BoxedProgram, stdin: bytes, limits: RunLimits, serve: Serve) -> BoxEnd:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            prepared = await self._prepare(tier, program, limits, theirs.fileno())
            try:
                # In this thread: a program in a guard ends with the thread that started it.
                process = _start_process(prepared, stdin, theirs)
                theirs.close()
                return await self._keep(tier, process, prepared.folder, limits, serve, ours)
            finally:
                await asyncio.shield(asyncio.to_thread(remove_folder, prepared.folder))

    async def _prepare(self, tier: Tier, program: BoxedProgram, limits: RunLimits, channel: int) -> Launch:
        preparing = asyncio.ensure_future(asyncio.to_thread(launch, tier, program, limits, channel, self._python))
        try:
            return await asyncio.shield(preparing)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError, SandboxError):
                remove_folder((await preparing).folder)
            raise
        except OSError as error:
            raise _cannot_start(error.strerror or str(error)) from None

    async def _keep(
        self,
        tier: Tier,
        process: subprocess.Popen[bytes],
        folder: Path,
        limits: RunLimits,
        serve: Serve,
        channel: socket.socket,
    ) -> BoxEnd:
        """See a process to its end."""
        started = self._clock()
        stdout, stderr = Capture(limits.output_bytes), Capture(limits.output_bytes)
        watch = Watch(process.pid, tier == "full", folder / SCRATCH, limits)
        async with contextlib.AsyncExitStack() as opened:
            child = BoxedProcess(process, watch.exceeded, asyncio.get_running_loop())
            opened.push_async_callback(child.end)
            for capture, pipe in ((stdout, process.stdout), (stderr, process.stderr)):
                opened.callback((await capture.read(pipe)).close)
            serving = asyncio.ensure_future(serve(channel))
            opened.callback(serving.cancel)
            in_time = await child.wait(limits.seconds)
            await asyncio.wait([stdout.ended, stderr.ended, serving], timeout=_DRAIN_SECONDS)
        exit_code = _exit_code(child.exit_code, tier)
        cpu_seconds = max(child.cpu_seconds, watch.cpu_seconds)
        return BoxEnd(
            tier=tier,
            exit_code=exit_code,
            stdout=bytes(stdout.content),
            stderr=bytes(stderr.content),
            stdout_is_cut=stdout.is_cut,
            seconds=self._clock() - started,
            cpu_seconds=cpu_seconds,
            memory_mb=child.memory_mb,
            limit=_limit(in_time, child.limit, exit_code, cpu_seconds, limits, stdout.is_cut or stderr.is_cut),
        )


def _start_process(prepared: Launch, stdin: bytes, channel: socket.socket) -> subprocess.Popen[bytes]:
    try:
        # A file instead of a pipe: nobody has to feed it, and a program that reads nothing blocks nobody.
        with tempfile.TemporaryFile() as source:
            source.write(stdin)
            source.seek(0)
            return subprocess.Popen(
                prepared.command,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env=prepared.environment,
                pass_fds=(channel.fileno(),),
                start_new_session=True,
            )
    except OSError as error:
        raise _cannot_start(error.strerror or str(error)) from None


def _cannot_start(why: str) -> SandboxError:
    return SandboxError(f"The node's process cannot be started: {why}.", "Free memory or disk, retry.")


def _exit_code(code: int, tier: Tier) -> int:
    """The program's own exit code: bubblewrap tells the signal that ended it as a shell does."""
    return 128 - code if tier == "full" and 128 < code <= 128 + signal.NSIG else code


def _limit(
    in_time: bool, seen: LimitName | None, exit_code: int, cpu_seconds: float, limits: RunLimits, is_cut: bool
) -> LimitName | None:
    if not in_time:
        return "seconds"
    if seen is not None:
        return seen
    # Who ignores the signal is killed a second later; what was seen last may be a look old.
    was_killed = exit_code == -signal.SIGKILL and cpu_seconds > limits.cpu_seconds
    if was_killed or exit_code == -signal.SIGXCPU:
        return "cpu_seconds"
    return "output_bytes" if is_cut else None
