"""Which decisions an export takes, and what became of all that were looked at."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace

from evolver_tui.core.training_data.reviewed_draft import ReviewedDraft
from evolver_tui.engine.decision_export.rows import task_type


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions; what is empty asks for nothing."""

    session_id: str = ""
    """About tasks that came in with this session; `latest` is the last one."""
    types: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """By `provider/model`, or the model alone."""
    reviewers: tuple[str, ...] = ()
    since: float = -math.inf
    """Seconds since 1970."""
    until: float = math.inf
    """Not this second and none after it."""
    unreviewed: bool = False
    """With what rules approved."""

    def within(self, since: float | None, until: float | None) -> Wanted:
        """The same between two times; None for no bound."""
        return replace(self, since=-math.inf if since is None else since, until=math.inf if until is None else until)

    def takes(self, draft: ReviewedDraft) -> bool:
        """Whether a decision is one of them, apart from its session."""
        return (
            self.since <= draft.decided_at < self.until
            and (not self.types or task_type(draft).casefold() in {each.casefold() for each in self.types})
            and (not self.models or not {draft.model, draft.model.partition("/")[2]}.isdisjoint(self.models))
            and (not self.reviewers or draft.decided_by in self.reviewers)
        )


@dataclass(slots=True)
class Outcome:
    """What came of an export."""

    decisions: int = 0
    """That were read."""
    rows: int = 0
    """That were written."""
    held_back: int | None = None
    """Of these, the rows for validation; None where they were not split."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Decisions that gave no row, by why."""
    duplicates: int = 0
    """Rows that are nearly the same as one before."""

    def sentences(self) -> str:
        """All of it in words."""
        parts = [f"{_count(self.decisions, 'decision')} read, {_count(self.rows, 'row')} written."]
        if self.held_back is not None:
            parts[0] = f"{parts[0][:-1]}: {self.rows - self.held_back:,} to train, {self.held_back:,} to validate."
        reasons = [f"{number:,} {why}" for why, number in sorted(self.left_out.items())]
        if reasons:
            parts.append(f"Decisions left out: {'; '.join(reasons)}.")
        if self.duplicates:
            parts.append(f"Rows left out: {self.duplicates:,} nearly the same as one before (--keep-duplicates).")
        return "\n".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
