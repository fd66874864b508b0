"""OpenAI's chat completions, which many speak: Groq, DeepSeek, vLLM, llama.cpp, LM Studio, Ollama under /v1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evolver_tui.adapters.llm.failures import Problem
from evolver_tui.adapters.llm.http import BackendSettings, HttpBackend, Stop, token_count
from evolver_tui.engine.author.backend import Prompt, Usage
from evolver_tui.engine.clock import Clock

_NOT_UNDERSTOOD = re.compile(
    r"n.t support|unsupported|only the default|unrecogni|unknown|unexpected|extra|not permitted|not allowed|deprecated"
    r"|instead",
    re.IGNORECASE,
)
"""Words that tell a field which a server does not take from one whose value it does not like."""
_OPTIONAL_FIELDS = ("stream_options", "max_tokens", "max_completion_tokens", "temperature")
"""In this order: whoever refuses max_tokens names its successor beside it."""


class OpenAIApi:
    """Streams, and asks for the usage count in the last event.

    Fields that a server turns out not to take are left out from then on.
    """

    path = "/chat/completions"
    headers: Mapping[str, str] = {}
    key_header = "authorization"
    key_prefix = "Bearer "

    def __init__(self) -> None:
        self._refused: set[str] = set()

    def body(self, model: str, prompt: Prompt) -> dict[str, Any]:
        system = [{"role": "system", "content": prompt.system}] if prompt.system else []
        fields: dict[str, Any] = {
            "temperature": prompt.temperature,
            "max_tokens": prompt.max_tokens,
            "stream_options": {"include_usage": True},
        }
        if "max_tokens" in self._refused:
            fields["max_completion_tokens"] = prompt.max_tokens
        kept = {name: value for name, value in fields.items() if name not in self._refused}
        messages = [*system, {"role": "user", "content": prompt.user}]
        return {"model": model, "messages": messages, "stream": True, **kept}

    def adapt(self, problem: Problem) -> bool:
        """Do without a field that the server says it does not take."""
        if problem.status not in (400, 422):
            return False
        said = f"{problem.parameter} {problem.message}"
        if not (_NOT_UNDERSTOOD.search(said) or "stream_options" in said):
            return False
        for name in _OPTIONAL_FIELDS:
            if name not in self._refused and re.search(rf"\b{name}\b", said):
                self._refused.add(name)
                return True
        return False

    def reader(self) -> OpenAIReader:
        return OpenAIReader()


class OpenAIReader:
    """Reads chunks, and the one object of a server that does not stream. Reasoning is not part of the answer."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._usage: Mapping[str, Any] = {}

    @property
    def usage(self) -> Usage:
        return Usage(token_count(self._usage, "prompt_tokens"), token_count(self._usage, "completion_tokens"))

    def read(self, event: Mapping[str, Any]) -> str:
        """The text of the first choice."""
        usage = event.get("usage")
        if isinstance(usage, Mapping):
            self._usage = usage
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping) or choice.get("index", 0) != 0:
            return ""
        message = choice.get("delta") or choice.get("message")
        message = message if isinstance(message, Mapping) else {}
        reason = choice.get("finish_reason")
        if reason or message.get("refusal"):
            self.stop = _stop(reason, refused=bool(message.get("refusal")) or self.stop == "filtered")
        content = message.get("content")
        return content if isinstance(content, str) else ""


def _stop(reason: object, *, refused: bool) -> Stop:
    if refused or reason == "content_filter":
        return "filtered"
    return "cut" if reason == "length" else "complete"


class OpenAIBackend(HttpBackend):
    """A `Backend` behind an OpenAI-compatible server; `base_url` ends before /chat/completions, mostly with /v1."""

    def __init__(self, settings: BackendSettings, clock: Clock) -> None:
        super().__init__(settings, OpenAIApi(), clock)
