"""A broker at a private nats-server, and what is heard of it and by it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

from evolver_tui.adapters.nats.connection import NatsBroker
from evolver_tui.adapters.nats.settings import NatsSettings, NatsTiming
from evolver_tui.core.address import Address
from evolver_tui.engine.workflow.broker import ServiceStanding
from tests.support.server_process import PATIENCE_SECONDS

QUICK: Final = NatsTiming(ping=0.2, first_pause=0.02, longest_pause=0.1, patience=0.5)
"""So that a test need not wait long for a server that is away."""
HASTY: Final = replace(QUICK, answer=1.5)
"""Nor for one that hangs; on a busy machine one that works may seem to hang."""


class Watched:
    """Something that changes, and who waits until it is so."""

    def __init__(self) -> None:
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self) -> None:
        """Have whoever waits look again."""
        task = asyncio.create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait until it is so; fails when that takes as long as only a hang does."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(is_so)


class Heard(Watched):
    """The messages that a subscription heard."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[str, bytes]] = []

    def __call__(self, subject: str, data: bytes) -> None:
        self.messages.append((subject, data))
        self.changed()

    @property
    def texts(self) -> list[str]:
        """What they held."""
        return [data.decode() for _, data in self.messages]

    @property
    def different(self) -> list[str]:
        """What they held, each once, in the order in which they came first."""
        return list(dict.fromkeys(self.texts))


class Standings(Watched):
    """How a service stood, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[ServiceStanding] = []

    def __call__(self, standing: ServiceStanding) -> None:
        self.all.append(standing)
        self.changed()

    async def until_away(self) -> str:
        """Wait until it is away; returns why."""
        await self.until(lambda: self.all and not self.all[-1].is_up)
        return self.all[-1].reason

    async def until_up(self) -> None:
        """Wait until it is there."""
        await self.until(lambda: self.all and self.all[-1].is_up)


@contextlib.asynccontextmanager
async def broker_at(url: str, **settings: Any) -> AsyncIterator[NatsBroker]:
    """A broker that is open, with quick timing unless told otherwise."""
    broker = make_broker(url, **settings)
    try:
        await broker.open()
        yield broker
    finally:
        await broker.close()


def make_broker(url: str, **settings: Any) -> NatsBroker:
    """A broker that is not open yet."""
    return NatsBroker(NatsSettings([Address(url)], **{"timing": QUICK, **settings}))


def secret(value: str) -> Callable[[], str]:
    """A secret as settings have it."""
    return lambda: value
