"""Runs a node as a process of its own.

What runs are the approved bytes, read and compared with their digest and copied into a folder made for this run: what
happens to the library meanwhile does not matter. The process has its own session, lowered limits, an environment of a
few plain values, a scratch folder as its working folder, and no descriptor but its three streams and the socket for
tool calls.

This keeps accidents in. It does not keep an attacker in: the process runs as the same user and sees the same files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import node_runtime
from evolver_tui.adapters.nodes import bootstrap as node_bootstrap
from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.folder import to_bytes
from evolver_tui.adapters.nodes.tool_calls import CallRefused, OfflineReply, ToolCall, ToolLimits, ToolServer
from evolver_tui.core.errors import EvolverError, NodeError
from evolver_tui.core.node import check_node_id
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import Backend

_MIB = 1 << 20
_TOOL_LIMITS = ToolLimits()
_DEEPEST = 3
"""Nodes that call nodes that call nodes: more is a circle."""
_DRAIN_SECONDS = 2.0
"""Wait for the end of the streams after the process ended: one that escaped may hold them open."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may take."""

    seconds: float = 600.0
    cpu_seconds: int = 60
    memory_mb: int = 1024
    """Address space."""
    file_mb: int = 64
    """Of each file it writes."""
    open_files: int = 64
    processes: int = 64
    """Beyond the threads that the user has already; no limit for root."""
    output_bytes: int = _MIB
    """Progress of each of both streams; what comes beyond is read and dropped."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run."""

    stdout: bytes
    stderr: bytes
    exit_code: int
    """As the process ended; negative for the signal that ended it."""
    seconds: float
    cpu_seconds: float
    memory_mb: float
    """The most it had at a time."""
    output: dict[str, Any] | None
    """The one JSON object on stdout; None when the run failed."""
    error: str
    """Why it failed, as a sentence; empty when it did not."""
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the process ended well and wrote exactly one JSON object."""
        return self.output is not None


class NodeRunner:
    """Runs nodes of one library with one set of tools."""

    def __init__(
        self,
        library: NodeFiles,
        definitions: Mapping[str, ToolDefinition],
        backend: Backend | None,
        offline_reply: OfflineReply,
        *,
        limits: RunLimits = RunLimits(),
        tool_limits: ToolLimits = _TOOL_LIMITS,
        python: str = sys.executable,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives seconds for durations; the other arguments are those of `ToolServer`."""
        self._library = library
        self._definitions = definitions
        self._backend = backend
        self._offline_reply = offline_reply
        self._limits = limits
        self._tool_limits = tool_limits
        self._python = python
        self._clock = clock

    async def run(self, node_id: str, stdin: bytes) -> RunResult:
        """Run an approved node with `stdin` on its standard input. Cancelling ends the process.

        Raises:
            NodeError: there is no such node, or no process can be started.
            NodeChanged: the bytes on disk are not the approved ones.
        """
        return await self._run(node_id, stdin, depth=1)

    async def _run(self, node_id: str, stdin: bytes, depth: int) -> RunResult:
        record, code = await asyncio.to_thread(self._library.read, node_id)

        async def run_as_tool(target: str, prompt: str) -> str:
            if depth >= _DEEPEST:
                raise CallRefused(f"Nodes call each other at most {_DEEPEST} deep.", "limit")
            try:
                result = await self._run(target, json.dumps({"prompt": prompt}).encode(), depth + 1)
            except EvolverError as error:
                raise CallRefused(str(error), "failed") from None
            if not result.succeeded:
                raise CallRefused(result.error, "failed")
            return result.stdout.decode("utf-8", "replace").strip()

        tools = ToolServer(
            self._definitions,
            record.tools,
            self._backend,
            self._offline_reply,
            node_tool=run_as_tool,
            limits=self._tool_limits,
            clock=self._clock,
        )
        return await run_code(node_id, code, stdin, tools, self._limits, python=self._python, clock=self._clock)


async def run_code(
    node_id: str,
    code: str,
    stdin: bytes,
    tools: ToolServer,
    limits: RunLimits = RunLimits(),
    *,
    python: str = sys.executable,
    clock: Callable[[], float] = time.monotonic,
) -> RunResult:
    """Run code that somebody answers for: bytes that were approved, or a draft that a person asked to try.

    Raises:
        NodeError: no process can be started.
    """
    try:
        folder = await asyncio.to_thread(_lay_out, check_node_id(node_id), to_bytes(code))
    except OSError as error:
        raise _cannot_start(error) from None
    try:
        return await _run_in(folder, node_id, stdin, tools, limits, python, clock)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def _cannot_start(error: OSError) -> NodeError:
    return NodeError(f"The node's process cannot be started: {error.strerror or error}.", "Free memory or disk, retry.")


def _lay_out(node_id: str, code: bytes) -> Path:
    """The run's own folder, laid out as nodes expect: node_runtime.py two folders above main.py."""
    folder = Path(tempfile.mkdtemp(prefix="evolver-node-"))
    try:
        shutil.copyfile(Path(node_runtime.__file__), folder / "node_runtime.py")
        (folder / "scratch").mkdir()
        (folder / "nodes" / node_id).mkdir(parents=True)
        (folder / "nodes" / node_id / "main.py").write_bytes(code)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


async def _run_in(
    folder: Path,
    node_id: str,
    stdin: bytes,
    tools: ToolServer,
    limits: RunLimits,
    python: str,
    clock: Callable[[], float],
) -> RunResult:
    started = clock()
    stdout, stderr = _Capture(limits.output_bytes), _Capture(limits.output_bytes)
    async with contextlib.AsyncExitStack() as opened:
        ours, theirs = socket.socketpair()
        try:
            process = _start(folder, node_id, stdin, theirs, limits, python)
        except OSError as error:
            ours.close()
            raise _cannot_start(error) from None
        finally:
            theirs.close()
        child = _Child(process, asyncio.get_running_loop())
        opened.push_async_callback(child.end)
        for capture, pipe in ((stdout, process.stdout), (stderr, process.stderr)):
            opened.callback((await _read_pipe(capture, pipe)).close)
        reader, writer = await asyncio.open_connection(sock=ours, limit=tools.longest_line)
        opened.callback(writer.transport.abort)
        serving = asyncio.create_task(tools.serve(reader, writer))
        opened.callback(serving.cancel)
        in_time = await child.wait(limits.seconds)
        await asyncio.wait([stdout.ended, stderr.ended, serving], timeout=_DRAIN_SECONDS)
    if in_time:
        output, problem = _judge(stdout, bytes(stderr.content), child.exit_code, limits)
    else:
        output, problem = None, f"It ran longer than {limits.seconds:g} seconds and was ended."
    return RunResult(
        stdout=bytes(stdout.content),
        stderr=bytes(stderr.content),
        exit_code=child.exit_code,
        seconds=clock() - started,
        cpu_seconds=child.cpu_seconds,
        memory_mb=(tools.memory_kb or child.memory_kb) / 1024,
        output=output,
        error=problem,
        tool_calls=tuple(tools.calls),
    )


def _start(
    folder: Path, node_id: str, stdin: bytes, tools: socket.socket, limits: RunLimits, python: str
) -> subprocess.Popen[bytes]:
    settings = {
        "root": str(folder),
        "main": str(folder / "nodes" / node_id / "main.py"),
        "tools": tools.fileno(),
        "limits": {
            "RLIMIT_CPU": limits.cpu_seconds,
            "RLIMIT_AS": limits.memory_mb * _MIB,
            "RLIMIT_FSIZE": limits.file_mb * _MIB,
            "RLIMIT_NOFILE": limits.open_files,
            "RLIMIT_NPROC": limits.processes,
            "RLIMIT_CORE": 0,
        },
    }
    scratch = str(folder / "scratch")
    command = [python, "-I", "-S", "-B", "-X", "utf8", node_bootstrap.__file__, json.dumps(settings)]
    environment = {
        "LANG": "C.UTF-8",
        "PYTHONIOENCODING": "utf-8",
        "HOME": scratch,
        "TMPDIR": scratch,
        "EVOLVER_TOOL_FD": str(node_bootstrap.TOOL_DESCRIPTOR),
    }
    # A file instead of a pipe: nobody has to feed it, and a node that reads nothing blocks nobody.
    with tempfile.TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        return subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=scratch,
            env=environment,
            pass_fds=(tools.fileno(),),
            start_new_session=True,
        )


class _Child:
    """A process that leads its own group, waited for in a thread so that its use of resources becomes known."""

    def __init__(self, process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._process = process
        self._ended = loop.create_future()
        self._reaping = threading.Lock()
        self._reaped = False
        self.exit_code = 0
        self.cpu_seconds = 0.0
        self.memory_kb = 0.0
        threading.Thread(target=self._reap, args=(loop,), name=f"node {process.pid}", daemon=True).start()

    async def wait(self, seconds: float) -> bool:
        """Wait for the end; after `seconds` bring it about. Returns whether it ended by itself."""
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

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        pid = self._process.pid
        if hasattr(os, "waitid"):
            # Ended, but not reaped: its number still stands for the group, and whatever it left running goes too.
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            self._kill()
            with self._reaping:
                status, usage = os.wait4(pid, 0)[1:]
                self._reaped = True
        else:
            status, usage = os.wait4(pid, 0)[1:]
            with self._reaping:
                self._reaped = True
        self.exit_code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.memory_kb = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._ended.set_result, None)


class _Capture(asyncio.Protocol):
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


async def _read_pipe(protocol: _Capture, pipe: IO[bytes] | None) -> asyncio.ReadTransport:
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    return transport


# --- what came of it -----------------------------------------------------------------------------------------------


def _judge(stdout: _Capture, stderr: bytes, exit_code: int, limits: RunLimits) -> tuple[dict[str, Any] | None, str]:
    if exit_code == -signal.SIGXCPU:
        return None, f"It used more than {limits.cpu_seconds} seconds of processor time and was ended."
    if exit_code < 0:
        return None, f"It was ended by {_signal_name(-exit_code)}."
    if exit_code > 0:
        last = next((line for line in reversed(stderr.decode("utf-8", "replace").splitlines()) if line.strip()), "")
        return None, f"It ended with exit code {exit_code}" + (f": {safe_text(last.strip(), 300)}" if last else ".")
    if stdout.is_cut:
        return None, f"It wrote more than {limits.output_bytes:,} bytes to stdout."
    return read_object(bytes(stdout.content))


def read_object(content: bytes) -> tuple[dict[str, Any] | None, str]:
    """The one JSON object that `content` is, strictly read; else None and a sentence that says what it is instead."""
    try:
        text = content.decode("utf-8")
        if not text.strip():
            return None, "It wrote nothing to stdout; one JSON object is expected."
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        return None, "What it wrote to stdout is nested too deeply."
    except ValueError as error:
        if str(error).startswith("Extra data"):
            return None, "It wrote more to stdout than one JSON object."
        return None, f"What it wrote to stdout is no JSON: {safe_text(error, 200)}."
    if not isinstance(value, dict):
        return None, "What it wrote to stdout is JSON, but no object."
    return value, ""


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
