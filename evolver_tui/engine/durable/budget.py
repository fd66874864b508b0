"""What the author may still spend: looked up before each call of a model, told before it is used up.

All sessions of a database share a day, since what each spends is in a table there. A call under way is finished: what
is spent beyond a bound is at most the calls that were under way when it was reached, one for each job that is
generated at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from evolver_tui.core.budget import Bound, Limits, near_words, used_up_words
from evolver_tui.core.claim import Room
from evolver_tui.core.errors import BUDGET, StoreError
from evolver_tui.core.outage import Outage
from evolver_tui.core.signal_catalogue.session_signals import (
    BUDGET_ALLOWED,
    BUDGET_NEAR,
    WORKER_PAUSED,
    WORKER_RESUMED,
    BudgetNear,
)
from evolver_tui.core.spending import NOTHING, Total
from evolver_tui.core.times import day_around
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.readers import SpendingReader
from evolver_tui.engine.signals import SignalBus

LOOK_AGAIN_SECONDS: Final = 60.0
"""How soon it is noticed that a person allowed more elsewhere."""
_KEPT_AS: Final = "budget"


class BudgetReader(SpendingReader, Protocol):
    """What was spent, and what a person allowed beyond the bounds."""

    async def learned(self, name: str) -> Any:
        """What was kept under this name; None where nothing is. Raises StoreError."""


class BudgetStore(BudgetReader, Protocol):
    """The same, to be changed."""

    async def keep_learned(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep a JSON value under a name, in the place of the one before. Raises StoreError."""


class Budget:
    """How much is left, for all of a session that ask a model.

    Args:
        on_resume: called when what was used up is so no longer.
    """

    def __init__(
        self,
        limits: Limits,
        store: BudgetStore,
        bus: SignalBus,
        clock: Clock,
        *,
        session_id: str,
        on_resume: Callable[[], None],
    ) -> None:
        self._limits = limits
        self._store = store
        self._bus = bus
        self._clock = clock
        self._session_id = session_id
        self._on_resume = on_resume
        self._session_allowed = 0
        self._told: set[tuple[object, ...]] = set()
        """Bounds whose nearness was told, with their limit and day."""
        self._waiting: asyncio.Task[None] | None = None
        self.bounds: tuple[Bound, ...] = ()
        """As they stood at the last look, the one that is used most first."""
        self.outage: Outage | None = None
        """What is waited for; None while something is left."""

    @property
    def may_spend(self) -> bool:
        """Whether a model may be asked now, as far as was looked."""
        return self.outage is None

    async def narrow(self, room: Room) -> Room:
        """What of that which a worker has room for may be taken now. Raises StoreError."""
        await self.look()
        return room if self.may_spend else replace(room, generates=False, turns=False)

    async def look(self) -> None:
        """Look how much is left. Raises StoreError."""
        if not self._limits.bounds_something:
            return
        now = self._clock.now()
        start, end = day_around(now)
        day, times = await _day(self._store, start, end)
        session = _all_of(await self._store.spending(session_id=self._session_id))
        self.bounds = self._limits.bounds(day, session, (times, self._session_allowed))
        used_up = [bound for bound in self.bounds if bound.share >= 1.0]
        if used_up:
            # The day's bound goes away by itself, the session's does not.
            self._wait_for(min(used_up, key=lambda bound: bound.scope == "day"), now, end)
            return
        self._go_on(now)
        for bound in self.bounds:
            self._tell_near(bound, start)

    def _tell_near(self, bound: Bound, day: float) -> None:
        key = (bound.scope, bound.currency, bound.limit, day if bound.scope == "day" else None)
        if bound.share < self._limits.warn_at or key in self._told:
            return
        self._told.add(key)
        payload: BudgetNear = {
            "scope": bound.scope,
            "spent": round(bound.spent, 9),
            "limit": bound.limit,
            "unit": bound.currency or "tokens",
            "notice": near_words(bound),
        }
        self._bus.emit(BUDGET_NEAR(payload))

    def _wait_for(self, bound: Bound, now: float, end: float) -> None:
        goes_on = _clock_time(end)
        error, way_out = used_up_words(bound, goes_on)
        is_day = bound.scope == "day"
        wait = max(end - now, 0.0) if is_day else LOOK_AGAIN_SECONDS
        before = self.outage
        self.outage = Outage(
            BUDGET, f"{error} {way_out}", f"{bound.whose} is used up", before.since if before else now, now + wait,
            wait, goes_on=f"goes on at {goes_on}" if is_day else "until you allow more",
        )  # fmt: skip
        if before is None or before.error != self.outage.error:
            self._bus.emit(WORKER_PAUSED(self.outage.told()))
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._look_again())

    async def _look_again(self) -> None:
        """Look again from time to time, while it is used up: the next day comes, or somebody elsewhere allows more."""
        while self.outage is not None:
            _, end = day_around(self._clock.now())
            await self._clock.sleep(min(LOOK_AGAIN_SECONDS, max(end - self._clock.now(), 0.0)))
            with contextlib.suppress(StoreError):  # it is away: then nothing can be claimed either
                await self.look()

    def _go_on(self, now: float) -> None:
        if self.outage is None:
            return
        seconds = round(max(0.0, now - self.outage.since), 3)
        self.outage = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting is not asyncio.current_task():
            waiting.cancel()
        self._bus.emit(WORKER_RESUMED({"shared": BUDGET, "seconds": seconds}))
        self._on_resume()

    # --- more than the config says

    async def allow(self, by: str) -> None:
        """Allow as much again as each bound that is used up is: the day's for all sessions, until the day ends.

        Raises:
            StoreError: it could not be kept.
        """
        used_up = [bound for bound in self.bounds if bound.share >= 1.0]
        for scope in dict.fromkeys(bound.scope for bound in used_up):
            if scope == "day":
                start, end = day_around(self._clock.now())
                times = (await _day(self._store, start, end))[1] + 1
                await self._store.keep_learned(_KEPT_AS, {"day": start, "times": times, "by": by})
            else:
                self._session_allowed += 1
        for bound in used_up:
            self._bus.emit(BUDGET_ALLOWED({"scope": bound.scope, "by": by, "spent": round(bound.spent, 9)}))
        await self.look()

    def close(self) -> None:
        """Wait for nothing any longer."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


async def spent_today(limits: Limits, store: BudgetReader, now: float) -> tuple[tuple[Bound, ...], float]:
    """How the bounds of a day stand for whoever runs no session, and when the day ends. Raises StoreError."""
    start, end = day_around(now)
    day, times = await _day(store, start, end)
    return limits.bounds(day, NOTHING, (times, 0)), end


async def _day(store: BudgetReader, start: float, end: float) -> tuple[Total, int]:
    """What was spent in a day, and how often a person allowed as much again."""
    total, kept = _all_of(await store.spending(since=start, until=end)), await store.learned(_KEPT_AS)
    is_of_today = isinstance(kept, dict) and kept.get("day") == start
    times = kept.get("times") if is_of_today else 0
    return total, times if isinstance(times, int) and 0 < times < 1_000_000 else 0


def _all_of(found: Sequence[tuple[str, Total]]) -> Total:
    return found[0][1] if found else NOTHING


def _clock_time(seconds: float) -> str:
    return time.strftime("%H:%M", time.localtime(seconds))
