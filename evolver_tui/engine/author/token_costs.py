"""How many tokens a model read and wrote, and what that cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from evolver_tui.core.spending import Spent
from evolver_tui.engine.author.backend import BackendInfo, Prompt, Usage

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
    """What a provider charges for a million tokens."""

    per_million_input: float = 0.0
    per_million_output: float = 0.0
    currency: str = ""
    is_named: bool = False
    """Whether the config names the model: all 0 is a price then, and else nothing is known."""

    @property
    def are_known(self) -> bool:
        """Whether a cost can be told."""
        return self.is_named or bool(self.per_million_input or self.per_million_output)

    def spent(self, tokens: TokenCount) -> Spent:
        """One generation, with its cost where that can be told."""
        cost = None
        if self.are_known:
            total = tokens.prompt * self.per_million_input + tokens.completion * self.per_million_output
            cost = round(total / 1_000_000, 9)
        is_estimated = tokens.counted_by == "estimate"
        return Spent(tokens.prompt, tokens.completion, is_estimated, cost, "" if cost is None else self.currency)


@dataclass(frozen=True, slots=True)
class PriceList:
    """What each model costs.

    Args:
        usual: of a model that is not named.
    """

    models: Mapping[str, Prices] = field(default_factory=dict)
    usual: Prices = Prices()

    def of(self, backend: BackendInfo) -> Prices:
        """What a backend's model costs; nothing is told of the offline one."""
        return Prices() if backend.is_offline else self.models.get(backend.model, self.usual)
