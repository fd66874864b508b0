"""The program's side of `call_tool`: what a node may call, what answers, and how much of it.

A node and the program share a socket. Each request is one line of JSON, `{"id", "tool", "prompt", "arguments"}`, and so
is each answer, `{"id", "text"}` or `{"id", "error", "kind"}`. Keys, addresses and prompts of tools stay on this side.
At its end the node's process may tell once what memory it took at most and its processor time, as `{"memory_kb",
"cpu_seconds"}`, and which limit it met, as `{"limit"}`; these lines have no answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from evolver_tui.core.errors import EvolverError, ToolError
from evolver_tui.core.json_text import strict_json
from evolver_tui.core.node_example import KeptAnswer
from evolver_tui.core.node_run import MOST_CALLS, MOST_EXCHANGED, ToolExchange, cut
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import Backend, Prompt, Thinking, Usage
from evolver_tui.engine.author.prompt import tool_prompt
from evolver_tui.engine.sandbox import LimitName

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
    all_bytes: int = 10_000_000
    """Of all prompts and answers together, in characters of them."""
    seconds: float = 120.0
    """Per call; a node may ask for less, never for more."""
    tokens: int = 4000
    """Of an answer; a node may ask for more only where its tool has more."""
    at_once: int = 8


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
        is_dry: bool = False,
        kept: Sequence[KeptAnswer] = (),
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
            is_dry: whether `offline_reply` answers for every tool, whatever its kind.
            kept: answers that are given again, each to a call that is the same; what is not among them is asked.
            clock: seconds, for the record of calls.
        """
        self._definitions = definitions
        self._allowed = frozenset(allowed)
        self._backend = backend
        self._offline_reply = offline_reply
        self._node_tool = node_tool
        self.limits = limits
        """What the run may ask for."""
        self._is_dry = is_dry
        self._kept: dict[tuple[str, str, str], list[str]] = {}
        for each in kept:
            self._kept.setdefault(_identity(each.tool, each.prompt, each.arguments), []).append(each.answer)
        self._clock = clock
        self._begun = 0
        self._slots = asyncio.Semaphore(limits.at_once)
        self.calls: list[ToolExchange] = []
        """The first calls, cut, in the order in which they ended."""
        self.call_count = 0
        self._characters = 0
        self.tokens = 0
        """What a model wrote for these calls: as its provider counted, and in pieces where it did not."""
        self.limit: LimitName | None = None
        """The limit of the run's calls that was met, if any."""
        self.memory_kb: int | None = None
        """What the node's process said of its memory: a figure, no proof."""
        self.cpu_seconds = 0.0
        """The same of its processor time."""
        self.reported_limit: LimitName | None = None
        """The limit that the node's process said it met: no proof either."""

    @property
    def longest_line(self) -> int:
        """Bytes that a request may have on the wire, where JSON may spell each byte of a prompt with six."""
        return 6 * self.limits.prompt_bytes + _LINE_OVERHEAD

    async def call(self, tool: str, prompt: str, arguments: Mapping[str, Any]) -> str:
        """Make one call.

        Raises:
            CallRefused: it is unknown, not allowed, over a limit, or failed; the message can be shown to anybody.
        """
        started = self._clock()
        answer, problem = "", ""
        try:
            self._count(prompt)
            answer = await self._call(tool, prompt, arguments)
            self._count(answer)
            return answer
        except CallRefused as error:
            problem = error.message
            raise
        finally:
            self.call_count += 1
            if len(self.calls) < MOST_CALLS:
                texts = (prompt, _as_text(arguments), answer)
                prompt, values, answer = (cut(text, MOST_EXCHANGED) for text in texts)
                self.calls.append(ToolExchange(tool[:64], prompt, values, answer, problem, self._clock() - started))

    def _count(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > self.limits.all_bytes:
            self.limit = self.limit or "tool_bytes"
            most = f"{self.limits.all_bytes:,}"
            raise CallRefused(f"The prompts and answers of a run have at most {most} characters.", "limit")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the node hangs up. A bad line gets an error for an answer; nothing here raises.

        `reader` has to have `longest_line` as its limit.
        """
        running: set[asyncio.Task[None]] = set()
        refused = 0
        try:
            while refused <= self.limits.calls:
                try:
                    line = await reader.readline()
                except ValueError:  # longer than the limit; the reader has dropped what it had of it
                    refused += 1
                    await _send(writer, _error(None, f"A request has at most {self.longest_line:,} bytes.", "limit"))
                    continue
                if not line:
                    break
                request = _request(line)
                if isinstance(request, _Report) and self._take(request):
                    continue
                if not isinstance(request, _Request):
                    refused += 1
                    await _send(
                        writer,
                        _error(None, "A request is one JSON object on one line, with each key once.", "bad_request"),
                    )
                    continue
                self._begun += 1
                if self._begun > self.limits.calls:
                    refused += 1
                    self.limit = self.limit or "tool_calls"
                    message = f"A run may make at most {self.limits.calls} tool calls."
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

    def _take(self, report: _Report) -> bool:
        """Keep what the process told of itself; False for what it told already."""
        if report.memory_kb is not None:
            is_first = self.memory_kb is None
            self.memory_kb, self.cpu_seconds = report.memory_kb, report.cpu_seconds
        else:
            is_first, self.reported_limit = self.reported_limit is None, report.limit
        return is_first

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
        if len(prompt.encode("utf-8", "replace")) > self.limits.prompt_bytes:
            raise CallRefused(f"A prompt has at most {self.limits.prompt_bytes:,} bytes.", "limit")
        seconds = _number(arguments, "timeout", 0.001, self.limits.seconds) or self.limits.seconds
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
        if self._kept and (answers := self._kept.get(_identity(definition.name, prompt, arguments))):
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if self._is_dry:
            return self._offline_reply(definition.name, prompt)
        if definition.kind == "node":
            if self._node_tool is None:
                raise CallRefused(f"Tool '{definition.name}' is a node, and nodes cannot be run here.", "failed")
            return await self._node_tool(definition.target, prompt)
        if definition.kind == "http":
            return await _post(definition, prompt, arguments, self.limits.answer_bytes)
        if self._backend is None or self._backend.info.is_offline:
            return self._offline_reply(definition.name, prompt)
        return await self._write(self._backend, _prompt(definition, prompt, arguments, self.limits.tokens))

    async def _write(self, backend: Backend, prompt: Prompt) -> str:
        pieces: list[str] = []
        size = 0
        before = self.tokens
        async with aclosing(backend.stream(prompt)) as stream:
            async for piece in stream:
                if isinstance(piece, Usage):
                    self.tokens = self.tokens if piece.completion_tokens is None else before + piece.completion_tokens
                    continue
                self.tokens += 1
                if isinstance(piece, Thinking) and piece.takes_back:
                    pieces.clear()
                elif isinstance(piece, str):
                    pieces.append(piece)
                    size += len(piece)
                    if size > self.limits.answer_bytes:
                        most = f"{self.limits.answer_bytes:,}"
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


@dataclass(frozen=True, slots=True)
class _Report:
    memory_kb: int | None = None
    cpu_seconds: float = 0.0
    limit: LimitName | None = None


_MOST_KB = 1 << 40
_MOST_SECONDS = 1e6
_REPORTED: Mapping[str, LimitName] = {
    "memory_mb": "memory_mb", "file_mb": "file_mb", "open_files": "open_files", "processes": "processes",
}  # fmt: skip


def _request(line: bytes) -> _Request | _Report | None:
    """A call, or what the process tells of itself; None for anything else."""
    try:
        value = strict_json(line, any_number=True)
    except (ValueError, RecursionError):
        return None
    match value:
        case {"id": int(number), "tool": str(tool), "prompt": str(prompt)}:
            arguments = value.get("arguments", {})
            return _Request(number, tool, prompt, arguments if isinstance(arguments, dict) else {})
        case {"memory_kb": int(kilobytes), "cpu_seconds": float(seconds)} if (
            0 < kilobytes < _MOST_KB and 0 <= seconds < _MOST_SECONDS
        ):
            return _Report(memory_kb=kilobytes, cpu_seconds=seconds)
        case {"limit": str(name)} if name in _REPORTED:
            return _Report(limit=_REPORTED[name])
    return None


def _error(number: int | None, message: str, kind: ErrorKind) -> dict[str, Any]:
    return {"id": number, "error": message, "kind": kind}


async def _send(writer: asyncio.StreamWriter, reply: Mapping[str, Any]) -> None:
    writer.write(json.dumps(reply).encode() + b"\n")
    await writer.drain()


# --- what answers --------------------------------------------------------------------------------------------------


def _prompt(definition: ToolDefinition, prompt: str, arguments: Mapping[str, Any], most_tokens: int) -> Prompt:
    """What a call asks for: its own settings go before its tool's, and these before the config's."""
    instructions = arguments.get("system_prompt")
    asked = tool_prompt(definition, prompt, _values(arguments), instructions if isinstance(instructions, str) else None)
    temperature = _number(arguments, "temperature", 0.0, 2.0)
    max_tokens = _number(arguments, "max_tokens", 1, max(most_tokens, definition.max_tokens or 0))
    return replace(
        asked,
        temperature=definition.temperature if temperature is None else temperature,
        max_tokens=definition.max_tokens if max_tokens is None else int(max_tokens),
    )


def _values(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a node hands over beside the prompt."""
    return {name: value for name, value in arguments.items() if name not in _SETTINGS}


def _as_text(arguments: Mapping[str, Any]) -> str:
    """What a node hands over beside the prompt, for whoever looks at the run."""
    try:
        return json.dumps(arguments, ensure_ascii=False) if arguments else ""
    except RecursionError:
        return "nested too deeply to be written"


def _identity(tool: str, prompt: str, arguments: Mapping[str, Any]) -> tuple[str, str, str]:
    """What two calls share that are the same."""
    return tool, prompt, json.dumps(arguments, sort_keys=True)


def _number(arguments: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """A number among a node's arguments, brought between its bounds; anything else is None."""
    value = arguments.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        return None
    return min(max(value, low), high)


async def _post(definition: ToolDefinition, prompt: str, arguments: Mapping[str, Any], most: int) -> str:
    """Post the prompt to an http tool; its answer's body as text. No redirect is followed."""
    import httpx

    # Not by httpx: it writes characters as UTF-8, which half of a surrogate pair has none of.
    content = json.dumps({**_values(arguments), "prompt": prompt}).encode()
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    body = bytearray()
    try:
        async with (
            httpx.AsyncClient(follow_redirects=False, timeout=None, trust_env=False) as client,
            client.stream("POST", definition.address.for_connecting(), content=content, headers=headers) as response,
        ):
            if response.status_code != 200:
                raise CallRefused(f"Tool '{definition.name}' answered with HTTP {response.status_code}.", "failed")
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                # A few bytes of it may be gigabytes, and httpx unpacks each piece as a whole.
                raise CallRefused(f"Tool '{definition.name}' compresses its answer, unasked.", "failed")
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > most:
                    raise CallRefused(f"The answer has more than {most:,} bytes.", "limit")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CallRefused(f"Tool '{definition.name}' cannot be reached: {type(error).__name__}.", "failed") from None
    return body.decode("utf-8", "replace")
