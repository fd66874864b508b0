"""A subscription to a hub: the link that is kept to it, and the intake that commits what it sends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreBroken
from evolver_tui.core.link_state import LinkPhase, LinkState
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import SignalContext, SignalType
from evolver_tui.core.signal_catalogue.hub_signals import (
    HUB_CONNECTED,
    HUB_CONNECTING,
    HUB_DISCONNECTED,
    HUB_ENDED,
    HUB_IDLE,
    HUB_MESSAGE_REJECTED,
    HUB_METHOD_UNHEARD,
    HUB_RETRY_SCHEDULED,
    INTAKE_PAUSED,
    INTAKE_RESUMED,
    IntakeHeld,
    LinkChanged,
)
from evolver_tui.engine.away import Away
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.intake import Intake, IntakeStore, MessageHook
from evolver_tui.engine.link import Link, LinkMaker
from evolver_tui.engine.signals import SignalBus

_SET_METHOD = "If that is where the tasks come, name it: method under [hub] in the config, hub_name for connect."
_MOST_UNHEARD = 20
"""Names of methods that are counted; further ones are passed over."""

_LINK_SIGNALS: Mapping[LinkPhase, SignalType[LinkChanged]] = {
    "idle": HUB_IDLE,
    "connecting": HUB_CONNECTING,
    "connected": HUB_CONNECTED,
    "waiting": HUB_RETRY_SCHEDULED,
    "ended": HUB_ENDED,
    "closed": HUB_DISCONNECTED,
}


class Subscription:
    """Takes tasks from one hub at a time, from `open` to `close`.

    Args:
        generate: False keeps tasks without letting anybody work on them.
        on_queued: called after tasks were committed that wait for a worker.
        on_broken: called when nothing more can be written to the database.
    """

    def __init__(
        self,
        store: IntakeStore,
        bus: SignalBus,
        clock: Clock,
        make_link: LinkMaker,
        *,
        session_id: str,
        generate: bool = True,
        on_queued: Callable[[], None] = lambda: None,
        on_broken: Callable[[StoreBroken], None] = lambda error: None,
        away: Away | None = None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._make_link = make_link
        self._session_id = session_id
        self._generate = generate
        self._on_queued = on_queued
        self._on_broken = on_broken
        self._away = away
        self._link: Link | None = None
        self._link_task: asyncio.Task[None] | None = None
        self._intake_task: asyncio.Task[None] | None = None
        self._emitted: tuple[str, str, float | None] | None = None
        self._unheard: dict[str, int] = {}
        self._subscribed = ""
        self._has_heard = False
        self.paused_by = ""
        """The rule that holds the hub's messages back; empty where a person does, or nobody."""
        self.intake: Intake

    def open(self, on_message: MessageHook = lambda message: None) -> None:
        """Be ready to take tasks; nothing is connected yet.

        Args:
            on_message: told of each hub message before its tasks are kept.
        """
        self.intake = Intake(
            self._store, self._bus, self._clock, session_id=self._session_id, generate=self._generate,
            on_message=on_message, on_queued=self._on_queued, on_broken=self._on_broken, away=self._away,
        )  # fmt: skip
        self._intake_task = asyncio.create_task(self.intake.run())

    async def connect(self, url: Address, *, takes_samples: bool = True) -> None:
        """Subscribe to a hub (and leave the one before). Raises UsageError for a URL that no hub can have.

        Args:
            takes_samples: see `LinkMaker`.
        """
        self._emitted = None
        self._unheard, self._has_heard = {}, False
        link = self._make_link(url, self, takes_samples=takes_samples)
        await self.hang_up()
        self._link = link
        self._link_task = asyncio.create_task(link.run())

    async def hang_up(self) -> None:
        """Leave the hub."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        if self._link_task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._link_task
            self._link_task = None

    async def close(self) -> None:
        """Leave the hub; what was read from it is committed before this returns."""
        self.intake.stop()
        await self.hang_up()
        if self._intake_task is not None:
            await asyncio.wait({self._intake_task})

    def give_up(self) -> None:
        """Wait no longer for a database that is away; a running `close` then returns soon."""
        self.intake.give_up()

    @property
    def link_state(self) -> LinkState | None:
        """The link's state; None while no hub was chosen."""
        return self._link.state if self._link is not None else None

    @property
    def is_paused(self) -> bool:
        """Whether the hub's messages are held back."""
        return self.intake.is_paused

    @property
    def has_heard(self) -> bool:
        """Whether the hub has called the method that is listened to."""
        return self._has_heard

    @property
    def unheard_calls(self) -> str:
        """What the hub calls that nobody here listens to, and how often, in a sentence; empty where there is none."""
        calls = dict(self._unheard)
        if not calls:
            return ""
        names = ", ".join(f"{name} ({count:,} {'time' if count == 1 else 'times'})" for name, count in calls.items())
        return f"The hub calls {names}; this session listens to {self._subscribed}. {_SET_METHOD}"

    def retry(self) -> None:
        """Connect now instead of waiting."""
        if self._link is not None:
            self._link.retry_now()

    def pause(self, paused: bool, rule: str = "") -> None:
        """Stop or resume taking tasks from the hub; the hub's flow control holds them back meanwhile.

        Args:
            rule: which one does so; empty for a person.
        """
        self.paused_by = rule if paused else ""
        self.intake.pause(paused)
        context: SignalContext = {"rule": rule} if rule else {}
        held: IntakeHeld = {"rule": rule} if rule else {}
        self._bus.emit(INTAKE_PAUSED(held) if paused else INTAKE_RESUMED(held), **context)

    # --- what a link tells

    def message(self, arguments: Sequence[object]) -> None:
        """Take one invocation. Called in the link's receive thread."""
        self._has_heard = True
        self.intake.message(arguments)

    def state_changed(self, state: LinkState) -> None:
        """Tell of it, unless only the ping or the count of retries moved."""
        change = (state.phase, state.reason, state.retry_at)
        if change == self._emitted:
            return
        self._emitted = change
        payload: LinkChanged = {"hub_url": str(state.url), "retries": state.retries}
        if state.reason:
            payload["reason"] = state.reason
        if state.transport:
            payload["transport"] = state.transport
        if state.retry_at is not None:
            payload["retry_in"] = round(max(0.0, state.retry_at - state.since), 1)
        self._bus.emit(_LINK_SIGNALS[state.phase](payload))

    def unheard(self, method: str, subscribed: str) -> None:
        """Count it, and tell of it the first time."""
        name = safe_text(method, 60)
        if name in self._unheard:
            self._unheard[name] += 1
        elif len(self._unheard) < _MOST_UNHEARD:
            self._unheard[name] = 1
            self._subscribed = safe_text(subscribed, 60)
            notice = f"The hub calls {name}; this session listens to {self._subscribed}. {_SET_METHOD}"
            self._bus.emit(HUB_METHOD_UNHEARD({"method": name, "calls": 1, "notice": notice}))

    def unusable(self, problem: str) -> None:
        """Tell of something that arrived and is no message for us."""
        self._bus.emit(HUB_MESSAGE_REJECTED({"error": problem}))
