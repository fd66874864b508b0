"""Figures of decisions as cells of a table, as JSON and as CSV. A `~` stands before what nobody counted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.spending import Total, amount_words, spent_value, total_cost_words, total_token_words
from evolver_tui.core.statistics import Figures, Quantiles, Statistics, groups_shown
from evolver_tui.core.times import age

HEADS: Final = (
    "DECISIONS", "APPROVED", "EDITED", "SENT BACK", "REJECTED", "REUSED", "ANSWERED", "SEEN AFTER", "DECIDED AFTER",
    "DECIDING", "TOKENS", "COST", "PER NODE",
)  # fmt: skip
"""Of the columns behind a group's name. The times are p50 and p95."""
FEW: Final = 20
"""Of fewer decisions a p95 is the slowest one."""


def cells_of(figures: Figures) -> tuple[str, ...]:
    """A group's cells, behind its name."""
    return (
        f"{figures.decisions:,}",
        rate_words(figures),
        f"{figures.edited:,}",
        f"{figures.sent_back:,}",
        f"{figures.rejected:,}",
        f"{figures.reused:,}",
        f"{figures.answered:,}",
        quantile_words(figures.until_seen),
        quantile_words(figures.until_decided),
        quantile_words(figures.deciding),
        "-" if figures.spent is None else total_token_words(figures.spent),
        "-" if figures.spent is None else total_cost_words(figures.spent),
        node_cost_words(figures),
    )


def rate_words(figures: Figures) -> str:
    """`83% of 12`: how many drafts were approved as they were; `-` where none was reviewed."""
    rate = figures.approve_rate
    return "-" if rate is None else f"{rate:.0%} of {figures.reviews:,}"


def quantile_words(quantiles: Quantiles | None) -> str:
    """`40s / 12m`; `-` where nothing is known."""
    return "-" if quantiles is None else f"{age(quantiles.p50)} / {age(quantiles.p95)}"


def node_cost_words(figures: Figures) -> str:
    """What an approved node cost; `-` where that cannot be told."""
    costs = " + ".join(amount_words(amount, currency) for currency, amount in figures.costs_per_approved)
    return f"{_mark(figures.spent)}{costs}" if costs else "-"


def _mark(spent: Total | None) -> str:
    return "~" if spent is not None and spent.estimated_tokens else ""


def honesty(statistics: Statistics) -> Iterator[str]:
    """What whoever reads the figures has to know of them, a sentence each."""
    total = statistics.total
    if 0 < total.decisions < FEW:
        decisions = "1 decision" if total.decisions == 1 else f"{total.decisions} decisions"
        yield f"Of {decisions}: too few for a p95, which is the slowest one."
    if total.until_decided is not None and _known(total.until_seen) < total.until_decided.known:
        yield f"When it was first seen is known of {_known(total.until_seen):,} of {total.until_decided.known:,}."
    if total.spent is not None and total.spent.unpriced_tokens:
        yield f"{total.spent.unpriced_tokens:,} tokens have no price and are in no cost."
    if total.spent is not None and total.spent.estimated_tokens:
        yield f"{total.spent.estimated_tokens:,} tokens are estimates, since nobody counted them."


def _known(quantiles: Quantiles | None) -> int:
    return 0 if quantiles is None else quantiles.known


# --- for other programs ----------------------------------------------------------------------------------------------


def statistics_value(statistics: Statistics) -> dict[str, Any]:
    """Everything as JSON; what is not known is null, times are in seconds."""
    return {
        "by": statistics.by,
        "total": _value(statistics.total),
        "groups": [_value(figures) for figures in statistics.groups],
        "reasons": [{"reason": found.reason, "times": found.times} for found in statistics.reasons],
    }


def _value(figures: Figures) -> dict[str, Any]:
    spent, rate = figures.spent, figures.approve_rate
    return {
        "name": figures.name,
        "decisions": figures.decisions,
        "reviews": figures.reviews,
        "approved": figures.approved,
        "approve_rate": None if rate is None else round(rate, 4),
        "edited": figures.edited,
        "sent_back": figures.sent_back,
        "rejected": figures.rejected,
        "responded": figures.responded,
        "reused": figures.reused,
        "answered": figures.answered,
        "declined": figures.declined,
        "until_seen": _quantiles(figures.until_seen),
        "until_decided": _quantiles(figures.until_decided),
        "deciding": _quantiles(figures.deciding),
        "spent": None if spent is None else spent_value(spent),
        "cost_per_approved": {currency: round(amount, 9) for currency, amount in figures.costs_per_approved},
    }


def _quantiles(found: Quantiles | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"p50": round(found.p50, 3), "p95": round(found.p95, 3), "known": found.known}


_CSV_HEAD: Final = (
    "group", "decisions", "reviews", "approved", "edited", "sent_back", "rejected", "responded", "reused", "answered",
    "declined", "until_seen_p50", "until_seen_p95", "until_decided_p50", "until_decided_p95", "deciding_p50",
    "deciding_p95", "tokens", "estimated_tokens", "costs",
)  # fmt: skip


def statistics_csv(statistics: Statistics) -> str:
    """A line for each group and one for all, times in seconds; an empty cell for what is not known."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_CSV_HEAD)
    for figures in groups_shown(statistics):
        spent = figures.spent
        writer.writerow(
            [
                _spreadsheet_text(figures.name), figures.decisions, figures.reviews, figures.approved, figures.edited,
                figures.sent_back, figures.rejected, figures.responded, figures.reused, figures.answered,
                figures.declined, *_pair(figures.until_seen), *_pair(figures.until_decided), *_pair(figures.deciding),
                *(("", "", "") if spent is None else (spent.tokens, spent.estimated_tokens, _costs(spent))),
            ]
        )  # fmt: skip
    return file.getvalue()


def _pair(found: Quantiles | None) -> Sequence[object]:
    return ("", "") if found is None else (round(found.p50, 3), round(found.p95, 3))


def _costs(spent: Total) -> str:
    return _spreadsheet_text(
        " + ".join(f"{amount:.9f}".rstrip("0").rstrip(".") + f" {currency}" for currency, amount in spent.costs)
    )


def _spreadsheet_text(text: str) -> str:
    """A stranger's text that no spreadsheet takes for a formula."""
    shown = safe_text(text, 300)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown
