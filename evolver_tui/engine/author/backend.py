"""What the author, tools and chats need of a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.core.safe_text import safe_text


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model."""

    system: str
    user: str
    temperature: float | None = None
    """None: the config's."""
    max_tokens: int | None = None
    """The longest answer. None: the config's."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of what a model thinks before it answers, which is no part of the answer."""

    characters: int
    takes_back: bool = False
    """Whether all text before it turned out to be thinking as well, and is counted in `characters`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


Piece: TypeAlias = str | Thinking | Usage
"""What comes of a model."""


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that a model may call."""

    name: str
    """Matches [a-zA-Z0-9_-]{1,64}: no provider takes another."""
    description: str
    parameters: Mapping[str, Any]
    """A JSON Schema of an object."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool that a model wants to be called. Name and arguments are whatever it wrote."""

    id: str
    name: str
    arguments: str
    """JSON text, as far as the model can write it; empty for none."""
    opaque: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the provider wants to see again beside this call."""

    def values(self) -> dict[str, Any]:
        """The arguments.

        Raises:
            ValueError: they are no JSON object; the message is a sentence about them.
        """
        try:
            value = strict_json(self.arguments) if self.arguments.strip() else {}
            if isinstance(value, str):  # some models write JSON within JSON
                value = strict_json(value)
        except RecursionError:
            raise ValueError("The arguments are nested too deeply.") from None
        except Equivocal as error:
            raise ValueError(f"What the arguments are {error}.") from None
        except ValueError as error:
            raise ValueError(f"The arguments are no JSON: {safe_text(error, 120)}.") from None
        if value is not None and not isinstance(value, dict):
            raise ValueError("The arguments are no JSON object.")
        return value or {}


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What a person said."""

    text: str


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """What a model answered."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    opaque: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the provider wants to see again beside this answer, such as a signed thought."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call."""

    call: ToolCall
    text: str
    is_error: bool = False


Message: TypeAlias = UserMessage | AssistantMessage | ToolResult


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a model is to go on with: it begins with a user's message, and each call is followed by its result."""

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolOffer] = ()
    may_call: bool = True
    """Whether tools may be called now; where not, they are there for what was called before."""
    model: str = ""
    """Its name at the provider. Empty: the config's."""
    temperature: float | None = None
    """None: the config's."""
    max_tokens: int | None = None
    """The longest answer. None: the config's."""


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """The end of an answer within a conversation, also of one that was cut at the most tokens that it may have."""

    message: AssistantMessage
    """The answer, as the next request repeats it. Its calls are to be made; a cut answer has none."""
    usage: Usage
    is_cut: bool = False


ChatPiece: TypeAlias = str | Thinking | AnswerDone
"""What comes of a model in a conversation."""


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What a backend is called. `is_offline` means deterministic and made here, with no model behind it."""

    kind: str
    model: str
    is_offline: bool = False
    learned: tuple[str, ...] = ()
    """What the provider turned out to be like, a sentence each."""

    @property
    def label(self) -> str:
        """As shown beside everything it wrote."""
        return "offline" if self.is_offline else f"{self.kind}/{self.model}"


class Backend(Protocol):
    """Something that writes. Cancelling the iteration ends the request."""

    @property
    def info(self) -> BackendInfo:
        """Its name."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Pieces of thinking and of text as they come, then one Usage at the end of a whole answer.

        Raises:
            BackendError: refused, limited (retryable, retry_after), broken off, timed out, or empty.
        """

    async def close(self) -> None:
        """Let go of connections."""


class ChatBackend(Protocol):
    """Something that converses. Cancelling the iteration ends the request."""

    @property
    def info(self) -> BackendInfo:
        """Its name."""

    def converse(self, conversation: Conversation) -> AsyncGenerator[ChatPiece, None]:
        """Pieces of thinking and of text as they come, then one `AnswerDone`.

        Raises:
            BackendError: refused, limited (retryable, retry_after), broken off, timed out, or neither text nor calls.
        """

    async def close(self) -> None:
        """Let go of connections."""
