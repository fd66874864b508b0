"""How many tokens a model read and wrote, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from evolver_tui.engine.author.backend import Prompt, Usage

_BYTES_OF_A_TOKEN: Final = 4
"""Of UTF-8, roughly: a word of English has one or two tokens, a Chinese character about one."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one generation."""

    prompt: int
    completion: int
    """With what the model thought before it answered."""
    counted_by: Literal["provider", "estimate"]
    """An estimate where the provider left one of both out, which is made of the text's length then."""


def counted(usage: Usage, prompt: Prompt, written_bytes: int) -> TokenCount:
    """The provider's count, or what takes its place.

    Args:
        written_bytes: all that the model wrote and thought, as UTF-8.
    """
    if usage.prompt_tokens is not None and usage.completion_tokens is not None:
        return TokenCount(usage.prompt_tokens, usage.completion_tokens, "provider")
    read = _estimate(size_of(prompt.system) + size_of(prompt.user))
    written = _estimate(written_bytes)
    return TokenCount(
        read if usage.prompt_tokens is None else usage.prompt_tokens,
        written if usage.completion_tokens is None else usage.completion_tokens,
        "estimate",
    )


def size_of(text: str) -> int:
    """Bytes of a text as UTF-8."""
    return len(text.encode("utf-8", "replace"))


def _estimate(size: int) -> int:
    return -(-size // _BYTES_OF_A_TOKEN)


@dataclass(frozen=True, slots=True)
class Prices:
    """What a provider charges for a million tokens; all 0 where that is not known."""

    per_million_input: float = 0.0
    per_million_output: float = 0.0
    currency: str = ""

    @property
    def are_known(self) -> bool:
        """Whether a cost can be told."""
        return bool(self.per_million_input or self.per_million_output)

    def cost(self, tokens: TokenCount) -> float:
        """Of one generation, in `currency`."""
        total = tokens.prompt * self.per_million_input + tokens.completion * self.per_million_output
        return round(total / 1_000_000, 9)
