"""Runs a node in a box.

What runs are the approved bytes, read and compared with their digest and laid out anew for this run: what happens to
the library meanwhile does not matter. The box (`engine/sandbox.py`) holds the process; what a node has is its input, a
scratch folder, and the tools it was approved with, over one socket.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import node_runtime
from evolver_tui.adapters.nodes import bootstrap as node_bootstrap
from evolver_tui.adapters.nodes.folder import to_bytes
from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.tool_calls import CallRefused, OfflineReply, ToolLimits, ToolServer
from evolver_tui.core.bytecode import compiled
from evolver_tui.core.errors import EvolverError, NodeRetired, NodeSetAside, ToolError
from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.core.node import check_node_id, slug
from evolver_tui.core.node_example import KeptAnswer
from evolver_tui.core.node_run import DEEPEST_OUTPUT, MOST_OUTPUT, NodeRun, ToolExchange, cut
from evolver_tui.core.node_use import UsedBy
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.shape import is_deeper
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import Backend
from evolver_tui.engine.node_runs import LiveTerms, Trial
from evolver_tui.engine.sandbox import BoxedProgram, BoxEnd, LimitName, RunLimits, Sandbox, Tier
from evolver_tui.engine.workflow.chat_tools import ToolAnswer

_TOOL_LIMITS = ToolLimits()
_DEEPEST = 3
"""Nodes that call nodes that call nodes: more is a circle."""
_TOO_DEEP = "What it wrote to stdout is nested too deeply."


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
    tier: Tier
    """How the node was held."""
    limits: RunLimits
    """What it might take."""
    tool_limits: ToolLimits
    """What it might ask of its tools."""
    limit: LimitName | None = None
    """The limit that it met, if any. Only of time, disk, files and tools is it known without what the node says."""
    tool_calls: tuple[ToolExchange, ...] = ()
    """The first of them."""
    tool_call_count: int = 0
    tokens: int = 0
    """What a model wrote for its tool calls."""

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
        sandbox: Sandbox,
        *,
        dry_reply: OfflineReply,
        limits: RunLimits = RunLimits(),
        tool_limits: ToolLimits = _TOOL_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives seconds for durations of calls; `sandbox` runs them, the rest is as for `ToolServer`.

        `dry_reply` answers in place of every tool when code is only tried.
        """
        self._library = library
        self._definitions = definitions
        self._backend = backend
        self._offline_reply = offline_reply
        self._dry_reply = dry_reply
        self._sandbox = sandbox
        self._limits = limits
        self._tool_limits = tool_limits
        self._clock = clock

    async def run(self, node_id: str, stdin: bytes, by: UsedBy = UsedBy.COMMAND) -> RunResult:
        """Run an approved node with `stdin` on its standard input, and note the use. Cancelling ends the process.

        Raises:
            NodeError: there is no such node, nothing can hold it, or no process can be started.
            NodeChanged: the bytes on disk are not the approved ones.
        """
        return await self._run(node_id, stdin, by, depth=1)

    async def try_out(self, trial: Trial) -> NodeRun:
        """Run code that need not be in the library; see the port."""
        tools = self._tools(trial.tools, depth=1, is_dry=not trial.is_live, kept=trial.answers)
        limits = replace(self._limits, seconds=min(self._limits.seconds, trial.seconds or self._limits.seconds))
        stdin = json.dumps(trial.input).encode()
        # A draft of a stranger's routine may be called anything.
        result = await run_code(slug(trial.node_id), trial.code, stdin, tools, self._sandbox, limits)
        return _as_evidence(trial, result)

    async def call_tool(self, name: str, prompt: str, values: Mapping[str, Any]) -> ToolAnswer:
        """Have a tool answer in earnest; see `engine/workflow/chat_tools.py`."""
        tools = self._tools((name,), depth=0)
        return ToolAnswer(await tools.call(name, prompt, values), tools.tokens)

    async def run_node(self, node_id: str, value: Mapping[str, Any]) -> ToolAnswer:
        """Run an approved node in earnest; see there."""
        result = await self.run(node_id, json.dumps(value).encode(), UsedBy.CHAT)
        if result.output is None:
            raise ToolError(result.error)
        return ToolAnswer(json.dumps(result.output, ensure_ascii=False), result.tokens)

    def live_terms(self, tools: Collection[str]) -> LiveTerms:
        """What a live run would really do; see the port."""
        known = [self._definitions[name] for name in tools if name in self._definitions]
        model = "" if self._backend is None or self._backend.info.is_offline else self._backend.info.label
        called = [each for each in known if each.kind != "llm" or model]
        problem = "" if called else "It calls no tool."
        if known and not called:
            problem = "The tools that it calls ask a model, and there is none here."
        return LiveTerms(
            tools=tuple(f"{each.name} ({each.kind})" for each in called),
            model=model if any(each.kind != "http" for each in called) else "",
            calls=self._tool_limits.calls,
            tokens=max((self._tool_limits.tokens, *(each.max_tokens or 0 for each in called))),
            problem=problem,
        )

    async def _run(self, node_id: str, stdin: bytes, by: UsedBy, depth: int) -> RunResult:
        aside_by = await asyncio.to_thread(self._library.set_aside_by, node_id)
        if aside_by:
            raise NodeSetAside(node_id, safe_text(aside_by, 100))
        retirement = await asyncio.to_thread(self._library.retirement, node_id)
        if retirement is not None:
            raise NodeRetired(node_id, safe_text(retirement.by, 100))
        record, code = await asyncio.to_thread(self._library.read, node_id)
        uses = self._library.uses
        await asyncio.to_thread(uses.note, record, by)  # before it runs: a kill in the middle leaves no use unknown
        result = await run_code(node_id, code, stdin, self._tools(record.tools, depth), self._sandbox, self._limits)
        if not result.succeeded:
            await asyncio.to_thread(uses.note_failure, record)
        return result

    def _tools(
        self, allowed: Collection[str], depth: int, *, is_dry: bool = False, kept: Sequence[KeptAnswer] = ()
    ) -> ToolServer:
        async def run_as_tool(target: str, prompt: str) -> str:
            if depth >= _DEEPEST:
                raise CallRefused(f"Nodes call each other at most {_DEEPEST} deep.", "limit")
            try:
                result = await self._run(target, json.dumps({"prompt": prompt}).encode(), UsedBy.NODE, depth + 1)
            except EvolverError as error:
                raise CallRefused(str(error), "failed") from None
            server.tokens += result.tokens
            if not result.succeeded:
                raise CallRefused(result.error, "failed")
            return result.stdout.decode("utf-8", "replace").strip()

        server = ToolServer(
            self._definitions,
            allowed,
            self._backend,
            self._dry_reply if is_dry else self._offline_reply,
            node_tool=run_as_tool,
            limits=self._tool_limits,
            is_dry=is_dry,
            kept=kept,
            clock=self._clock,
        )
        return server


def _file_of(module: ModuleType) -> Path:
    return Path(str(module.__file__))


async def run_code(
    node_id: str, code: str, stdin: bytes, tools: ToolServer, sandbox: Sandbox, limits: RunLimits = RunLimits()
) -> RunResult:
    """Run a node's code, approved or not, in a box.

    Raises:
        SandboxError: nothing can hold it, or no process can be started.
    """
    main = f"nodes/{check_node_id(node_id)}/main.py"
    program = BoxedProgram(
        files={  # as nodes expect: node_runtime.py two folders above main.py
            "bootstrap.pyc": compiled(_file_of(node_bootstrap)),
            "node_runtime.py": _file_of(node_runtime).read_bytes(),
            f"__pycache__/node_runtime.{sys.implementation.cache_tag}.pyc": compiled(_file_of(node_runtime)),
            main: to_bytes(code),
        },
        main="bootstrap.pyc",
        arguments=(main,),
        environment={"EVOLVER_TOOL_FD": str(node_bootstrap.TOOL_DESCRIPTOR)},
    )

    async def serve(channel: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=channel, limit=tools.longest_line)
        await tools.serve(reader, writer)

    end = await sandbox.run(program, stdin, limits, serve)
    output, problem = _judge(end, limits)
    limit = end.limit or tools.limit or (tools.reported_limit if output is None else None)
    return RunResult(
        stdout=end.stdout,
        stderr=end.stderr,
        exit_code=end.exit_code,
        seconds=end.seconds,
        cpu_seconds=max(end.cpu_seconds, tools.cpu_seconds),
        memory_mb=end.memory_mb if tools.memory_kb is None else tools.memory_kb / 1024,
        output=output,
        error=problem,
        tier=end.tier,
        limits=limits,
        tool_limits=tools.limits,
        limit=limit,
        tool_calls=tuple(tools.calls),
        tool_call_count=tools.call_count,
        tokens=tools.tokens,
    )


def _as_evidence(trial: Trial, result: RunResult) -> NodeRun:
    """A run as a reviewer reads it."""
    stdout, stderr = (cut(stream.decode("utf-8", "replace"), MOST_OUTPUT) for stream in (result.stdout, result.stderr))
    return NodeRun(
        name=trial.name,
        input=trial.input,
        stdout=stdout,
        stderr=stderr,
        output=result.output,
        error=result.error,
        exit_code=result.exit_code,
        seconds=round(result.seconds, 3),
        cpu_seconds=round(result.cpu_seconds, 3),
        memory_mb=round(result.memory_mb, 1),
        tier=result.tier,
        limit=result.limit or "",
        tool_calls=result.tool_calls,
        tool_call_count=result.tool_call_count,
        is_live=trial.is_live,
    )


# --- what came of it -----------------------------------------------------------------------------------------------


def _judge(end: BoxEnd, limits: RunLimits) -> tuple[dict[str, Any] | None, str]:
    problems = {
        "seconds": f"It ran longer than {limits.seconds:g} seconds and was ended.",
        "cpu_seconds": f"It used more than {limits.cpu_seconds} seconds of processor time and was ended.",
        "disk_mb": f"It wrote more than {limits.disk_mb} MB and was ended.",
        "files": f"It made more than {limits.files:,} files and was ended.",
        "processes": f"It had more than {limits.processes} threads and was ended.",
    }
    if end.limit in problems:
        return None, problems[end.limit]
    if end.exit_code < 0:
        return None, f"It was ended by {_signal_name(-end.exit_code)}."
    if end.exit_code > 0:
        lines = end.stderr.decode("utf-8", "replace").splitlines()
        last = next((line for line in reversed(lines) if line.strip()), "")
        return None, f"It ended with exit code {end.exit_code}" + (f": {safe_text(last.strip(), 300)}" if last else ".")
    if end.stdout_is_cut:
        return None, f"It wrote more than {limits.output_bytes:,} bytes to stdout."
    return read_object(end.stdout)


_TOO_DEEP = "What it wrote to stdout is nested too deeply."


def read_object(content: bytes) -> tuple[dict[str, Any] | None, str]:
    """The one JSON object that `content` is, strictly read; else None and a sentence that says what it is instead."""
    try:
        text = content.decode("utf-8")
        if not text.strip():
            return None, "It wrote nothing to stdout; one JSON object is expected."
        value = strict_json(text)
        if is_deeper(value, DEEPEST_OUTPUT):
            return None, _TOO_DEEP
    except RecursionError:
        return None, _TOO_DEEP
    except Equivocal as error:
        return None, f"What it wrote to stdout {error}."
    except ValueError as error:
        if str(error).startswith("Extra data"):
            return None, "It wrote more to stdout than one JSON object."
        return None, f"What it wrote to stdout is no JSON: {safe_text(error, 200)}."
    if not isinstance(value, dict):
        return None, "What it wrote to stdout is JSON, but no object."
    return value, ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
