"""Anthropic's messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evolver_tui.adapters.llm.failures import Problem
from evolver_tui.adapters.llm.http import BackendSettings, HttpBackend, Stop, token_count
from evolver_tui.core.address import Address
from evolver_tui.engine.author.backend import Prompt, Usage
from evolver_tui.engine.clock import Clock

_STOPS: Mapping[object, Stop] = {
    "max_tokens": "cut",
    "model_context_window_exceeded": "cut",
    "refusal": "filtered",
}
_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class AnthropicApi:
    """Streams messages of the version 2023-06-01."""

    path = "/v1/messages"
    headers: Mapping[str, str] = {"anthropic-version": "2023-06-01"}
    key_header = "x-api-key"
    key_prefix = ""

    def __init__(self) -> None:
        self._takes_temperature = True

    def body(self, model: str, prompt: Prompt) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": prompt.max_tokens,
            "messages": [{"role": "user", "content": prompt.user}],
            "stream": True,
        }
        if prompt.system:
            body["system"] = prompt.system
        if self._takes_temperature:
            body["temperature"] = min(prompt.temperature, 1.0)
        return body

    def adapt(self, problem: Problem) -> bool:
        """Some models choose their temperature themselves."""
        if problem.status != 400 or not self._takes_temperature or not re.search(r"\btemperature\b", problem.message):
            return False
        self._takes_temperature = False
        return True

    def reader(self) -> AnthropicReader:
        return AnthropicReader()


class AnthropicReader:
    """Reads events, and the one message of a server that does not stream. Thinking is not part of the answer."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._counts: dict[str, int] = {}

    @property
    def usage(self) -> Usage:
        """What the provider counted; text that came from its cache was read as well."""
        read = [self._counts[name] for name in _INPUT_COUNTS if name in self._counts]
        return Usage(sum(read) if read else None, self._counts.get("output_tokens"))

    def read(self, event: Mapping[str, Any]) -> str:
        match event:
            case {"type": "message_start", "message": {**message}}:
                self._take_usage(message.get("usage"))
            case {"type": "content_block_start", "content_block": {"type": "text", "text": str(text)}}:
                return text
            case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": str(text)}}:
                return text
            case {"type": "message_delta"}:
                self._take_usage(event.get("usage"))
                delta = event.get("delta")
                if isinstance(delta, Mapping) and delta.get("stop_reason"):
                    self.stop = _stop(delta["stop_reason"])
            case {"type": "message", "content": [*blocks]}:
                self._take_usage(event.get("usage"))
                self.stop = _stop(event.get("stop_reason"))
                return "".join(map(_text_of, blocks))
        return ""

    def _take_usage(self, usage: object) -> None:
        if not isinstance(usage, Mapping):
            return
        for name in (*_INPUT_COUNTS, "output_tokens"):
            if (count := token_count(usage, name)) is not None:
                self._counts[name] = count


def _text_of(block: object) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
    return ""


def _stop(reason: object) -> Stop:
    return _STOPS.get(reason, "complete") if isinstance(reason, str) else "complete"


class AnthropicBackend(HttpBackend):
    """A `Backend` behind Anthropic's API; a `base_url` with or without /v1 at its end will do."""

    def __init__(self, settings: BackendSettings, clock: Clock) -> None:
        base_url = settings.base_url.for_connecting().strip().rstrip("/").removesuffix("/v1")
        super().__init__(replace(settings, base_url=Address(base_url)), AnthropicApi(), clock)
