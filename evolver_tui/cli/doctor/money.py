"""The doctor's look at money: what models cost, and what is left of the budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from evolver_tui.cli.doctor.diagnosis import Diagnosis, State
from evolver_tui.core.budget import Bound, used_up_words
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.spending import NOTHING
from evolver_tui.core.times import day_around

if TYPE_CHECKING:
    from evolver_tui.settings.workspace import Workspace


def prices(workspace: Workspace) -> Iterator[Diagnosis]:
    """What is known of what models cost."""
    config = workspace.config
    for model, price in config.prices.items():
        words = f"{price.per_million_input:g} read, {price.per_million_output:g} written"
        message = f"{safe_text(model, 80)}: a million tokens cost {words}, in {safe_text(price.currency, 12)}"
        yield Diagnosis("prices", State.OK, f"{message}; entered {safe_text(price.entered or 'on no known day', 20)}.")
    asked = config.backend
    if asked.kind != "offline" and asked.model not in config.prices:
        if asked.has_prices:
            yield Diagnosis("prices", State.OK, f"{safe_text(asked.model, 80)}: as [backend] says.")
        else:
            way_out = f'Add [prices."{safe_text(asked.model, 80)}"] to the config.'
            yield Diagnosis("prices", State.OFF, "What the model costs is not known, and not told.", way_out)


def budget(workspace: Workspace) -> Iterator[Diagnosis]:
    """What is left for today."""
    from evolver_tui.wiring import spending_limits

    limits = spending_limits(workspace)
    if not limits.bounds_something:
        yield Diagnosis("budget", State.OFF, "None is set: the author asks its model as long as tasks wait.")
        return
    bounds, end = asyncio.run(_standing(workspace))
    if not bounds:
        yield Diagnosis("budget", State.OK, "Each session has a bound of its own; a day has none.")
    for bound in bounds:
        if bound.share >= 1.0:
            goes_on = time.strftime("%H:%M", time.localtime(end))
            yield Diagnosis("budget", State.NOTE, *used_up_words(bound, goes_on))
        else:
            yield Diagnosis("budget", State.OK, f"Of {bound.whose}, {bound.spent_words} is spent.")


async def _standing(workspace: Workspace) -> tuple[list[Bound], float]:
    """The bounds of this day, and when it ends."""
    from evolver_tui.engine.durable.budget import spent_today
    from evolver_tui.wiring import lacks_database, make_reader, spending_limits

    now = time.time()
    if lacks_database(workspace):
        bounds, end = spending_limits(workspace).bounds(NOTHING, NOTHING), day_around(now)[1]
    else:
        store = make_reader(workspace)
        await store.open()
        try:
            bounds, end = await spent_today(spending_limits(workspace), store, now)
        finally:
            await store.close()
    return [bound for bound in bounds if bound.scope == "day"], end
