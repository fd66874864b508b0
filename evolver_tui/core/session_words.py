"""A session's figures as short words. A `~` stands before what nobody counted."""

from __future__ import annotations

from evolver_tui.core.session_figures import SessionFigures
from evolver_tui.core.spending import amount_words


def percent_words(figures: SessionFigures) -> str:
    """The share of approved drafts: `83%`, or `-` where nothing was decided."""
    rate = figures.approve_rate
    return "-" if rate is None else f"{rate:.0%}"


def token_words(figures: SessionFigures) -> str:
    """`12,345`; `~12,345` where a part of them is an estimate."""
    return f"{'~' if figures.estimated_tokens else ''}{figures.tokens:,}"


def cost_words(figures: SessionFigures) -> str:
    """`0.25 EUR`; `unknown` where no price is configured, `-` where nothing was asked of a model."""
    if figures.cost is None:
        return "unknown" if figures.tokens else "-"
    return f"{'~' if figures.is_cost_estimated else ''}{amount_words(figures.cost, figures.currency)}"
