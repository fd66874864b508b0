"""How much may be spent in a day or a session, and how much of that was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from evolver_tui.core.spending import Total, amount_words

Scope = Literal["day", "session"]
Allowed = tuple[int, int]
"""How often a person allowed as much again: for a day, for a session."""


class Bound(NamedTuple):
    """One bound, and what was spent of it."""

    scope: Scope
    currency: str
    """What it is in; empty for tokens."""
    limit: float
    spent: float
    once: float
    """What the config says; the limit is more where a person allowed that."""

    @property
    def share(self) -> float:
        """How much of it is used; 1 and more: all."""
        return self.spent / self.limit

    @property
    def whose(self) -> str:
        """`today's budget`."""
        return "today's budget" if self.scope == "day" else "this session's budget"

    def words(self, amount: float) -> str:
        """`5.00 USD`, `12,000 tokens`."""
        return amount_words(amount, self.currency) if self.currency else f"{amount:,.0f} tokens"

    @property
    def once_words(self) -> str:
        """What is allowed at a time."""
        return self.words(self.once)

    @property
    def spent_words(self) -> str:
        """`4.10 of 5.00 USD`."""
        limit = self.words(self.limit)
        spent = self.words(self.spent)
        unit = limit.rpartition(" ")[2]
        return f"{spent.removesuffix(unit).rstrip()} of {limit}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent; 0 is no bound."""

    per_day: float = 0.0
    per_session: float = 0.0
    tokens_per_day: int = 0
    tokens_per_session: int = 0
    warn_at: float = 0.8
    """The share of a bound at which it is told."""
    currency: str = ""
    """What the sums of money are in; costs in another are not counted."""

    @property
    def bounds_something(self) -> bool:
        """Whether there is a bound at all."""
        return bool(self.tokens_per_day or self.tokens_per_session or self._bounds_money)

    @property
    def _bounds_money(self) -> bool:
        return bool(self.currency and (self.per_day or self.per_session))

    def bounds(self, day: Total, session: Total, more: Allowed = (0, 0)) -> tuple[Bound, ...]:
        """Every bound with what was spent of it, the one that is used most first.

        Args:
            day: what all sessions spent today.
            session: what this one spent.
            more: how often a person allowed as much again, for the day and for the session.
        """
        found = sorted(self._all(day, session, more), key=lambda bound: -bound.share)
        return tuple(found)

    def _all(self, day: Total, session: Total, more: Allowed) -> Iterator[Bound]:
        scopes: tuple[tuple[Scope, float, int, Total, int], ...] = (
            ("day", self.per_day, self.tokens_per_day, day, more[0]),
            ("session", self.per_session, self.tokens_per_session, session, more[1]),
        )
        for scope, money, tokens, total, times in scopes:
            if money and self.currency:
                yield Bound(scope, self.currency, money * (1 + times), total.cost_in(self.currency), money)
            if tokens:
                yield Bound(scope, "", tokens * (1 + times), total.tokens, tokens)


def near_words(bound: Bound) -> str:
    """That a bound comes near."""
    return (
        f"{bound.share:.0%} of {bound.whose} is spent: {bound.spent_words}. "
        "When all is, the author pauses after the call under way, and tasks wait."
    )


def used_up_words(bound: Bound, goes_on: str) -> tuple[str, str]:
    """That a bound is reached, and the way out.

    Args:
        goes_on: the time of day at which the next day begins.
    """
    ways = "with a higher [budget] in the config at the next start, or now, by “Go on over the budget” in the palette"
    when = f"at {goes_on}, " if bound.scope == "day" else ""
    whose = bound.whose.capitalize()
    return f"{whose} is used up: {bound.spent_words}. Tasks wait.", f"The author goes on {when}{ways}."
