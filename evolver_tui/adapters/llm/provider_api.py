"""What a vendor's module brings for `HttpBackend`, and what it is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from evolver_tui.adapters.llm.adaption import Feature
from evolver_tui.adapters.llm.problem import Problem
from evolver_tui.adapters.llm.thinking import Thought
from evolver_tui.core.address import Address
from evolver_tui.engine.author.backend import Usage

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
    """A prompt, with everything that it leaves to the config."""

    system: str
    user: str
    temperature: float
    max_tokens: int


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
        """The tools that the model wants to call, although none were offered."""


class ToolCalls:
    """Tools that a model calls in one answer: some models put what they were asked for into the arguments."""

    def __init__(self) -> None:
        self.name = ""
        """Of the first."""
        self._arguments: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.name or self._arguments)

    def take(self, name: object, arguments: object) -> None:
        """A call, or the next piece of it."""
        if isinstance(name, str):
            self.name = self.name or name
        if arguments:
            self._arguments.append(arguments if isinstance(arguments, str) else json.dumps(arguments))

    @property
    def answer(self) -> str:
        """The arguments, where they hold a text of several lines as an answer does; else nothing."""
        arguments = "".join(self._arguments)
        return arguments if "\\n" in arguments else ""


class ProviderApi(Protocol):
    """One vendor's wire format."""

    path: str
    """Follows the base URL."""
    endings: Sequence[str]
    """What a base URL may end with that is the beginning of `path` already, the longest first."""
    headers: Mapping[str, str]
    features: Collection[Feature]
    """What a request can do without."""

    def body(self, model: str, prompt: FullPrompt, without: Collection[Feature]) -> dict[str, Any]:
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
