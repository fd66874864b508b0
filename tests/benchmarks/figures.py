"""Rows of the table, and medians with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    measured: str
    """Median, and the smallest and largest of the runs."""
    target: str = ""
    """What it should be; empty for what is only told."""
    is_met: bool | None = None
    """None where there is no target."""


def at_most(name: str, values: Sequence[float], limit: float, unit: str = "x", told: str = "") -> Row:
    """A row whose median should not be above a limit."""
    return Row(name, _spread(values, unit) + told, f"<= {_short(limit)}{unit}", statistics.median(values) <= limit)


def at_least(name: str, values: Sequence[float], limit: float, unit: str = "x", told: str = "") -> Row:
    """A row whose median should not be below a limit."""
    return Row(name, _spread(values, unit) + told, f">= {_short(limit)}{unit}", statistics.median(values) >= limit)


def told(name: str, values: Sequence[float], unit: str) -> Row:
    """A row without a target."""
    return Row(name, _spread(values, unit))


def _spread(values: Sequence[float], unit: str) -> str:
    middle = _short(statistics.median(values))
    if len(values) == 1:
        return f"{middle}{unit}"
    return f"{middle}{unit} ({_short(min(values))}..{_short(max(values))}, {len(values)} runs)"


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or not value else f"{value:.4f}".rstrip("0")


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent of the values lie."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as lines of a Markdown table."""
    cells = [("what", "target", "measured", "met")]
    cells += [(row.name, row.target, row.measured, {True: "yes", False: "NO", None: ""}[row.is_met]) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    for index, line in enumerate(cells):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        if index == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
