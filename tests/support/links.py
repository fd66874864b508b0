"""A hub link for any test: clocks, a listener to wait on, and a running link."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from evolver_tui.adapters.signalr.link import LinkSettings, SignalRLink
from evolver_tui.core.address import Address
from evolver_tui.core.link_state import LinkState
from evolver_tui.engine.clock import Clock
from tests.support.hubs import Peer

PATIENCE = 10.0
"""Seconds after which a test that waits has failed."""


class RealClock:
    """Time as it is."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        sleeper = (seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        self._changed.set()
        try:
            await sleeper[1]
        finally:
            self._sleepers.remove(sleeper)
            self._changed.set()

    async def wake(self) -> float:
        """End the one sleep that goes on, or begins soon; returns how long it was to be."""
        async with asyncio.timeout(PATIENCE):
            while len(self._sleepers) != 1 or self._sleepers[0][1].done():
                self._changed.clear()
                await self._changed.wait()
        ((seconds, awake),) = self._sleepers
        self._now += seconds
        awake.set_result(None)
        return seconds


class Recorder:
    """A listener that remembers, and on which a test can wait."""

    def __init__(self) -> None:
        self.messages: list[Sequence[Any]] = []
        self.problems: list[str] = []
        self.others: list[tuple[str, str]] = []
        self.states: list[LinkState] = []
        self.take: Callable[[], object] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._changed = asyncio.Event()

    def message(self, arguments: Sequence[object]) -> None:
        self.take()
        self.messages.append(arguments)
        self._loop.call_soon_threadsafe(self._changed.set)

    def unusable(self, problem: str) -> None:
        self.problems.append(problem)
        self._loop.call_soon_threadsafe(self._changed.set)

    def unheard(self, method: str, subscribed: str) -> None:
        self.others.append((method, subscribed))
        self._loop.call_soon_threadsafe(self._changed.set)

    def state_changed(self, state: LinkState) -> None:
        assert threading.get_ident() == self._loop_thread
        assert not self.states or state != self.states[-1]
        self.states.append(state)
        self._changed.set()

    @property
    def ids(self) -> list[str]:
        """The ids of every task that came."""
        return [task["id"] for (batch,) in self.messages for task in batch["tasks"]]

    @property
    def phases(self) -> list[str]:
        """Every phase, without repetitions in a row."""
        phases: list[str] = []
        for state in self.states:
            if not phases or phases[-1] != state.phase:
                phases.append(state.phase)
        return phases

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something that is recorded makes the condition true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def state(self, phase: str, retries: int | None = None) -> LinkState:
        """Wait until the last state has this phase."""
        await self.until(
            lambda: self.states and self.states[-1].phase == phase and retries in (None, self.states[-1].retries)
        )
        return self.states[-1]


class Linked:
    """A running link and what it says."""

    def __init__(self, link: SignalRLink, recorder: Recorder) -> None:
        self.link = link
        self.heard = recorder


@contextlib.asynccontextmanager
async def linked(
    url: str,
    *,
    clock: Clock | None = None,
    token: Callable[[], str] | None = None,
    take: Callable[[], object] | None = None,
    **settings: Any,
) -> AsyncIterator[Linked]:
    recorder = Recorder()
    if take is not None:
        recorder.take = take
    merged = {"delays": (0.01,), **settings}
    link = SignalRLink(LinkSettings(Address(url), **merged), recorder, clock or RealClock(), token)
    running = asyncio.create_task(link.run())
    try:
        yield Linked(link, recorder)
    finally:
        await link.close()
        await asyncio.wait_for(running, PATIENCE)


async def ending(url: str, **settings: Any) -> str:
    """The reason with which a link to this URL ends or first waits."""
    async with linked(url, delays=(60.0,), **settings) as it:
        await it.heard.until(lambda: it.link.state.phase in ("ended", "waiting"))
        return f"{it.link.state.phase}: {it.link.state.reason}"


def quiet(peer: Peer) -> None:
    """A script: shake hands and say nothing more."""
    peer.shake_hands()
    peer.read_to_end()
