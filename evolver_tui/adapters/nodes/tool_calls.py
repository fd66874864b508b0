"""The program's side of `call_tool`: what a node may call, what answers, and how much of it.

A node and the program share a socket. Each request is one line of JSON, `{"id", "tool", "prompt", "arguments"}`, and so
is each answer, `{"id", "text"}` or `{"id", "error", "kind"}`. Keys, addresses and prompts of tools stay on this side.
At its end the node's process may tell what memory it took at most, as `{"memory_kb"}`; that line has no answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from evolver_tui.core.errors import EvolverError, ToolError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import Backend, Prompt
from evolver_tui.engine.author.prompt import tool_prompt

OfflineReply = Callable[[str, str], str]
"""What a tool answers without a model: its name and the prompt to an answer that says so."""

NodeTool = Callable[[str, str], Awaitable[str]]
"""Runs an approved node as a tool: its id and the prompt to its answer."""

ErrorKind = Literal["unknown_tool", "not_allowed", "limit", "timeout", "failed", "bad_request"]

_SETTINGS = ("temperature", "max_tokens", "system_prompt", "timeout", "disable_tracking")
_LINE_OVERHEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """What one run may ask for."""

    calls: int = 50
    prompt_bytes: int = 200_000
    answer_bytes: int = 1_000_000
    seconds: float = 120.0
    """Per call; a node may ask for less, never for more."""
    at_once: int = 8


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that was made, for whoever looks at the run."""

    tool: str
    prompt_characters: int
    answer_characters: int
    seconds: float
    error: str = ""


class CallRefused(ToolError):
    """A call that gets an error as its answer; `kind` becomes the exception that the node sees."""

    def __init__(self, message: str, kind: ErrorKind) -> None:
        super().__init__(message)
        self.kind = kind


class ToolServer:
    """Answers the tool calls of one run."""

    def __init__(
        self,
        definitions: Mapping[str, ToolDefinition],
        allowed: Collection[str],
        backend: Backend | None,
        offline_reply: OfflineReply,
        *,
        node_tool: NodeTool | None = None,
        limits: ToolLimits = ToolLimits(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            definitions: every tool there is, by name.
            allowed: the names that this node was approved with.
            backend: what answers for `llm` tools; None or an offline one lets `offline_reply` answer.
            offline_reply: see `OfflineReply`.
            node_tool: runs `node` tools; None where they cannot be run.
            limits: what the run may ask for.
            clock: seconds, for the record of calls.
        """
        self._definitions = definitions
        self._allowed = frozenset(allowed)
        self._backend = backend
        self._offline_reply = offline_reply
        self._node_tool = node_tool
        self._limits = limits
        self._clock = clock
        self._begun = 0
        self._slots = asyncio.Semaphore(limits.at_once)
        self.calls: list[ToolCall] = []
        """Every call so far, in the order in which they ended."""
        self.memory_kb: int | None = None
        """What the node's process said of its memory: a figure, no proof."""

    @property
    def longest_line(self) -> int:
        """Bytes that a request may have on the wire, where JSON may spell each byte of a prompt with six."""
        return 6 * self._limits.prompt_bytes + _LINE_OVERHEAD

    async def call(self, tool: str, prompt: str, arguments: Mapping[str, Any]) -> str:
        """Make one call.

        Raises:
            CallRefused: it is unknown, not allowed, over a limit, or failed; the message can be shown to anybody.
        """
        started = self._clock()
        answer, problem = "", ""
        try:
            answer = await self._call(tool, prompt, arguments)
            return answer
        except CallRefused as error:
            problem = error.message
            raise
        finally:
            seconds = self._clock() - started
            if len(self.calls) < self._limits.calls:
                self.calls.append(ToolCall(tool[:64], len(prompt), len(answer), seconds, problem))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the node hangs up. A bad line gets an error for an answer; nothing here raises.

        `reader` has to have `longest_line` as its limit.
        """
        running: set[asyncio.Task[None]] = set()
        refused = 0
        try:
            while refused <= self._limits.calls:
                try:
                    line = await reader.readline()
                except ValueError:  # longer than the limit; the reader has dropped what it had of it
                    refused += 1
                    await _send(writer, _error(None, f"A request has at most {self.longest_line:,} bytes.", "limit"))
                    continue
                if not line:
                    break
                request = _request(line)
                if isinstance(request, int):
                    self.memory_kb = request
                    continue
                if request is None:
                    refused += 1
                    await _send(writer, _error(None, "A request is one JSON object on one line.", "bad_request"))
                    continue
                self._begun += 1
                if self._begun > self._limits.calls:
                    refused += 1
                    message = f"A run may make at most {self._limits.calls} tool calls."
                    await _send(writer, _error(request.id, message, "limit"))
                    continue
                task = asyncio.create_task(self._answer(request, writer))
                running.add(task)
                task.add_done_callback(running.discard)
        except OSError:
            pass  # the node is gone
        finally:
            for task in running:
                task.cancel()
            writer.close()

    async def _answer(self, request: _Request, writer: asyncio.StreamWriter) -> None:
        async with self._slots:
            try:
                text = await self.call(request.tool, request.prompt, request.arguments)
                reply: dict[str, Any] = {"id": request.id, "text": text}
            except CallRefused as error:
                reply = _error(request.id, error.message, error.kind)
        with suppress(OSError):
            await _send(writer, reply)

    async def _call(self, tool: str, prompt: str, arguments: Mapping[str, Any]) -> str:
        definition = self._definitions.get(tool)
        if definition is None:
            raise CallRefused(f"Tool '{safe_text(tool, 64)}' not found", "unknown_tool")
        if tool not in self._allowed:
            raise CallRefused(f"Tool '{tool}' is not among those this node was approved with.", "not_allowed")
        if len(prompt.encode("utf-8", "replace")) > self._limits.prompt_bytes:
            raise CallRefused(f"A prompt has at most {self._limits.prompt_bytes:,} bytes.", "limit")
        seconds = _number(arguments, "timeout", self._limits.seconds, 0.001, self._limits.seconds)
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(definition, prompt, arguments)
        except TimeoutError:
            raise CallRefused(f"Tool '{tool}' did not answer within {seconds:g} seconds.", "timeout") from None
        except CallRefused:
            raise
        except RecursionError:
            raise CallRefused("The values of a call are nested too deeply.", "bad_request") from None
        except EvolverError as error:
            raise CallRefused(f"Tool '{tool}' failed: {error}", "failed") from None

    async def _ask(self, definition: ToolDefinition, prompt: str, arguments: Mapping[str, Any]) -> str:
        if definition.kind == "node":
            if self._node_tool is None:
                raise CallRefused(f"Tool '{definition.name}' is a node, and nodes cannot be run here.", "failed")
            return await self._node_tool(definition.target, prompt)
        if definition.kind == "http":
            return await _post(definition, prompt, arguments, self._limits.answer_bytes)
        if self._backend is None or self._backend.info.is_offline:
            return self._offline_reply(definition.name, prompt)
        return await self._write(self._backend, _prompt(definition, prompt, arguments))

    async def _write(self, backend: Backend, prompt: Prompt) -> str:
        pieces: list[str] = []
        size = 0
        async with aclosing(backend.stream(prompt)) as stream:
            async for piece in stream:
                if isinstance(piece, str):
                    pieces.append(piece)
                    size += len(piece)
                    if size > self._limits.answer_bytes:
                        most = f"{self._limits.answer_bytes:,}"
                        raise CallRefused(f"The answer has more than {most} characters.", "limit")
        return "".join(pieces)


def call_by_hand(tool: str, prompt: str, arguments: Mapping[str, Any], offline_reply: OfflineReply) -> str:
    """What `node_runtime.call_tool` does outside a run: built-in tools answer as they do offline.

    Raises:
        ValueError: there is no such tool.
        RuntimeError: it failed.
    """
    from evolver_tui.tools.definitions import BUILT_IN_TOOLS

    definitions = {definition.name: definition for definition in BUILT_IN_TOOLS}

    async def call() -> str:
        return await ToolServer(definitions, definitions, None, offline_reply).call(tool, prompt, arguments)

    try:
        return asyncio.run(call())
    except CallRefused as error:
        raise (ValueError if error.kind == "unknown_tool" else RuntimeError)(error.message) from None


# --- the wire ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Request:
    id: int
    tool: str
    prompt: str
    arguments: Mapping[str, Any]


def _request(line: bytes) -> _Request | int | None:
    """A call, or the memory that the process took; None for anything else."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match value:
        case {"id": int(number), "tool": str(tool), "prompt": str(prompt)}:
            arguments = value.get("arguments", {})
            return _Request(number, tool, prompt, arguments if isinstance(arguments, dict) else {})
        case {"memory_kb": int(kilobytes)}:
            return kilobytes
    return None


def _error(number: int | None, message: str, kind: ErrorKind) -> dict[str, Any]:
    return {"id": number, "error": message, "kind": kind}


async def _send(writer: asyncio.StreamWriter, reply: Mapping[str, Any]) -> None:
    writer.write(json.dumps(reply).encode() + b"\n")
    await writer.drain()


# --- what answers --------------------------------------------------------------------------------------------------


def _prompt(definition: ToolDefinition, prompt: str, arguments: Mapping[str, Any]) -> Prompt:
    instructions = arguments.get("system_prompt")
    asked = tool_prompt(definition, prompt, _values(arguments), instructions if isinstance(instructions, str) else None)
    return replace(
        asked,
        temperature=_number(arguments, "temperature", definition.temperature, 0.0, 2.0),
        max_tokens=int(_number(arguments, "max_tokens", definition.max_tokens, 1, definition.max_tokens)),
    )


def _values(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a node hands over beside the prompt."""
    return {name: value for name, value in arguments.items() if name not in _SETTINGS}


def _number(arguments: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number among a node's arguments, brought between its bounds; anything else is the default."""
    value = arguments.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        return default
    return min(max(value, low), high)


async def _post(definition: ToolDefinition, prompt: str, arguments: Mapping[str, Any], most: int) -> str:
    """Post the prompt to an http tool; its answer's body as text. No redirect is followed."""
    import httpx

    # Not by httpx: it writes characters as UTF-8, which half of a surrogate pair has none of.
    content = json.dumps({**_values(arguments), "prompt": prompt}).encode()
    headers = {"content-type": "application/json"}
    body = bytearray()
    try:
        async with (
            httpx.AsyncClient(follow_redirects=False, timeout=None, trust_env=False) as client,
            client.stream("POST", definition.address.for_connecting(), content=content, headers=headers) as response,
        ):
            if response.status_code != 200:
                raise CallRefused(f"Tool '{definition.name}' answered with HTTP {response.status_code}.", "failed")
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > most:
                    raise CallRefused(f"The answer has more than {most:,} bytes.", "limit")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CallRefused(f"Tool '{definition.name}' cannot be reached: {type(error).__name__}.", "failed") from None
    return body.decode("utf-8", "replace")
