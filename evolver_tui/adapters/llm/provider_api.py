"""What a vendor's module brings for `HttpBackend`, and what it is given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, cast

from evolver_tui.adapters.llm.adaption import Feature
from evolver_tui.adapters.llm.calls import ToolCalls
from evolver_tui.adapters.llm.problem import Problem
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

Stop = Literal["complete", "cut", "filtered"]


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Where a model is and how long it may take. Times are in seconds."""

    kind: str
    """What the provider is called: "openai", "anthropic", "groq", ..."""
    base_url: Address
    model: str
    api_key: Callable[[], str | None] = field(repr=False)
    """Asked at each request, in a thread; None where the provider wants no key."""
    api_key_name: str
    """The environment variable that a person sets the key in."""
    key_header: str = ""
    """The header that carries the key; empty for the usual one."""
    temperature: float = 0.2
    """Where the prompt says nothing; so is the next one."""
    max_tokens: int = 4000
    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    """Before the first piece of an answer, and between two of them."""
    total_timeout: float = 600.0


class FullPrompt(NamedTuple):
    """A prompt or a conversation, with everything that it leaves to the config."""

    model: str
    system: str
    messages: Sequence[Message]
    temperature: float
    max_tokens: int
    tools: Sequence[ToolOffer] = ()
    may_call: bool = False

    def said(self, without: Collection[Feature]) -> Sequence[Message]:
        """The messages for a server that does without some things: calls told as text, instructions before the rest."""
        messages = _without_tools(self.messages) if "tools" in without else self.messages
        match messages:
            case [UserMessage(text), *others] if self.system and "system" in without:
                return [UserMessage(_joined(self.system, text)), *others]
        return messages


class AnswerReader(Protocol):
    """Reads the events of one answer."""

    stop: Stop | None
    """How the model ended; None while it has not."""

    def read(self, event: Mapping[str, Any]) -> Sequence[str | Thought]:
        """The text and the thinking that this event brings, often none."""

    @property
    def usage(self) -> Usage:
        """What the provider counted so far."""

    @property
    def calls(self) -> ToolCalls:
        """The tools that the model wants to call, whether any were offered or not."""

    @property
    def opaque(self) -> Mapping[str, Any]:
        """What the provider wants to see again beside this answer."""


class ProviderApi(Protocol):
    """One vendor's wire format."""

    path: str
    """Follows the base URL."""
    endings: Sequence[str]
    """What a base URL may end with that is the beginning of `path` already, the longest first."""
    headers: Mapping[str, str]
    features: Collection[Feature]
    """What a request can do without."""

    def body(self, prompt: FullPrompt, without: Collection[Feature]) -> dict[str, Any]:
        """The request."""

    def key_headers(self, base_url: Address) -> tuple[str, str]:
        """The header that carries the key, and the one that others use for it."""

    def wants_other_header(self, problem: Problem, base_url: Address) -> bool:
        """Whether a refused key may be welcome in the other header."""

    def reader(self) -> AnswerReader:
        """A reader for one answer."""


def token_count(usage: Mapping[str, Any], name: str) -> int | None:
    """A count among what a provider counted; None where it is missing or is none."""
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def whole_characters(text: str) -> str:
    """`text` without halves of surrogate pairs, which are no characters: servers refuse the whole request for one."""
    return text.encode("utf-8", "replace").decode()


def wire_name(call: ToolCall) -> str:
    """The name of a call as providers take it again: a model may write anything."""
    return re.sub("[^a-zA-Z0-9_-]", "_", call.name)[:64] or "unknown"


def wire_arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call as providers take them again: an object, and an empty one for what was none."""
    try:
        values = call.values()
    except ValueError:
        return {}
    return cast("dict[str, Any]", json.loads(whole_characters(json.dumps(values, ensure_ascii=False))))


def _without_tools(messages: Sequence[Message]) -> Sequence[Message]:
    """Results as what the user says next."""
    told: list[UserMessage | AssistantMessage] = []
    for message in messages:
        match message:
            case AssistantMessage(text):
                turn: UserMessage | AssistantMessage = AssistantMessage(text)
            case ToolResult(call, text):
                turn = UserMessage(f"Result of {wire_name(call)}: {text}")
            case UserMessage():
                turn = message
        if told and type(told[-1]) is type(turn):
            turn = type(turn)(_joined(told.pop().text, turn.text))
        if turn.text:
            told.append(turn)
    return told


def _joined(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))
