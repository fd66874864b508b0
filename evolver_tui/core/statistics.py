"""What people decided, in figures: how long it took them, what they decided, why, and what it cost."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple, get_args

from evolver_tui.core.decision import DecisionKind
from evolver_tui.core.job import AUTHOR_NAME, QuestionKind
from evolver_tui.core.question import AnswerAction
from evolver_tui.core.spending import NOTHING, Total

Grouping = Literal["day", "type", "model", "routine", "person"]
GROUPINGS: Final[tuple[Grouping, ...]] = get_args(Grouping)
REUSE: Final = "reuse"
"""The decision that an approved node does the task instead."""
UNKNOWN: Final = "unknown"
EDITED_BY_HAND: Final = "edited by hand"
"""What wrote a draft that a person had changed before."""
_MOST_REASONS: Final = 5_000
"""Different ones that are counted; then those that were given once are forgotten."""
_LONGEST_REASON: Final = 300


class DecidedQuestion(NamedTuple):
    """One question or review and its one answer, as far as figures are made of it."""

    kind: str
    task_type: str
    routine: str
    """Empty for the built-in author."""
    model: str
    """What wrote the draft; empty for what is no review."""
    person: str
    asked_at: float
    """Seconds since 1970 by the database's clock, like the others."""
    seen_at: float | None
    """When it first lay before a person; None where that was not kept."""
    decided_at: float
    decision: str
    """What a review was answered with, or a question: `approve`, ..., `accept`, `decline`."""
    reason: str


class Quantiles(NamedTuple):
    """How long something took, in seconds, and of how many that is known."""

    p50: float
    p95: float
    known: int


class Durations:
    """Seconds, kept as numbers alone."""

    def __init__(self) -> None:
        self._seconds = array("d")

    def add(self, seconds: float) -> None:
        """One more. A clock may have been set back meanwhile."""
        self._seconds.append(max(0.0, seconds))

    @property
    def quantiles(self) -> Quantiles | None:
        """The value that half of them do not exceed, and 95 of a hundred; None where there is none."""
        if not self._seconds:
            return None
        ordered = sorted(self._seconds)
        p50, p95 = (ordered[math.ceil(len(ordered) * share) - 1] for share in (0.5, 0.95))
        return Quantiles(p50, p95, len(ordered))


@dataclass(frozen=True, slots=True)
class Figures:
    """What the decisions of one group came to."""

    name: str
    approved: int = 0
    edited: int = 0
    sent_back: int = 0
    """Rejected with a reason, and written anew."""
    rejected: int = 0
    """For good."""
    responded: int = 0
    reused: int = 0
    """Tasks that got a node which was there: duplicates that were not made."""
    answered: int = 0
    """Questions that were answered, declined ones among them."""
    declined: int = 0
    until_seen: Quantiles | None = None
    until_decided: Quantiles | None = None
    deciding: Quantiles | None = None
    """From being seen to being decided."""
    spent: Total | None = None
    """None where spending has no such group."""

    @property
    def reviews(self) -> int:
        """Drafts that were decided about."""
        return self.approved + self.edited + self.sent_back + self.rejected + self.responded + self.reused

    @property
    def decisions(self) -> int:
        """Reviews and questions together."""
        return self.reviews + self.answered

    @property
    def approve_rate(self) -> float | None:
        """The share of the reviewed drafts that was approved as it was; None where none was reviewed."""
        return self.approved / self.reviews if self.reviews else None

    @property
    def costs_per_approved(self) -> tuple[tuple[str, float], ...]:
        """Currency and amount that were spent for each approved node; empty where that cannot be told."""
        if self.spent is None or not self.approved:
            return ()
        return tuple((currency, amount / self.approved) for currency, amount in self.spent.costs)


class ReasonCount(NamedTuple):
    """A reason for which drafts were rejected, as it was first spelled, and how often."""

    reason: str
    times: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What all came to, and each group of it."""

    by: Grouping
    total: Figures
    groups: Sequence[Figures]
    """Days in their order, other groups with the most decisions first."""
    reasons: Sequence[ReasonCount]
    """The most frequent first."""


@dataclass(slots=True)
class _Group:
    counts: Counter[str] = field(default_factory=Counter)
    until_seen: Durations = field(default_factory=Durations)
    until_decided: Durations = field(default_factory=Durations)
    deciding: Durations = field(default_factory=Durations)

    def add(self, decided: DecidedQuestion) -> None:
        self.counts[_counted_as(decided)] += 1
        self.until_decided.add(decided.decided_at - decided.asked_at)
        if decided.seen_at is not None:
            self.until_seen.add(decided.seen_at - decided.asked_at)
            self.deciding.add(decided.decided_at - decided.seen_at)

    def figures(self, name: str, spent: Total | None) -> Figures:
        counts = self.counts
        return Figures(
            name,
            counts["approve"],
            counts["edit"],
            counts["sent back"],
            counts["reject"],
            counts["respond"],
            counts[REUSE],
            counts["accept"] + counts["decline"],
            counts["decline"],
            self.until_seen.quantiles,
            self.until_decided.quantiles,
            self.deciding.quantiles,
            spent,
        )


def _counted_as(decided: DecidedQuestion) -> str:
    if decided.kind != QuestionKind.REVIEW:
        return "decline" if decided.decision == AnswerAction.DECLINE else "accept"
    if decided.decision == DecisionKind.REJECT and decided.reason:
        return "sent back"
    return decided.decision


class StatisticsFold:
    """Makes figures of decisions, in whatever order they come."""

    def __init__(self, by: Grouping) -> None:
        self._by = by
        self._total = _Group()
        self._groups: dict[str, _Group] = {}
        self._reasons = Counter[str]()
        self._spelled: dict[str, str] = {}

    def add(self, decided: DecidedQuestion) -> None:
        """One more."""
        self._total.add(decided)
        self._groups.setdefault(group_of(decided, self._by), _Group()).add(decided)
        if decided.kind == QuestionKind.REVIEW and decided.decision == DecisionKind.REJECT and decided.reason:
            self._count_reason(decided.reason)

    def _count_reason(self, reason: str) -> None:
        key = normal_reason(reason)
        self._reasons[key] += 1
        self._spelled.setdefault(key, reason.strip()[:_LONGEST_REASON])
        if len(self._reasons) > _MOST_REASONS:
            self._reasons = Counter(dict(self._reasons.most_common(_MOST_REASONS // 2)))
            self._spelled = {key: self._spelled[key] for key in self._reasons}

    @property
    def names(self) -> Sequence[str]:
        """The groups that there are so far."""
        return list(self._groups)

    def result(self, spent: Mapping[str, Total] | None, total: Total, reasons: int = 10) -> Statistics:
        """What was added so far.

        Args:
            spent: what was spent by each group; None where spending has no such groups.
            total: what was spent in all.
            reasons: how many of them.
        """
        names = {**self._groups, **(dict.fromkeys(spent) if spent else {})}
        groups = [self._figures(name, spent) for name in names]
        groups.sort(key=lambda each: each.name if self._by == "day" else (-each.decisions, each.name))
        found = [ReasonCount(self._spelled[key], count) for key, count in self._reasons.most_common(reasons)]
        return Statistics(self._by, self._total.figures("all", total), groups, found)

    def _figures(self, name: str, spent: Mapping[str, Total] | None) -> Figures:
        return self._groups.get(name, _Group()).figures(name, None if spent is None else spent.get(name, NOTHING))


def group_of(decided: DecidedQuestion, by: Grouping) -> str:
    """The group that a decision is counted in."""
    match by:
        case "day":
            return day_name(decided.decided_at)
        case "type":
            return decided.task_type or UNKNOWN
        case "model":
            return decided.model or "no draft"
        case "routine":
            return routine_name(decided.routine)
    return decided.person or UNKNOWN


def routine_name(routine: str) -> str:
    """What a routine is called in a group."""
    return routine or AUTHOR_NAME


def day_name(seconds: float) -> str:
    """The day of this machine's calendar, as ISO 8601 has it."""
    try:
        return datetime.fromtimestamp(seconds).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return UNKNOWN


def normal_reason(reason: str) -> str:
    """What spellings of one reason have in common: its words, without case, further space and a mark at the end."""
    return re.sub(r"\s+", " ", reason).strip(" .!?,;:").casefold()[:_LONGEST_REASON]


def model_of(author: str) -> str:
    """What wrote a draft, by what stands beside it."""
    return EDITED_BY_HAND if author.startswith("edited by ") else author


def groups_shown(statistics: Statistics) -> Iterator[Figures]:
    """Each group, and all of them together at the end where there is more than one."""
    yield from statistics.groups
    if len(statistics.groups) != 1:
        yield statistics.total
