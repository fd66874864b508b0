"""What models cost: tokens that were read and written, and their price where it is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from evolver_tui.core.safe_text import safe_text


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of one generation, or of several, and what they cost."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    """With what the model thought before it answered."""
    is_estimated: bool = False
    """Whether nobody counted them: then cost and tokens are made of the text's length."""
    cost: float | None = None
    """None where no price is known."""
    currency: str = ""

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Spent) -> Spent:
        """Both together, of one model: what is estimated or without a price in a part is so as a whole."""
        is_priced = self.cost is not None and other.cost is not None and self.currency == other.currency
        return Spent(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.is_estimated or other.is_estimated,
            round((self.cost or 0.0) + (other.cost or 0.0), 9) if is_priced else None,
            self.currency if is_priced else "",
        )

    def to_json_value(self) -> dict[str, Any]:
        """As it is kept with a draft."""
        return asdict(self)

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Spent:
        """The inverse of `to_json_value`."""
        return cls(*(value[name] for name in cls.__slots__))


class Spending(NamedTuple):
    """One generation, as it was kept."""

    job: int
    session_id: str
    """Of whoever asked the model."""
    at: float
    """Seconds since 1970, by the database's clock."""
    model: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class Total:
    """Generations added up, whatever currency each was paid in."""

    generations: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated_tokens: int = 0
    """Those that nobody counted."""
    unpriced_tokens: int = 0
    """Those of which no price is known."""
    costs: tuple[tuple[str, float], ...] = ()
    """Currency and amount of each, by currency."""

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.prompt_tokens + self.completion_tokens

    def cost_in(self, currency: str) -> float:
        """What was paid in a currency."""
        return dict(self.costs).get(currency, 0.0)

    def __add__(self, other: Total) -> Total:
        """Both together."""
        costs = dict(self.costs)
        for currency, amount in other.costs:
            costs[currency] = round(costs.get(currency, 0.0) + amount, 9)
        return Total(
            self.generations + other.generations,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.estimated_tokens + other.estimated_tokens,
            self.unpriced_tokens + other.unpriced_tokens,
            tuple(sorted(costs.items())),
        )


NOTHING = Total()


def total_of(spent: Spent, generations: int = 1) -> Total:
    """Generations of one kind as a total."""
    return Total(
        generations,
        spent.prompt_tokens,
        spent.completion_tokens,
        spent.tokens if spent.is_estimated else 0,
        spent.tokens if spent.cost is None else 0,
        () if spent.cost is None else ((spent.currency, spent.cost),),
    )


def sum_of(totals: Iterable[Total]) -> Total:
    """All of them together."""
    return sum(totals, NOTHING)


def spent_value(total: Total) -> dict[str, Any]:
    """What was spent, as JSON."""
    return {
        "generations": total.generations,
        "prompt_tokens": total.prompt_tokens,
        "completion_tokens": total.completion_tokens,
        "estimated_tokens": total.estimated_tokens,
        "unpriced_tokens": total.unpriced_tokens,
        "costs": dict(total.costs),
    }


# --- in words ---

_HUGE: Final = 1e12


def amount_words(amount: float, currency: str) -> str:
    """`0.25 EUR`, `0.0031 USD`: four decimals below one."""
    if abs(amount) >= _HUGE:
        return f"{amount:.3g} {safe_text(currency, 12)}".rstrip()
    digits = 2 if amount >= 1 or not amount else 4
    return f"{amount:,.{digits}f} {safe_text(currency, 12)}".rstrip()


def total_cost_words(total: Total) -> str:
    """`0.25 EUR`, `~1.20 EUR + 0.30 USD`; `unknown` where no price is known, `-` where nothing was asked of a model.

    A `~` stands before what is made of estimated tokens, a `+ ?` behind what lacks the price of some.
    """
    if not total.costs:
        return "unknown" if total.tokens else "-"
    words = " + ".join(amount_words(amount, currency) for currency, amount in total.costs)
    return f"{'~' if total.estimated_tokens else ''}{words}{' + ?' if total.unpriced_tokens else ''}"


def total_token_words(total: Total) -> str:
    """`12,345`; `~12,345` where a part of them is an estimate."""
    return f"{'~' if total.estimated_tokens else ''}{total.tokens:,}"


def draft_cost_words(spent: Spent | None) -> tuple[str, ...]:
    """What a draft took, shortest parts first: `1,234 tokens`, `0.0031 USD`; none where nobody knows.

    Its repeated answers are in it, earlier drafts are not.
    """
    if spent is None or not spent.tokens:
        return ()
    estimated = "~" if spent.is_estimated else ""
    tokens = f"{estimated}{spent.tokens:,} {'token' if spent.tokens == 1 else 'tokens'}"
    if spent.cost is None:
        return (tokens,)
    return tokens, f"{estimated}{amount_words(spent.cost, spent.currency)}"
