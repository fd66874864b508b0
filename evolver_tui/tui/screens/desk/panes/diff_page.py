"""The card's page on what a draft is held against: why, in a few sentences, and below them what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from evolver_tui.core.code_diff import CodeDiff
from evolver_tui.core.node import sha256_of
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.engine.comparisons import Base, Comparison
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.diff_view import DiffDocument
from evolver_tui.tui.drawing.styles import Fragment, Symbols
from evolver_tui.tui.drawing.text_page import Entry, TextPage
from evolver_tui.tui.screens.desk.card import Review

_LONGEST_REASON: Final = 2_000
_Paragraph = tuple[str, str] | Entry


class Compared(NamedTuple):
    """What a draft is held against, and what differs."""

    comparison: Comparison
    diff: CodeDiff

    @property
    def figures(self) -> str:
        """How many lines came and went."""
        return f"+{self.diff.added:,} -{self.diff.removed:,}"


def diff_documents(
    compared: Sequence[Compared], review: Review, symbols: Symbols, other_key: str
) -> Sequence[DiffDocument]:
    """A page for each thing that it is held against, what was done last first.

    Args:
        other_key: the key that shows the next of them.
    """
    ellipsis = "..." if symbols.dot == "-" else "…"
    code = CodeDocument(review.draft.code)
    found = []
    for number, each in enumerate(compared, 1):
        place = f"{number} of {len(compared)}, {other_key} shows the next" if len(compared) > 1 else ""
        head = TextPage((*_head(each, review, symbols, place), ("", "text")))
        old = CodeDocument(each.comparison.code)
        found.append(
            DiffDocument(
                head, each.diff, old, code, old_sha256=sha256_of(each.comparison.code),
                is_known=each.comparison.was_read, ellipsis=ellipsis,
            )
        )  # fmt: skip
    return found


def opens_with_diff(compared: Sequence[Compared]) -> bool:
    """Whether what changed is what is to be decided: somebody said what should, or changed it."""
    return any(each.comparison.base in (Base.SENT_BACK, Base.EDITED_DRAFT) for each in compared)


def _head(compared: Compared, review: Review, symbols: Symbols, place: str) -> Iterator[_Paragraph]:
    """What it is held against and why; the reason of a reject, and what its author says of that."""
    comparison = compared.comparison
    name, by = safe_text(comparison.name, 90), safe_text(comparison.by, 60)
    figures: tuple[Fragment, ...] = ((f"{compared.figures}  ", "strong"),)
    more = f" ({place})" if place else ""
    match comparison.base:
        case Base.SENT_BACK:
            yield Entry(figures, f"since {name}, which {by} sent back{more}", "dim")
            yield from _reason(comparison, review, symbols)
        case Base.EDITED_DRAFT:
            yield Entry(figures, f"since {name}, as its model wrote it; {by} edited that{more}", "dim")
        case Base.CHANGED_BY_HAND:
            yield Entry(figures, f"since {name}, which was changed by hand and is kept as a copy{more}", "warn")
        case Base.REPLACED:
            whose = f"approved by {by}" if comparison.was_read else "which nobody read"
            yield Entry(figures, f"since {name}, {whose}, whose place it would take{more}", "dim")
        case _:
            yield Entry(figures, f"beside {name}: {safe_text(comparison.reason, 200)}{more}", "dim")


def _reason(comparison: Comparison, review: Review, symbols: Symbols) -> Iterator[_Paragraph]:
    lead: tuple[Fragment, ...] = (("reason  ", "dim"),)
    for line in safe_block(comparison.reason.strip() or "-", _LONGEST_REASON).split("\n"):
        yield Entry(lead, line, "strong")
        lead = (("        ", "dim"),)
    lead = (("author  ", "dim"), (f"{symbols.approved} ", "ok"))
    for met in comparison.addressed:
        yield Entry(lead, safe_text(met, 400), "text")
        lead = (("        ", "dim"), (f"{symbols.approved} ", "ok"))
    if not comparison.addressed and not review.draft.author.startswith("edited by"):
        yield Entry((("author  ", "dim"),), "marks nothing of that as met", "dim")
