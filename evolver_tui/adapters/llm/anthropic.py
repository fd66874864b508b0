"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evolver_tui.adapters.llm.adaption import Feature
from evolver_tui.adapters.llm.http import HttpBackend
from evolver_tui.adapters.llm.problem import Problem
from evolver_tui.adapters.llm.provider_api import BackendSettings, FullPrompt, Stop, ToolCalls, token_count
from evolver_tui.adapters.llm.thinking import Thought
from evolver_tui.core.address import Address
from evolver_tui.engine.author.backend import Usage
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
    features: Collection[Feature] = ("temperature", "system", "stream")

    def body(self, model: str, prompt: FullPrompt, without: Collection[Feature]) -> dict[str, Any]:
        has_system = bool(prompt.system) and "system" not in without
        user = prompt.user if has_system else "\n\n".join(filter(None, (prompt.system, prompt.user)))
        fields: dict[str, Any] = {"temperature": min(prompt.temperature, 1.0), "stream": True}
        if has_system:
            fields["system"] = prompt.system
        sent = {name: value for name, value in fields.items() if name not in without}
        messages = [{"role": "user", "content": user}]
        return {"model": model, "max_tokens": prompt.max_tokens, "messages": messages, **sent}

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

    @property
    def usage(self) -> Usage:
        """What the provider counted; text that came from its cache was read as well."""
        read = [self._counts[name] for name in _INPUT_COUNTS if name in self._counts]
        return Usage(sum(read) if read else None, self._counts.get("output_tokens"))

    def read(self, event: Mapping[str, Any]) -> Sequence[str | Thought]:
        match event:
            case {"type": "message_start", "message": {**message}}:
                self._take_usage(message.get("usage"))
            case {"type": "content_block_start", "content_block": piece}:
                return self._contents(piece)
            case {"type": "content_block_delta", "delta": piece}:
                return self._contents(piece)
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
                return [piece for block in blocks for piece in self._contents(block)]
        return ()

    def _take_usage(self, usage: object) -> None:
        if not isinstance(usage, Mapping):
            return
        for name in (*_INPUT_COUNTS, "output_tokens"):
            if (count := token_count(usage, name)) is not None:
                self._counts[name] = count

    def _contents(self, block: object) -> Sequence[str | Thought]:
        """Text or thinking of a block, or of a piece of one."""
        match block:
            case {"type": "text" | "text_delta", "text": str(text)} if text:
                return (text,)
            case {"type": "thinking" | "thinking_delta", "thinking": str(text)} if text:
                return (Thought(text),)
            case {"type": "tool_use", **call}:
                self.calls.take(call.get("name"), call.get("input"))
            case {"type": "input_json_delta", "partial_json": arguments}:
                self.calls.take(None, arguments)
        return ()


def _stop(reason: object) -> Stop:
    return _STOPS.get(reason, "complete") if isinstance(reason, str) else "complete"


class AnthropicBackend(HttpBackend):
    """A `Backend` behind Anthropic's API; a `base_url` with or without /v1 at its end will do."""

    def __init__(self, settings: BackendSettings, clock: Clock) -> None:
        super().__init__(settings, AnthropicApi(), clock)
