"""How what past decisions have to do with a draft is said on its card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.styles import Symbols
from evolver_tui.tui.screens.desk.panes.card_facts import ReviewHints

if TYPE_CHECKING:
    from evolver_tui.engine.estimates import Told

_MOST_NAMED: Final = 6
"""Lines that are named; all of them are marked."""


def percent(probability: float) -> str:
    """A probability as it is shown: never certain."""
    return f"{min(99, max(1, round(100 * probability)))} %"


def hint_words(hints: ReviewHints | None, symbols: Symbols) -> Sequence[str]:
    """An estimate, and how many lines are marked, each in a few words."""
    words = []
    if hints is not None and hints.told is not None:
        weak = "" if hints.told.record.is_better_than_the_share else "weak "
        words.append(f"{weak}estimate {percent(hints.told.estimate.probability)} approved")
    if hints is not None and hints.unlike:
        words.append(f"{symbols.unlike} {count(len(hints.unlike), 'line')} unlike approved code")
    if hints is not None and hints.alike:
        words.append(f"{hints.alike:,} more alike")
    return words


def unlike_sentence(lines: frozenset[int]) -> str:
    """What the marks in the margin mean."""
    named = ", ".join(map(str, sorted(lines)[:_MOST_NAMED]))
    more = ", …" if len(lines) > _MOST_NAMED else ""
    which = f"line{'' if len(lines) == 1 else 's'} {named}{more}"
    return f"{which}: more is new there than in lines of approved nodes, and that says nothing for or against it"


def estimate_sentences(told: Told) -> Iterator[str]:
    """An estimate in full, with its reasons, and how good such estimates were."""
    estimate, record = told
    reasons = ", ".join(f"{safe_text(each.words, 60)} {'+' if each.weight > 0 else '-'}" for each in estimate.reasons)
    yield f"{percent(estimate.probability)} approved as it is{f'  ({reasons})' if reasons else ''}"
    base = f"{record.base_brier:.2f} of the base rate"
    yield f"record: Brier {record.brier:.2f} against {base}, {count(record.decisions, 'decision')}"
    if not record.is_better_than_the_share:
        yield "It has told no more than the share of approvals does: go by the code."
    yield "It is learned of past decisions and decides nothing."
