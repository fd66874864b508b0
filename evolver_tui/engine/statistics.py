"""What people decided in a period, made of what the database keeps, a page at a time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from evolver_tui.core.spending import NOTHING, Total
from evolver_tui.core.statistics import UNKNOWN, Grouping, Statistics, StatisticsFold, routine_name
from evolver_tui.core.times import day_around, local_day
from evolver_tui.engine.readers import DecidedPlace, DecidedReader, SpendingGroup, SpendingReader

PAGE: Final = 500
"""Decisions that are read at a time: each brings its draft along."""
_MOST_GROUPS: Final = 1_000


class StatisticsStore(DecidedReader, SpendingReader, Protocol):
    """What statistics are made of."""


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which decisions were made, in seconds since 1970; the end is not within."""

    since: float = 0.0
    until: float = math.inf

    @classmethod
    def of_days(cls, days: int, now: float) -> Period:
        """Today and the days before, so many in all; 0 for all time."""
        if not days:
            return cls()
        start, _ = day_around(now)
        for _ in range(days - 1):
            start, _ = day_around(start - 1.0)
        return cls(start)


async def statistics(store: StatisticsStore, period: Period, by: Grouping, reasons: int = 10) -> Statistics:
    """Everything that was decided in a period, and what was spent in it. Raises StoreError."""
    fold = StatisticsFold(by)
    place: DecidedPlace = (None, 0)
    while True:
        page, place = await store.decided_questions(place, PAGE, since=period.since, until=period.until)
        if not page:
            break
        for decided in page:
            fold.add(decided)
        await asyncio.sleep(0)
    spent = await _spent(store, period, by, fold)
    return fold.result(spent, await _total(store, period), reasons)


async def _total(store: StatisticsStore, period: Period) -> Total:
    found = await store.spending(since=period.since, until=period.until)
    return found[0][1] if found else NOTHING


async def _spent(
    store: StatisticsStore, period: Period, by: Grouping, fold: StatisticsFold
) -> Mapping[str, Total] | None:
    """What each group spent; a person spends nothing."""
    if by == "person":
        return None
    if by == "day":
        days = [name for name in fold.names if name != UNKNOWN]
        return {day: await _total(store, _within(period, day)) for day in days}
    column: SpendingGroup = by
    found = await store.spending(column, since=period.since, until=period.until, limit=_MOST_GROUPS)
    return {routine_name(name) if by == "routine" else name or UNKNOWN: total for name, total in found}


def _within(period: Period, day: str) -> Period:
    start, end = local_day(day)
    return Period(max(period.since, start), min(period.until, end))
