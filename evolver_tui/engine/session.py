"""One run of the product, with or without a screen: the database, and the parts that work on it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreBroken
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue import CONFIG_NOTICE, SESSION_ENDED, SESSION_EXPORTED, SESSION_STARTED
from evolver_tui.engine.author.author import Author, LiveDraft
from evolver_tui.engine.author.backend import Backend
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.workers import AnyWorker, Workers
from evolver_tui.engine.export import write_export
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.intake import MessageHook
from evolver_tui.engine.link import LinkMaker
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.store import Store
from evolver_tui.engine.subscription import Subscription

WorkerMaker = Callable[["Session"], Sequence[AnyWorker]]
"""Makes the workers of a session; it has everything else then."""


@dataclass(frozen=True, slots=True)
class SessionParts:
    """Everything that a session is made of; wiring.py puts it together."""

    id: str
    host: str
    person: str
    """Who decides and answers here."""
    store: Store
    backend: Backend | None
    """What the author asks; None where it does not work here."""
    library: Library
    author: Author | None
    make_link: LinkMaker
    make_workers: WorkerMaker
    clock: Clock
    registry: SignalRegistry
    new_id: Callable[[], str]
    """A name that nothing else has, e.g. a UUID."""
    exports: Path
    """The folder in which exports without a path of their own are written."""
    secrets: Callable[[], Sequence[str]]
    """What must never stand in an export."""
    generate: bool = True
    """False: tasks are kept and not worked on."""
    is_recorded: bool = True
    """Whether it begins and ends in the database: a process that works for another one's session only adds to it."""
    notices: Sequence[str] = ()
    """What is wrong with the user's files and was left out, a sentence each."""


class Session:
    """Opens the parts together, ends them in order, and stops them when the database breaks.

    Reads go through `store`, what a person does through `inbox`, the hub through `hub`.
    """

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self.id = parts.id
        self.store = parts.store
        self.library = parts.library
        self.author = parts.author
        self.clock = parts.clock
        self.bus = SignalBus(parts.id, parts.clock.now, self._log, parts.registry)
        self.broken: StoreBroken | None = None
        """Why the database cannot be used again in this run; intake and workers have stopped then."""
        self.on_broken: Callable[[], None] = lambda: None
        """Called once, when `broken` is known."""
        self.workers = Workers(parts.make_workers(self))
        self.hub = Subscription(
            parts.store, self.bus, parts.clock, parts.make_link, session_id=parts.id, generate=parts.generate,
            on_queued=self.workers.wake_for_new, on_broken=self.store_broke,
        )  # fmt: skip
        self.inbox = Inbox(
            parts.store, self.bus, session_id=parts.id, person=parts.person, host=parts.host, new_id=parts.new_id,
            library=parts.library, on_change=self.workers.wake, on_cancel=self.workers.drop,
        )  # fmt: skip
        self._looking: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    # --- life

    async def open(self, on_message: MessageHook = lambda message: None) -> None:
        """Open the store and begin to work on what waits; nothing is connected yet.

        Args:
            on_message: told of each hub message before its tasks are kept.

        Raises:
            StoreError: the database cannot be used.
        """
        parts = self._parts
        await self.store.open()
        self.store.watch(self._on_foreign_change)
        self.store.watch_broken(self.store_broke)
        if parts.is_recorded:
            await self.store.start_session(self.id, Address(), parts.host)
        self.hub.open(on_message)
        self.workers.open()
        if parts.is_recorded:
            backend = parts.backend.info.label if parts.backend is not None else "none"
            self.bus.emit(SESSION_STARTED({"backend": backend, "host": parts.host}))
        for notice in parts.notices:
            self.bus.emit(CONFIG_NOTICE({"notice": notice}))

    async def close(self, *, finish_current: bool = True) -> None:
        """Leave the hub, let what is worked on run to its next stop or give it back, commit everything."""
        await self.hub.close()
        if finish_current:
            self.workers.stop()
        else:
            self.workers.interrupt()
        await self.workers.close()
        try:
            if self._parts.is_recorded:
                self.bus.emit(SESSION_ENDED({}))
                await self.store.end_session(self.id)
        finally:
            try:
                await self.store.close()
            finally:
                if self._parts.backend is not None:
                    await self._parts.backend.close()

    def interrupt(self) -> None:
        """Give back what is worked on instead of finishing it, and wait no longer for a database that is away.

        A running `close` then returns soon.
        """
        self.workers.interrupt()
        self.hub.give_up()

    def store_broke(self, error: StoreBroken) -> None:
        """Take nothing more and work on nothing more: no later write would be kept."""
        if self.broken is None:
            self.broken = error
            self.interrupt()
            self._leaving = asyncio.create_task(self.hub.hang_up())
            self.on_broken()

    def _on_foreign_change(self, has_work: bool) -> None:
        """Another process changed something: a job may wait, or ours may have been cancelled."""
        if has_work:
            self.workers.wake()
        self._looking = asyncio.create_task(self.workers.drop_cancelled(self.store))

    def _log(self, signals: Sequence[Signal]) -> None:
        self.store.log(signals, self.id)

    # --- what is going on

    @property
    def author_label(self) -> str:
        """Who writes here, as shown beside everything that it wrote."""
        if self._parts.backend is None:
            return "no author here"
        info = self._parts.backend.info
        return "offline author" if info.is_offline else info.label

    @property
    def live_draft(self) -> LiveDraft | None:
        """What is being written now."""
        return self.author.live if self.author is not None else None

    @property
    def trouble(self) -> str:
        """Why the database cannot be written at this moment, as far as somebody tried; empty while it can."""
        return str(self.broken or "") or self.hub.trouble or self.workers.trouble

    async def connect(self, url: Address) -> None:
        """Subscribe to a hub (and leave the one before).

        Raises:
            UsageError: no hub can have this URL.
            StoreBroken: nothing that a hub sends could be kept any longer.
        """
        if self.broken is not None:
            raise self.broken
        await self.hub.connect(url)

    async def export(self, format: str, path: Path | None = None, session_id: str | None = None) -> Path:
        """Write a session's log (default: this one's); returns where. Raises UsageError, StoreError."""
        session_id = session_id or self.id
        path = path or self._parts.exports / f"{session_id}.{format}"
        await write_export(self.store, session_id, format, path, await asyncio.to_thread(self._parts.secrets))
        self.bus.emit(SESSION_EXPORTED({"path": str(path), "format": format}))
        return path
