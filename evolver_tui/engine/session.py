"""One run of the product, with or without a screen: the hub link, intake, worker and everything a person may do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evolver_tui.core.address import Address
from evolver_tui.core.decision import Decision
from evolver_tui.core.errors import StoreBroken
from evolver_tui.core.job import AUTHOR, is_built_in
from evolver_tui.core.link_state import LinkState
from evolver_tui.core.question import Answer
from evolver_tui.core.signal import Signal
from evolver_tui.engine.author.author import Author, LiveDraft
from evolver_tui.engine.author.backend import Backend, BackendInfo
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.routine import Routine
from evolver_tui.engine.durable.worker import MAX_TAKEOVERS, Worker
from evolver_tui.engine.export import write_export
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.intake import Intake, MessageHook
from evolver_tui.engine.link import Link, LinkListener
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.store import Store

LinkMaker = Callable[[Address, LinkListener], Link]
"""Makes a link to an address. Raises UsageError for a URL that cannot be a hub's."""

_LINK_SIGNALS = {
    "connecting": ("hub.connecting", "info"),
    "connected": ("hub.connected", "info"),
    "waiting": ("hub.retry_scheduled", "warning"),
    "ended": ("hub.ended", "error"),
    "closed": ("hub.disconnected", "info"),
}


@dataclass(frozen=True, slots=True)
class SessionParts:
    """Everything that a session is made of; cli.py puts it together."""

    id: str
    host: str
    person: str
    """Who decides and answers here."""
    owner: str
    """This process, in the form that the store can tell alive from gone."""
    store: Store
    backend: Backend
    library: Library
    author: Author
    make_link: LinkMaker
    clock: Clock
    registry: SignalRegistry
    new_id: Callable[[], str]
    """A name that nothing else has, e.g. a UUID."""
    exports: Path
    """The folder in which exports without a path of their own are written."""
    secrets: Callable[[], Sequence[str]]
    """What must never stand in an export."""
    routines: Mapping[str, Routine] = field(default_factory=dict)
    """Plug-ins by name, beside the author."""
    generate: bool = True
    """False: tasks are kept and not worked on."""
    max_takeovers: int = MAX_TAKEOVERS
    """How often a job is taken over from workers that left it behind."""
    notices: Sequence[str] = ()
    """What is wrong with the user's files and was left out, a sentence each."""


class Session:
    """The facade that the console and the headless run share.

    Reads go through `store`; everything that changes something goes through a method here.
    """

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self.id = parts.id
        self.store = parts.store
        self.backend: BackendInfo = parts.backend.info
        self.library = parts.library
        self.bus = SignalBus(parts.id, parts.clock.now, self._log, parts.registry)
        self.inbox = Inbox(
            parts.store, self.bus, session_id=parts.id, person=parts.person, host=parts.host, new_id=parts.new_id,
            library=parts.library, on_change=lambda: self.worker.wake(),
        )  # fmt: skip
        self._link: Link | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._link_task: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self.broken: StoreBroken | None = None
        """Why the database cannot be used again in this run; intake and worker have stopped then."""
        self.on_broken: Callable[[], None] = lambda: None
        """Called once, when `broken` is known."""
        self.intake: Intake
        self.worker: Worker

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
        await self.store.start_session(self.id, Address(), parts.host)
        routines: Mapping[str, Routine] = {**parts.routines, AUTHOR: parts.author}
        self.worker = Worker(
            self.store, routines, self.bus, parts.clock, session_id=self.id, owner=parts.owner,
            max_takeovers=parts.max_takeovers, on_broken=self._store_broke,
        )  # fmt: skip
        self.store.watch(self._changed_elsewhere)
        self.store.watch_broken(self._store_broke)
        self.intake = Intake(
            self.store, self.bus, parts.clock, session_id=self.id, generate=parts.generate,
            on_message=on_message, on_queued=self.worker.wake_for_new, on_broken=self._store_broke,
        )  # fmt: skip
        self._tasks = [asyncio.create_task(self.intake.run()), asyncio.create_task(self.worker.run())]
        self.bus.emit("session.started", {"backend": self.backend.label, "host": parts.host})
        for notice in parts.notices:
            self.bus.emit("config.notice", {"notice": notice}, level="warning")

    async def connect(self, url: Address) -> None:
        """Subscribe to a hub (and leave the one before).

        Raises:
            UsageError: no hub can have this URL.
            StoreBroken: nothing that a hub sends could be kept any longer.
        """
        if self.broken is not None:
            raise self.broken
        link = self._parts.make_link(url, _Listener(self))
        await self._hang_up()
        self._link = link
        self._link_task = asyncio.create_task(link.run())

    async def stop_intake(self) -> None:
        """Leave the hub; what was read from it is committed before this returns."""
        self.intake.stop()
        await self._hang_up()
        await asyncio.wait({self._tasks[0]})

    async def drain(self) -> None:
        """Wait until the worker has done all that it can do without a person."""
        await self.worker.drained()

    async def close(self, *, finish_current: bool = True) -> None:
        """Leave the hub, let what is worked on run to its next stop or give it back, commit everything."""
        await self.stop_intake()
        if finish_current:
            self.worker.stop()
        else:
            self.worker.interrupt()
        await asyncio.wait(self._tasks)
        try:
            self.bus.emit("session.ended")
            await self.store.end_session(self.id)
        finally:
            try:
                await self.store.close()
            finally:
                await self._parts.backend.close()

    def interrupt(self) -> None:
        """Give back what is worked on instead of finishing it, and wait no longer for a database that is away.

        A running `close` then returns soon.
        """
        self.worker.interrupt()
        self.intake.give_up()

    def _store_broke(self, error: StoreBroken) -> None:
        """Take nothing more and work on nothing more: no later write would be kept."""
        if self.broken is None:
            self.broken = error
            self.interrupt()
            self._leaving = asyncio.create_task(self._hang_up())
            self.on_broken()

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        if self._link_task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._link_task
            self._link_task = None

    def _changed_elsewhere(self, has_work: bool) -> None:
        """Another process changed something: a job may wait, or ours may have been cancelled."""
        if has_work:
            self.worker.wake()
        self._looking = asyncio.create_task(self.worker.look_at_current())

    def _log(self, signals: Sequence[Signal]) -> None:
        self.store.log(signals, self.id)

    # --- what is going on

    def now(self) -> float:
        """Seconds since 1970, by this session's clock."""
        return self._parts.clock.now()

    @property
    def link_state(self) -> LinkState | None:
        """The hub link's state; None while no hub was chosen."""
        return self._link.state if self._link is not None else None

    @property
    def live_draft(self) -> LiveDraft | None:
        """What is being written now."""
        return self._parts.author.live

    def knows(self, routine: str) -> bool:
        """Whether a worker of this session can run a routine; the empty name is the built-in author's."""
        return is_built_in(routine) or routine in self._parts.routines

    @property
    def is_working(self) -> bool:
        """Whether a job is being worked on here: leaving waits for its next stop."""
        return self.worker.is_working

    @property
    def trouble(self) -> str:
        """Why the database cannot be written at this moment, as far as somebody tried; empty while it can."""
        return str(self.broken or "") or self.intake.trouble or self.worker.trouble

    @property
    def intake_paused(self) -> bool:
        """Whether the hub's messages are held back."""
        return self.intake.is_paused

    # --- what a person may do

    def retry_link(self) -> None:
        """Connect now instead of waiting."""
        if self._link is not None:
            self._link.retry_now()

    def pause_intake(self, paused: bool) -> None:
        """Stop or resume taking tasks from the hub; the hub's flow control holds them back meanwhile."""
        self.intake.pause(paused)
        self.bus.emit("intake.paused" if paused else "intake.resumed")

    async def decide(self, question_id: int, decision: Decision) -> None:
        """Decide a review; see `Inbox.decide`."""
        await self.inbox.decide(question_id, decision)

    async def answer(self, question_id: int, answer: Answer) -> None:
        """Answer a question; see `Inbox.answer`."""
        await self.inbox.answer(question_id, answer)

    async def retry(self, job: int) -> None:
        """Queue a failed job again; see `Inbox.retry`."""
        await self.inbox.retry(job)

    async def cancel(self, job: int) -> None:
        """End a job, and what this process does on it; see `Inbox.cancel`."""
        await self.inbox.cancel(job)
        self.worker.drop(job)

    async def restore(self, job: int) -> None:
        """Put a rejected or cancelled job back where it was; see `Inbox.restore`."""
        await self.inbox.restore(job)

    async def export(self, format: str, path: Path | None = None, session_id: str | None = None) -> Path:
        """Write a session's log (default: this one's); returns where. Raises UsageError, StoreError."""
        session_id = session_id or self.id
        path = path or self._parts.exports / f"{session_id}.{format}"
        await write_export(self.store, session_id, format, path, await asyncio.to_thread(self._parts.secrets))
        self.bus.emit("session.exported", {"path": str(path), "format": format})
        return path


class _Listener:
    """Hands what a link hears to its session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told: tuple[str, str, float | None] | None = None

    def message(self, arguments: Sequence[object]) -> None:
        self._session.intake.message(arguments)

    def state_changed(self, state: LinkState) -> None:
        news = (state.phase, state.reason, state.retry_at)
        if news == self._told:  # only the ping or the count of retries moved
            return
        self._told = news
        name, level = _LINK_SIGNALS.get(state.phase, ("hub.idle", "info"))
        payload: dict[str, object] = {"hub_url": str(state.url), "retries": state.retries}
        if state.reason:
            payload["reason"] = state.reason
        if state.retry_at is not None:
            payload["retry_in"] = round(max(0.0, state.retry_at - state.since), 1)
        self._session.bus.emit(name, payload, level=level)

    def unusable(self, problem: str) -> None:
        self._session.bus.emit("hub.message_rejected", {"error": problem}, level="error")


SessionFactory = Callable[[], Session]
"""Makes the session with its adapters; may take a while, since vendors are imported here and not before."""

__all__ = ("LinkMaker", "LiveDraft", "Session", "SessionFactory", "SessionParts")
