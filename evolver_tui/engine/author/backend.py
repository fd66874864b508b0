"""What the author needs of a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, TypeAlias


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
