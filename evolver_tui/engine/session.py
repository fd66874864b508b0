"""One run of the product, with or without a screen: the database, and the parts that work on it in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolver_tui.core.address import Address
from evolver_tui.core.budget import Limits
from evolver_tui.core.errors import DATABASE, StoreBroken, StoreError
from evolver_tui.core.node import CheckReport
from evolver_tui.core.outage import Outage
from evolver_tui.core.session_figures import SessionFigures
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.core.signal_catalogue.conversation_signals import SessionSummary
from evolver_tui.core.signal_catalogue.session_signals import (
    CONFIG_NOTICE,
    LOG_ERROR,
    SANDBOX_STANDING,
    SANDBOX_UNHELD,
    SESSION_ENDED,
    SESSION_EXPORTED,
    SESSION_STARTED,
    BoxFound,
)
from evolver_tui.engine.answer_rules import AnswerRules
from evolver_tui.engine.approved_code import ApprovedNodes
from evolver_tui.engine.author.author import Author
from evolver_tui.engine.author.backend import Backend
from evolver_tui.engine.author.writer import LiveDraft
from evolver_tui.engine.away import Away
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.conversation import Conversation, ConversationLimits
from evolver_tui.engine.duplicates import AlikePrograms
from evolver_tui.engine.durable.budget import Budget
from evolver_tui.engine.durable.workers import AnyWorker, Workers
from evolver_tui.engine.estimates import Estimates
from evolver_tui.engine.export import write_export
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.intake import MessageHook
from evolver_tui.engine.library_keeper import LibraryKeeper, WholeLibrary
from evolver_tui.engine.link import LinkMaker
from evolver_tui.engine.listeners import ListenerMaker, Listeners
from evolver_tui.engine.manual_runs import ManualRuns
from evolver_tui.engine.node_runs import NodeRuns
from evolver_tui.engine.node_trials import NodeTrials
from evolver_tui.engine.past_sessions import PastSessions, Processes, delete_session
from evolver_tui.engine.rule_actions import RuleActions
from evolver_tui.engine.rules import RuleFile, Rules
from evolver_tui.engine.sandbox import BoxStanding, Sandbox
from evolver_tui.engine.signal_log import SessionRecord
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.store import Store
from evolver_tui.engine.subscription import Subscription
from evolver_tui.engine.undo import Withdrawals
from evolver_tui.settings.secrets import scrub_value

SECONDS_FOR_THE_DATABASE = 3.0
"""How long a session that was asked to end waits for a database that is away."""
_LOOK_SECONDS = 0.2
_MOST_UNSHOWN = 10

WorkerMaker = Callable[["Session"], Sequence[AnyWorker]]
"""Makes the workers of a session; it has everything else then."""


@dataclass(frozen=True, slots=True)
class SessionParts:
    """Everything that a session is made of; `wiring` puts it together."""

    id: str
    host: str
    process: str
    """Who this process is, as a `WorkerIdentity`, so that its end can be proven."""
    processes: Processes
    """What is known here of such."""
    person: str
    """Who decides and answers here."""
    store: Store
    backend: Backend | None
    """What the author asks; None where it does not work here."""
    library: WholeLibrary
    author: Author | None
    sandbox: Sandbox
    """What holds every node that is run here."""
    runs: NodeRuns
    """What runs drafts."""
    try_seconds: float
    """How long a draft may take for one input whose tools answer dry."""
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
    rule_file: RuleFile | None = None
    """Where the rules stand; None for none."""
    make_listeners: ListenerMaker = lambda host: ()
    draft_tools: Collection[str] = ()
    """The names that a draft may pass to call_tool."""
    attach_installed: Callable[[SignalRegistry], Sequence[str]] = lambda registry: ()
    """Lets listeners of others register themselves; tells what went wrong, a sentence each."""
    limits: ConversationLimits = ConversationLimits()
    """When it is told that agent or person takes long."""
    generate: bool = True
    """False: tasks are kept and not worked on."""
    is_recorded: bool = True
    """Whether it begins and ends in the database: a process that works for another one's session only adds to it."""
    spending_limits: Limits = Limits()
    """What the author may spend."""
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
        self.sandbox = parts.sandbox
        self.runs = parts.runs
        self.clock = parts.clock
        self.bus = SignalBus(parts.id, parts.clock.now, self._log, parts.registry)
        self._show_notice: Callable[[str, str], None] | None = None
        self._unshown: deque[tuple[str, str]] = deque(maxlen=_MOST_UNSHOWN)
        """Notices that came before anybody shows them."""
        self.listeners = Listeners(parts.registry, parts.make_listeners(self))
        self.conversation = Conversation(self.bus, parts.clock, parts.id, parts.limits)
        self.broken: StoreBroken | None = None
        """Why the database cannot be used again in this run; intake and workers have stopped then."""
        self.gave_up_for = ""
        """Why it did not wait any longer for a database that is away; empty while it waits, or need not."""
        self.on_broken: Callable[[], None] = lambda: None
        """Called once, when `broken` is known."""
        self.away = Away(parts.clock, self.bus if parts.is_recorded else None)
        """How the database stands, for all that write to it."""
        self.budget = Budget(
            parts.spending_limits, parts.store, self.bus, parts.clock, session_id=parts.id,
            on_resume=lambda: self.workers.wake(),
        )  # fmt: skip
        """What the author may still spend."""
        self.workers = Workers(parts.make_workers(self))
        self.hub = Subscription(
            parts.store, self.bus, parts.clock, parts.make_link, session_id=parts.id, generate=parts.generate,
            on_queued=self.workers.wake_for_new, on_broken=self.store_broke, away=self.away,
        )  # fmt: skip
        self.inbox = Inbox(
            parts.store, self.bus, session_id=parts.id, person=parts.person, host=parts.host, new_id=parts.new_id,
            library=parts.library, on_change=self._on_own_change, on_cancel=self.workers.drop,
        )  # fmt: skip
        self.answer_rules = AnswerRules(
            parts.store, self.inbox, self.bus, parts.clock.now, session_id=parts.id, person=parts.person
        )
        """The answers that persons had remembered."""
        actions = RuleActions(
            self.bus, hub=self.hub, inbox=self.inbox, remembered=self.answer_rules, jobs=parts.store,
            library=parts.library, send=self.listeners.send,
        )  # fmt: skip
        self.rules = Rules(
            parts.rule_file, self.bus, parts.clock, session_id=parts.id, actions=actions,
            remembered=self.answer_rules if parts.is_recorded else None,
        )  # fmt: skip
        if parts.author is not None:
            parts.author.needs_person = self.rules.needs_review
        self.past = PastSessions(parts.store, parts.processes, parts.clock.now, self._counted)
        """The sessions of this database, this one among them."""
        self.estimates = Estimates(parts.store)
        """What past decisions let one expect of a draft."""
        self.withdrawals = Withdrawals(parts.store, parts.library if parts.is_recorded else None, self.bus)
        """What is left to do in the library for approvals that were taken back."""
        self.approved_nodes = ApprovedNodes(parts.library, parts.clock.now)
        """What a draft is held against while it is read."""
        self.duplicates = AlikePrograms(parts.library, parts.store)
        """What a draft is the same as, or nearly."""
        if parts.author is not None:
            parts.author.find_like = self.duplicates.of
        self.nodes = LibraryKeeper(parts.library, self.bus, parts.person)
        """What a person may do with approved nodes."""
        self.node_trials = NodeTrials(parts.library, parts.runs, self.bus, parts.person, dry_seconds=parts.try_seconds)
        self.manual_runs = ManualRuns(parts.runs, self.bus, parts.person, dry_seconds=parts.try_seconds)
        self.box: BoxStanding | None = None
        """How nodes are held here; None until that is found."""
        self._finding_box: asyncio.Task[BoxStanding] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._logging: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    # --- life

    async def open(self, on_message: MessageHook = lambda message: None) -> None:
        """Open the store and begin to work on what waits; nothing is connected yet.

        Args:
            on_message: told of each hub message before its tasks are kept.

        Raises:
            StoreError: the database cannot be used; nothing is left open.
        """
        parts = self._parts
        await self.store.open()
        self.store.watch(self._on_foreign_change)
        self.store.watch_broken(self.store_broke)
        self.store.watch_log(self._on_log_problem)
        if parts.is_recorded:
            try:
                await self.store.start_session(self.id, Address(), parts.host)
            except BaseException:
                with contextlib.suppress(StoreError):
                    await self.store.close()
                raise
        self.bus.attach()
        self.listeners.open()
        notices = await asyncio.to_thread(parts.attach_installed, self.bus.registry)
        if parts.is_recorded:  # else the session that it works for hears all this itself
            self.conversation.open()
        self.hub.open(on_message)
        await self.rules.open()
        self.workers.open()
        if parts.is_recorded:
            backend = parts.backend.info.label if parts.backend is not None else "none"
            self.bus.emit(SESSION_STARTED({"backend": backend, "host": parts.host}), process=parts.process)
        for notice in (*parts.notices, *notices):
            self.bus.emit(CONFIG_NOTICE({"notice": notice}))
        self.rules.tell()
        self.withdrawals.may_be_stale()
        self.sandbox.watch(self._on_box)
        if parts.author is not None:
            self.find_box()

    async def check(self, code: str) -> CheckReport:
        """What the checks say of a draft's code; a large one takes them seconds, in a thread."""
        return await asyncio.to_thread(check_draft, code, self._parts.draft_tools)

    def find_box(self) -> None:
        """Have it found out how nodes are held here, beside everything else; `box` and a signal say it then."""
        if self._finding_box is None:
            self._finding_box = asyncio.create_task(self.sandbox.standing())

    async def end(self) -> None:
        """`close`. Raises StoreError, with what broke the database rather than with what followed from that."""
        try:
            await self.close()
        except StoreError as error:
            raise self.broken or error from None

    async def close(self, *, finish_current: bool = True) -> None:
        """Leave the hub, let what is worked on run to its next stop or give it back, commit everything."""
        self.away.end_soon()
        await self.hub.close()
        if finish_current:
            self.workers.stop()
        else:
            self.workers.interrupt()
        await self.workers.close()
        await self.rules.close()
        await self.estimates.close()
        await self.withdrawals.close()
        if self._logging is not None:
            self._logging.cancel()
        if self._finding_box is not None:
            self._finding_box.cancel()
            await asyncio.wait([self._finding_box])
        self.away.close()
        self.budget.close()
        self.conversation.close()
        try:
            if self._parts.is_recorded:
                self.summarize()
                self.bus.emit(SESSION_ENDED({}))
                await self.store.end_session(self.id)
        finally:
            try:
                await self.listeners.close()
            finally:
                self.bus.detach()
            try:
                await self.store.close()
            finally:
                if self._parts.backend is not None:
                    await self._parts.backend.close()

    def interrupt(self) -> None:
        """Give back what is worked on instead of finishing it; a running `close` then returns soon.

        What was received is still committed: `interrupt_when_away` bounds how long that may take.
        """
        self.workers.interrupt()

    async def interrupt_when_away(self) -> None:
        """Wait until the database could not be written for seconds; then leave what it does not take."""
        waited = 0.0
        while waited < SECONDS_FOR_THE_DATABASE:
            await asyncio.sleep(_LOOK_SECONDS)
            waited = waited + _LOOK_SECONDS if self.trouble else 0.0
        self.gave_up_for = self.trouble
        self._give_up()

    def _give_up(self) -> None:
        self.interrupt()
        self.hub.give_up()

    def store_broke(self, error: StoreBroken) -> None:
        """Take nothing more and work on nothing more: no later write would be kept."""
        if self.broken is None:
            self.broken = error
            self._give_up()
            self._leaving = asyncio.create_task(self.hub.hang_up())
            self.on_broken()

    def _on_foreign_change(self, has_work: bool) -> None:
        """Another process changed something, or may have: a job may wait, or ours may have been cancelled."""
        if has_work:
            self.workers.wake()
        self._looking = asyncio.create_task(self.workers.drop_cancelled(self.store))
        self.estimates.may_be_stale()
        self.withdrawals.may_be_stale()

    def _on_own_change(self) -> None:
        """A person changed something here, which the database took."""
        self.away.try_now()
        self.workers.wake()
        self.estimates.decisions_changed()

    def _on_log_problem(self, problem: StoreError) -> None:
        """Signals are lost, or cannot be written: then try again with all others that write."""
        self.bus.emit(LOG_ERROR({"error": str(problem)}))
        if self.store.log_trouble and (self._logging is None or self._logging.done()):
            self.away.failed(self.store, problem)
            self._logging = asyncio.create_task(self._write_log())

    async def _write_log(self) -> None:
        while self.store.log_trouble and self.broken is None:
            await self.away.wait()
            try:
                await self.store.flush_log()
            except StoreError as error:
                self.away.failed(self.store, error)
        self.away.settled(self.store)

    def _on_box(self, standing: BoxStanding) -> None:
        self.box = standing
        if standing.runs_unheld:
            self.bus.emit(SANDBOX_UNHELD({"by": self._parts.person}))
            return
        found: BoxFound = {"tier": standing.tier}
        if standing.reason:
            found |= {"reason": standing.reason}
        if standing.way_out:
            found |= {"way_out": standing.way_out}
        self.bus.emit(SANDBOX_STANDING(found, level="warning" if standing.tier == "none" else None))

    def _log(self, signals: Sequence[Signal]) -> None:
        self.store.log(signals, self.id)

    def tell(self, observation: Observation) -> None:
        """Emit a signal that a listener of this session makes. Any thread may do that."""
        self.bus.emit(observation)

    def notice(self, how: str, text: str) -> None:
        """Have whoever shows this session bring a line to a person's notice. Any thread may do that."""
        self._unshown.append((how, text))
        self._show_unshown()

    def show_notices(self, show: Callable[[str, str], None]) -> None:
        """Show what listeners bring to a person's notice, from here on and so far.

        Args:
            show: called in any thread, as `ListenerHost.notice`.
        """
        self._show_notice = show
        self._show_unshown()

    def _show_unshown(self) -> None:
        with contextlib.suppress(IndexError):  # another thread was quicker
            while self._show_notice is not None and self._unshown:
                self._show_notice(*self._unshown.popleft())

    # --- what is going on

    @property
    def author_label(self) -> str:
        """Who writes here, as shown beside everything that it wrote."""
        if self._parts.backend is None:
            return "no author here"
        info = self._parts.backend.info
        return "offline author" if info.is_offline else info.label

    @property
    def asks_a_model(self) -> bool:
        """Whether what is written here is asked of a language model."""
        return self._parts.backend is not None and not self._parts.backend.info.is_offline

    @property
    def live_drafts(self) -> Mapping[int, LiveDraft]:
        """Job to what is being written for it now, what was begun first before all."""
        return self.author.live if self.author is not None else {}

    @property
    def trouble(self) -> str:
        """Why the database cannot be written at this moment, as far as somebody tried; empty while it can."""
        away = (outage.error for outage in self.outages if outage.shared == DATABASE)
        return str(self.broken or "") or next(away, "")

    @property
    def outages(self) -> Sequence[Outage]:
        """What is shared and does not work here, as a model that refuses its key; what needs it waits.

        The database comes first, else what was met first.
        """
        if self.broken is not None:
            return ()
        away = () if self.away.outage is None else (self.away.outage,)
        spent = () if self.budget.outage is None else (self.budget.outage,)
        found = {outage.shared: outage for outage in (*reversed(self.workers.outages), *spent, *away)}
        return sorted(found.values(), key=lambda outage: (outage.shared != DATABASE, outage.since))

    async def allow_more(self) -> None:
        """Let the author go on over the bounds that are used up. Raises StoreError."""
        await self.budget.allow(self._parts.person)

    def try_now(self) -> None:
        """Try at once what does not work."""
        self.away.try_now()
        self.workers.try_now()

    def stop_generation(self, job: int) -> bool:
        """Stop the model while it writes for a job, which fails by that and can be retried; False if it does not."""
        is_accepted = self.author is not None and self.author.stop(job, self._parts.person)
        self.conversation.interrupt(job, self._parts.person, is_accepted=is_accepted)
        return is_accepted

    def summarize(self) -> SessionSummary:
        """Tell, and return, what this session came to so far."""
        return self.conversation.summarize()

    async def connect(self, url: Address, *, takes_samples: bool = True) -> None:
        """Subscribe to a hub (and leave the one before).

        Args:
            takes_samples: see `LinkMaker`.

        Raises:
            UsageError: no hub can have this URL.
            StoreBroken: nothing that a hub sends could be kept any longer.
        """
        if self.broken is not None:
            raise self.broken
        await self.hub.connect(url, takes_samples=takes_samples)

    async def export(
        self, format: str, path: Path | None = None, session_id: str | None = None, *, way_out: str = ""
    ) -> Path:
        """Write a session's log (default: this one's); returns where. Raises UsageError, StoreError.

        Args:
            way_out: see `write_export`.
        """
        session_id = session_id or self.id
        path = path or self._parts.exports / f"{session_id}.{format}"
        secrets = await asyncio.to_thread(self._parts.secrets)
        await write_export(self.store, session_id, format, path, secrets, way_out)
        self.bus.emit(SESSION_EXPORTED({"path": str(path), "format": format}))
        return path

    def _counted(self, session_id: str) -> SessionFigures | None:
        return self.conversation.figures if session_id == self.id else None

    async def delete_past(self, record: SessionRecord, *, may_live: bool = False) -> int:
        """Delete a session that is over; returns how many signals it had. Raises SessionLives, StoreError.

        Args:
            may_live: see `PastSessions.check_deletable`.
        """
        await self.past.check_deletable(record, may_live=may_live)
        return await delete_session(self.store, record, self.bus, self._parts.person)

    async def without_secrets(self, value: Any) -> Any:
        """A JSON value as an export has it. Raises RecursionError for one without an end."""
        secrets = await asyncio.to_thread(self._parts.secrets)
        return await asyncio.to_thread(scrub_value, value, secrets)
