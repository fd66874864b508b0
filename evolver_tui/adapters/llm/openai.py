"""OpenAI's chat completions, which many speak: Groq, DeepSeek, vLLM, llama.cpp, LM Studio, Ollama under /v1, Azure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from evolver_tui.adapters.llm.adaption import Feature
from evolver_tui.adapters.llm.calls import ToolCalls
from evolver_tui.adapters.llm.http import HttpBackend
from evolver_tui.adapters.llm.problem import Problem
from evolver_tui.adapters.llm.provider_api import (
    BackendSettings,
    FullPrompt,
    Stop,
    token_count,
    wire_arguments,
    wire_name,
)
from evolver_tui.adapters.llm.thinking import Thought
from evolver_tui.core.address import Address
from evolver_tui.engine.author.backend import (
    AssistantMessage,
    Message,
    ToolCall,
    ToolOffer,
    ToolResult,
    Usage,
    UserMessage,
)
from evolver_tui.engine.clock import Clock
from evolver_tui.settings.base_url import is_azure

_CUT: Final = {"length", "max_tokens", "max_length", "model_length", "max_output_tokens", "incomplete"}
_FILTERED: Final = {"content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "refusal"} | {
    "blocklist",
    "spii",
    "sensitive",
}
_UNFINISHED: Final = {"", "null", "none", "error", "network_error", "abort", "insufficient_system_resource"}
_THINKING: Final = (
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "thinking",
    "reasoning_details",
    "thinking_blocks",
    "thoughts",
    "thought",
)
"""The fields that servers put thinking into; some fill two of them with the same."""


class OpenAIApi:
    """Streams, and asks for the usage count in the last event."""

    path = "/chat/completions"
    endings: Sequence[str] = ("/chat/completions",)
    headers: Mapping[str, str] = {}
    features: Collection[Feature] = (
        *("stream_options", "max_tokens", "max_completion_tokens", "temperature", "system", "stream", "tools"),
    )

    def body(self, prompt: FullPrompt, without: Collection[Feature]) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "temperature": prompt.temperature,
            "max_tokens": prompt.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if "max_tokens" in without:
            fields["max_completion_tokens"] = prompt.max_tokens
        if "stream" in without:
            del fields["stream_options"]
        if prompt.may_call and prompt.tools:
            fields["tools"] = [_tool(offer) for offer in prompt.tools]
        sent = {name: value for name, value in fields.items() if name not in without}
        return {"model": prompt.model, "messages": _messages(prompt, without), **sent}

    def key_headers(self, base_url: Address) -> tuple[str, str]:
        """Azure's has a name of its own."""
        return ("api-key", "authorization") if is_azure(base_url) else ("authorization", "api-key")

    def wants_other_header(self, problem: Problem, base_url: Address) -> bool:
        """Only where the refusal names it."""
        other = r"\bbearer\b|authorization" if is_azure(base_url) else r"(?<!x-)\bapi-key\b|subscription key"
        return re.search(other, problem.message, re.IGNORECASE) is not None

    def reader(self) -> OpenAIReader:
        return OpenAIReader()


class OpenAIReader:
    """Reads chunks, and the one object of a server that does not stream."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self.calls = ToolCalls()
        self._usage: Mapping[str, Any] = {}
        self._has_deltas = False
        self._index: int | None = None
        """Of the choice that is read."""
        self._reasoning: list[str] = []
        self._details: list[Any] = []
        self._text: list[str] = []

    @property
    def usage(self) -> Usage:
        return Usage(token_count(self._usage, "prompt_tokens"), token_count(self._usage, "completion_tokens"))

    @property
    def opaque(self) -> Mapping[str, Any]:
        """Thoughts, which some models go on with after a call only where they see them again."""
        told = {"reasoning_content": "".join(self._reasoning), "reasoning_details": self._details}
        return {name: value for name, value in told.items() if value}

    def read(self, event: Mapping[str, Any]) -> Sequence[str | Thought]:
        """Thinking and text of one choice: the first, or the one that a server counts otherwise."""
        usage = event.get("usage")
        if isinstance(usage, Mapping):
            self._usage = usage
        choice, index = _first_choice(event.get("choices"))
        if self._index and index is not None and index > self._index:
            return ()
        taken_back = self._take_index(index)
        message = self._message(choice)
        is_one_piece = not self._has_deltas and bool(message)
        reason = choice.get("finish_reason") or ("stop" if is_one_piece else None)
        self._take_reason(reason, is_refusal=bool(message.get("refusal")))
        self._take_calls(message)
        self._take_opaque(message)
        fields = (list(_contents(message.get(name), is_thinking=True)) for name in _THINKING)
        thinking = next(filter(None, fields), [])
        text = list(_contents(message.get("content") or choice.get("text"), is_thinking=_is_thought(message)))
        self._text += [piece for piece in text if isinstance(piece, str)] if self._index else []
        return [*taken_back, *thinking, *text]

    def _take_index(self, index: int | None) -> Sequence[Thought]:
        """Change to a choice that stands before the one that was read so far."""
        has_changed = self._index and index is not None and index < self._index
        self._index = self._index if index is None else index
        if not has_changed:
            return ()
        before = Thought("".join(self._text), takes_back=True)
        self.stop = None
        self._text.clear()
        return (before,)

    def _take_calls(self, message: Mapping[str, Any]) -> None:
        calls = message.get("tool_calls")
        calls = calls if isinstance(calls, list) else [calls]
        for call in (*calls, {"function": message.get("function_call")}):
            match call:
                case {"function": {**function}}:
                    extra = call.get("extra_content")  # Google's, which signs thoughts in it
                    self.calls.take(
                        function.get("name"),
                        function.get("arguments"),
                        index=call.get("index"),
                        call_id=call.get("id"),
                        opaque={"extra_content": extra} if isinstance(extra, Mapping) else None,
                    )

    def _take_opaque(self, message: Mapping[str, Any]) -> None:
        match message.get("reasoning_content"):
            case str(text):
                self._reasoning.append(text)
        match message.get("reasoning_details"):
            case [*details]:
                self._details += details

    def _message(self, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a choice brings; some add the whole message to the last of its pieces."""
        delta = choice.get("delta")
        self._has_deltas = self._has_deltas or bool(delta)
        message = delta if self._has_deltas else choice.get("message")
        return message if isinstance(message, Mapping) else {}

    def _take_reason(self, reason: object, *, is_refusal: bool) -> None:
        name = reason.lower() if isinstance(reason, str) else ""
        if is_refusal or name in _FILTERED:
            self.stop = "filtered"
        elif name in _CUT and self.stop != "filtered":
            self.stop = "cut"
        elif name not in _UNFINISHED:
            self.stop = self.stop or "complete"


def _messages(prompt: FullPrompt, without: Collection[Feature]) -> list[dict[str, Any]]:
    has_system = bool(prompt.system) and "system" not in without
    system = [{"role": "system", "content": prompt.system}] if has_system else []
    return [*system, *(_message(message) for message in prompt.said(without))]


def _message(message: Message) -> dict[str, Any]:
    match message:
        case UserMessage(text):
            return {"role": "user", "content": text}
        case ToolResult(call, text):
            return {"role": "tool", "tool_call_id": call.id, "content": text}
        case AssistantMessage(text, ()):
            return {"role": "assistant", "content": text}
        case AssistantMessage(text, calls, opaque):
            return {
                "role": "assistant",
                "content": text or None,
                "tool_calls": [_call(call) for call in calls],
                **opaque,
            }


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": wire_name(call), "arguments": json.dumps(wire_arguments(call))}
    return {"id": call.id, "type": "function", "function": function, **call.opaque}


def _tool(offer: ToolOffer) -> dict[str, Any]:
    function = {"name": offer.name, "description": offer.description, "parameters": dict(offer.parameters)}
    return {"type": "function", "function": function}


def _first_choice(choices: object) -> tuple[Mapping[str, Any], int | None]:
    """The choice with the lowest index, which is 0 where a server counts none; no index where there is no choice."""
    counted = [
        (index if isinstance(index := choice.get("index"), int) else 0, choice)
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, Mapping)
    ]
    index, choice = min(counted, key=itemgetter(0), default=(None, {}))
    return choice, index


def _is_thought(message: Mapping[Any, Any]) -> bool:
    """Whether what stands as text is thinking, as Google marks it."""
    match message:
        case {"thought": True} | {"extra_content": {"google": {"thought": True}}}:
            return True
    return False


def _contents(value: object, *, is_thinking: bool = False) -> Iterator[str | Thought]:
    """Text and thinking, from a text or from parts of any depth."""
    match value:
        case str():
            if value:
                yield Thought(value) if is_thinking else value
        case list():
            for part in value:
                yield from _contents(part, is_thinking=is_thinking)
        case {"type": str(kind), **fields}:
            thinks = is_thinking or _is_thought(fields) or any(word in kind for word in ("think", "reason", "thought"))
            names = (
                ("thinking", "reasoning", "thought", "summary", "text", "content") if thinks else ("text", "content")
            )
            found = next((inner for name in names if (inner := fields.get(name)) and inner is not True), None)
            yield from _contents(found, is_thinking=thinks)
        case {"text": inner, **fields} | {"content": inner, **fields}:
            yield from _contents(inner, is_thinking=is_thinking or _is_thought(fields))


class OpenAIBackend(HttpBackend):
    """A `Backend` behind an OpenAI-compatible server.

    `base_url` ends before /chat/completions, mostly with /v1, and may have a query, as Azure's has.
    """

    def __init__(self, settings: BackendSettings, clock: Clock) -> None:
        super().__init__(settings, OpenAIApi(), clock)
