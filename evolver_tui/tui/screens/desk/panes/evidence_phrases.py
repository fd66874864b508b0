"""How the evidence for and against a draft looks on its card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evolver_tui.core.review_evidence import Evidence, EvidenceKind, EvidenceLevel
from evolver_tui.tui.drawing.phrases import Phrase
from evolver_tui.tui.drawing.styles import Fragment, Symbols

_STYLES = {
    EvidenceLevel.AGAINST: ("error", "error"),
    EvidenceLevel.LOOK: ("warn", "text"),
    EvidenceLevel.FOR: ("ok", "text"),
    EvidenceLevel.FACT: ("dim", "dim"),
}
"""Of the sign before a piece, and of its words."""
_ON_THE_EDGE = (EvidenceKind.WAIT, EvidenceKind.PAST)
"""What the card's edge says."""


def evidence_phrases(evidence: Sequence[Evidence], symbols: Symbols) -> tuple[Phrase, ...]:
    """The pieces as the card sets them out; what stands on its edge is left out."""
    return tuple(_phrases(evidence, symbols))


def _phrases(evidence: Sequence[Evidence], symbols: Symbols) -> Iterator[Phrase]:
    for piece in evidence:
        forms = [form for form in piece.forms if form]
        if piece.kind in _ON_THE_EDGE or not forms:
            continue
        mark, words = _STYLES[piece.level]
        sign = _sign(piece.level, symbols)
        before: tuple[Fragment, ...] = ((f"{sign} ", mark),) if sign else ()
        style = "text" if piece.kind is EvidenceKind.RESULT else words
        yield tuple((*before, (drawn(form, symbols), style)) for form in forms)


def _sign(level: EvidenceLevel, symbols: Symbols) -> str:
    return {
        EvidenceLevel.AGAINST: symbols.rejected,
        EvidenceLevel.LOOK: symbols.failed,
        EvidenceLevel.FOR: symbols.approved,
    }.get(level, "")


def drawn(text: str, symbols: Symbols) -> str:
    """Words with the signs that the screen is drawn with."""
    return text.replace("·", symbols.dot).replace("→", symbols.gives)
