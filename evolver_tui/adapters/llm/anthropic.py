"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

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

_STOPS: Mapping[object, Stop] = {
    "max_tokens": "cut",
    "model_context_window_exceeded": "cut",
    "refusal": "filtered",
}
_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_OWN_HOST = "anthropic.com"


class AnthropicApi:
    """Streams messages of the version 2023-06-01."""

    path = "/v1/messages"
    endings: Sequence[str] = ("/v1/messages", "/v1")
    headers: Mapping[str, str] = {"anthropic-version": "2023-06-01"}
    features: Collection[Feature] = ("temperature", "system", "stream", "tools")

    def body(self, prompt: FullPrompt, without: Collection[Feature]) -> dict[str, Any]:
        fields: dict[str, Any] = {"temperature": min(prompt.temperature, 1.0), "stream": True}
        if prompt.system:
            fields["system"] = prompt.system
        if prompt.tools:
            # Calls and results are only taken beside the tools that they are of.
            fields["tools"] = [_tool(offer) for offer in prompt.tools]
        sent = {name: value for name, value in fields.items() if name not in without}
        if "tools" in sent and not prompt.may_call:
            sent["tool_choice"] = {"type": "none"}
        messages = _messages(prompt.said(without))
        return {"model": prompt.model, "max_tokens": prompt.max_tokens, "messages": messages, **sent}

    def key_headers(self, base_url: Address) -> tuple[str, str]:
        return "x-api-key", "authorization"

    def wants_other_header(self, problem: Problem, base_url: Address) -> bool:
        """Gateways in front of it often take the key as a bearer token, and seldom say so."""
        host = base_url.host.partition(":")[0]
        return host != _OWN_HOST and not host.endswith(f".{_OWN_HOST}")

    def reader(self) -> AnthropicReader:
        return AnthropicReader()


class AnthropicReader:
    """Reads events, and the one message of a server that does not stream."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self.calls = ToolCalls()
        self._counts: dict[str, int] = {}
        self._thoughts: dict[int, _Thinking] = {}

    @property
    def opaque(self) -> Mapping[str, Any]:
        """Thoughts that are signed, which have to stand before the calls that they led to."""
        blocks = [thought.block for thought in self._thoughts.values() if thought.is_signed]
        return {"blocks": blocks} if blocks else {}

    @property
    def usage(self) -> Usage:
        """What the provider counted; text that came from its cache was read as well."""
        read = [self._counts[name] for name in _INPUT_COUNTS if name in self._counts]
        return Usage(sum(read) if read else None, self._counts.get("output_tokens"))

    def read(self, event: Mapping[str, Any]) -> Sequence[str | Thought]:
        match event:
            case {"type": "message_start", "message": {**message}}:
                self._take_usage(message.get("usage"))
            case {"type": "content_block_start", "content_block": piece} | {
                "type": "content_block_delta",
                "delta": piece,
            }:
                return self._contents(piece, _number(event.get("index")))
            case {"type": "message_delta"}:
                self._take_usage(event.get("usage"))
                delta = event.get("delta")
                if isinstance(delta, Mapping) and delta.get("stop_reason"):
                    self.stop = self.stop if self.stop == "cut" else _stop(delta["stop_reason"])
            case {"type": "message_stop"}:
                self.stop = self.stop or "complete"
            case {"type": "message", "content": [*blocks]}:
                self._take_usage(event.get("usage"))
                self.stop = _stop(event.get("stop_reason"))
                return [piece for index, block in enumerate(blocks) for piece in self._contents(block, index)]
        return ()

    def _take_usage(self, usage: object) -> None:
        if not isinstance(usage, Mapping):
            return
        for name in (*_INPUT_COUNTS, "output_tokens"):
            if (count := token_count(usage, name)) is not None:
                self._counts[name] = count

    def _contents(self, block: object, index: int) -> Sequence[str | Thought]:
        """Text or thinking of a block, or of a piece of one."""
        match block:
            case {"type": "text" | "text_delta", "text": str(text)} if text:
                return (text,)
            case {"type": "tool_use", **call}:
                self.calls.take(call.get("name"), call.get("input"), index=index, call_id=call.get("id"))
            case {"type": "input_json_delta", "partial_json": arguments}:
                self.calls.take(None, arguments, index=index)
            case {"type": "thinking" | "redacted_thinking", **fields}:
                self._thoughts[index] = _Thinking({str(name): value for name, value in fields.items()})
            case {"type": "signature_delta", "signature": str(signature)} if index in self._thoughts:
                self._thoughts[index].fields["signature"] = signature
            case {"type": "thinking_delta", "thinking": str(text)} if index in self._thoughts:
                self._thoughts[index].pieces.append(text)
        match block:
            case {"type": "thinking" | "thinking_delta", "thinking": str(text)} if text:
                return (Thought(text),)
        return ()


def _number(index: object) -> int:
    return index if isinstance(index, int) else -1


class _Thinking:
    """A block of thinking, growing; one that was withheld has `data` in its place."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.pieces = [text] if isinstance(text := fields.get("thinking"), str) else []

    @property
    def is_signed(self) -> bool:
        return bool(self.fields.get("signature") or self.fields.get("data"))

    @property
    def block(self) -> dict[str, Any]:
        if "data" in self.fields:
            return {"type": "redacted_thinking", **self.fields}
        return {"type": "thinking", **self.fields, "thinking": "".join(self.pieces)}


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages with all results of a round in one, as they have to come."""
    told: list[dict[str, Any]] = []
    for message in messages:
        match message:
            case UserMessage(text):
                told.append({"role": "user", "content": text})
            case AssistantMessage(text, ()):
                told += [{"role": "assistant", "content": text}] if text.strip() else []
            case AssistantMessage(text, calls, opaque):
                spoken = [{"type": "text", "text": text}] if text.strip() else []
                told.append({"role": "assistant", "content": [*opaque.get("blocks", ()), *spoken, *map(_call, calls)]})
            case ToolResult():
                if not (told and told[-1]["role"] == "user" and isinstance(told[-1]["content"], list)):
                    told.append({"role": "user", "content": []})
                told[-1]["content"].append(_result(message))
    return told


def _call(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": wire_name(call), "input": wire_arguments(call)}


def _result(result: ToolResult) -> dict[str, Any]:
    told = {"type": "tool_result", "tool_use_id": result.call.id, "content": result.text}
    return {**told, "is_error": True} if result.is_error else told


def _tool(offer: ToolOffer) -> dict[str, Any]:
    return {"name": offer.name, "description": offer.description, "input_schema": dict(offer.parameters)}


def _stop(reason: object) -> Stop:
    return _STOPS.get(reason, "complete") if isinstance(reason, str) else "complete"


class AnthropicBackend(HttpBackend):
    """A `Backend` behind Anthropic's API; a `base_url` with or without /v1 at its end will do."""

    def __init__(self, settings: BackendSettings, clock: Clock) -> None:
        super().__init__(settings, AnthropicApi(), clock)
