"""What is read of spendings: plain SQL, as in `queries`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from evolver_tui.adapters.database.queries import Ask
from evolver_tui.core.spending import NOTHING, Spent, Total, total_of
from evolver_tui.engine.readers import SpendingGroup

_GROUPS: Final = {
    "": "''",
    "session": "s.session_id",
    "model": "s.model",
    "task": "j.task_id",
    "type": "j.task_type",
    "routine": "j.routine",
}


def spending(
    ask: Ask, by: SpendingGroup, since: float, until: float, session_id: str, job: int, limit: int
) -> Sequence[tuple[str, Total]]:
    """What was spent, by something; the latest that spent first."""
    conditions, values = ["s.at >= ?"], list[Any]([since])
    if until < math.inf:
        conditions.append("s.at < ?")
        values.append(until)
    if session_id:
        conditions.append("s.session_id = ?")
        values.append(session_id)
    if job:
        conditions.append("s.job = ?")
        values.append(job)
    key = _GROUPS[by]
    where, tasks = " AND ".join(conditions), " JOIN job AS j ON s.job = j.seq" if key.startswith("j.") else ""
    rows = ask.rows(
        f"WITH latest AS (SELECT {key} AS name, max(s.at) AS at FROM spending AS s{tasks} WHERE {where}"
        f" GROUP BY 1 ORDER BY 2 DESC LIMIT ?) SELECT latest.name, count(*), sum(s.prompt_tokens),"
        " sum(s.completion_tokens), s.is_estimated, sum(s.cost), s.currency, s.cost IS NULL"
        f" FROM spending AS s{tasks} JOIN latest ON latest.name = {key} WHERE {where}"
        " GROUP BY latest.name, latest.at, s.is_estimated, s.currency, s.cost IS NULL"
        " ORDER BY latest.at DESC, latest.name, s.currency",
        [*values, limit, *values],
    )
    totals: dict[str, Total] = {}
    for name, generations, prompt, completion, is_estimated, cost, currency, is_unpriced in rows:
        amount = None if is_unpriced else round(cost, 9)
        spent = Spent(int(prompt), int(completion), bool(is_estimated), amount, currency)
        totals[name] = totals.get(name, NOTHING) + total_of(spent, generations)
    return list(totals.items())
