"""A replay in a session's place: the same desk shows it, and nothing is worked on, asked of a hub, or written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

from evolver_tui.core.address import Address
from evolver_tui.core.errors import NodeError, UsageError
from evolver_tui.core.link_state import LinkState
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.outage import Outage
from evolver_tui.engine.author.library import KeptCopy
from evolver_tui.engine.author.writer import LiveDraft
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.intake import MessageHook
from evolver_tui.engine.manual_runs import ManualRuns
from evolver_tui.engine.node_runs import LiveTerms, Trial
from evolver_tui.engine.replay.player import Player
from evolver_tui.engine.replay.replay_store import ReplayStore
from evolver_tui.engine.sandbox import BoxStanding
from evolver_tui.engine.signals import SignalBus, SignalRegistry

_ONLY_SHOWN = "This is a replay: it shows what happened."


class _Hub:
    """The hub's link as it stood."""

    has_heard = True
    unheard_calls = ""

    def __init__(self, player: Player) -> None:
        self._player = player

    @property
    def link_state(self) -> LinkState | None:
        return self._player.state.link

    @property
    def is_paused(self) -> bool:
        return self._player.state.is_intake_paused

    @property
    def paused_by(self) -> str:
        """The rule that did so; empty for a person."""
        return self._player.state.intake_paused_by


class _Workers:
    """Nobody works here; who did then knew every routine that was worked on."""

    is_working = False

    def knows(self, routine: str) -> bool:
        return True

    def freeze(self, frozen: bool) -> None:
        pass


class _Library:
    """What lies in a library now has nothing to do with what happened then."""

    def kept(self, node_id: str) -> Sequence[KeptCopy]:
        return ()


class _NoRuns:
    """Nothing is run in a replay."""

    async def try_out(self, trial: Trial) -> NodeRun:
        raise NodeError(_ONLY_SHOWN, "Nothing is run.")

    def live_terms(self, tools: Collection[str]) -> LiveTerms:
        return LiveTerms((), "", 0, 0, _ONLY_SHOWN)


class ReplaySession:
    """Has what a desk reads of a session, as it stood at the moment that the player shows."""

    broken = None
    author = None
    live_drafts: ClassVar[Mapping[int, LiveDraft]] = MappingProxyType({})
    asks_a_model = False
    gave_up_for = ""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.id = player.recording.session_id
        self.store = ReplayStore(player)
        self.bus = SignalBus(self.id, lambda: player.now, lambda signals: None, SignalRegistry())
        self.inbox = Inbox(self.store, self.bus, session_id=self.id, person="", host="", new_id=str)
        self.manual_runs = ManualRuns(_NoRuns(), self.bus, "", dry_seconds=0.0)
        self.hub = _Hub(player)
        self.workers = _Workers()
        self.library = _Library()
        player.deliver = self.bus.relay
        self._playing: asyncio.Task[None] | None = None

    # --- life

    async def open(self, on_message: MessageHook = lambda message: None) -> None:
        """Begin to play."""
        self._playing = asyncio.create_task(self.player.run())

    async def close(self, *, finish_current: bool = True) -> None:
        """Stop, and let go of the log."""
        if self._playing is not None:
            self._playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._playing
        await self.store.close()

    def interrupt(self) -> None:
        """Nothing is worked on."""

    async def interrupt_when_away(self) -> None:
        """There is no database that could be away."""

    def find_box(self) -> None:
        """The box is the one that was found then."""

    async def connect(self, url: Address, *, takes_samples: bool = True) -> NoReturn:
        """Refused. Raises UsageError."""
        raise UsageError(_ONLY_SHOWN, "No hub takes part.")

    # --- what was going on

    @property
    def box(self) -> BoxStanding | None:
        """How nodes were held."""
        return self.player.state.box

    @property
    def author_label(self) -> str:
        """Who wrote."""
        return self.player.state.author

    @property
    def outages(self) -> Sequence[Outage]:
        """What did not work."""
        return tuple(self.player.state.outages.values())

    @property
    def trouble(self) -> str:
        """Nothing is saved, so nothing can be in the way of it."""
        return ""

    def show_notices(self, show: Callable[[str, str], None]) -> None:
        """None comes: listeners do not hear a replay."""

    async def without_secrets(self, value: Any) -> Any:
        """The value: an export, which a replay is made of, has none."""
        return value

    def try_now(self) -> None:
        """Nothing is tried."""
