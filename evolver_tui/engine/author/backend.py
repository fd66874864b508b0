"""What the author needs of a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model."""

    system: str
    user: str
    temperature: float = 0.2
    max_tokens: int = 4000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What a backend is called. `is_offline` means deterministic and made here, with no model behind it."""

    kind: str
    model: str
    is_offline: bool = False

    @property
    def label(self) -> str:
        """As shown beside everything it wrote."""
        return "offline" if self.is_offline else f"{self.kind}/{self.model}"


class Backend(Protocol):
    """Something that writes. Cancelling the iteration ends the request."""

    @property
    def info(self) -> BackendInfo:
        """Its name."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        """Pieces of text as they come, then one Usage at the end of a whole answer.

        Raises:
            BackendError: refused, limited (retryable, retry_after), broken off, timed out, or empty.
        """

    async def close(self) -> None:
        """Let go of connections."""
