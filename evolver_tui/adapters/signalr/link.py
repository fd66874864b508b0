"""The supervised hub link: connects, notices when a connection is gone, waits, tries again, and says why."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from evolver_tui.adapters.signalr.http import HubAddress, Secrets
from evolver_tui.adapters.signalr.negotiation import WAYS
from evolver_tui.adapters.signalr.settings import LinkSettings
from evolver_tui.adapters.signalr.transport import HubConnection
from evolver_tui.core.errors import LinkEnded, LinkError, SampleTasks
from evolver_tui.core.link_state import LinkPhase, LinkState
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.link import LinkListener

__all__ = ["LinkSettings", "SignalRLink"]

_GOODBYE_SECONDS = 1.0
_CLOSE_SECONDS = 1.8

Outcome = TypeVar("Outcome")


class SignalRLink:
    """`ports.Link` for a SignalR hub.

    A fresh connection for each attempt. After a loss it waits 2, 4, 8, 16, 30, 30, ... seconds, and ends after ten
    retries in a row, or at once where another attempt would hear the same answer. `token_factory` is asked at every
    attempt, in a thread, and may block; what it returns appears in request headers and nowhere else.

    Raises:
        UsageError: `settings.url` is not a hub URL.
    """

    def __init__(
        self,
        settings: LinkSettings,
        listener: LinkListener,
        clock: Clock,
        token_factory: Callable[[], str] | None = None,
    ) -> None:
        self._settings = settings
        self._address = HubAddress.parse(settings.url)
        self._listener = listener
        self._clock = clock
        self._token_factory = token_factory
        self._secrets = Secrets()
        self._secrets.add(*settings.url.hidden)
        self._state = LinkState("idle", settings.url, clock.now())
        self._silent_ways: set[str] = set()
        self._way = self._detour = ""
        self._closing = asyncio.Event()
        self._retry_requested = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._restarted: asyncio.Task[None] | None = None

    @property
    def state(self) -> LinkState:
        return self._state

    async def run(self) -> None:
        if self._closing.is_set() or not self._stopped.is_set():
            return
        self._stopped.clear()
        self._retry_requested.clear()
        try:
            await self._supervise()
        except asyncio.CancelledError:
            self._publish("closed")
            raise
        finally:
            self._stopped.set()

    def retry_now(self) -> None:
        if self._state.phase == "waiting":
            self._retry_requested.set()
        elif self._state.phase == "ended" and not self._closing.is_set():
            self._publish("connecting")
            self._restarted = asyncio.get_running_loop().create_task(self._run_again())

    async def close(self) -> None:
        self._closing.set()
        try:
            await asyncio.wait_for(self._stopped.wait(), _CLOSE_SECONDS)
        except TimeoutError:
            pass
        if self._restarted is not None:
            self._restarted.cancel()
        self._publish("closed")

    async def _run_again(self) -> None:
        await self._stopped.wait()
        await self.run()

    async def _supervise(self) -> None:
        retries = 0
        while not self._closing.is_set():
            self._publish("connecting", retries=retries)
            error = await self._connection()
            if self._closing.is_set():
                return
            if self._state.phase == "connected":
                retries = self._state.retries
            reason = self._secrets.scrub(str(error))
            if isinstance(error, LinkEnded):
                self._publish("ended", retries=retries, reason=reason, is_sample=isinstance(error, SampleTasks))
                return
            if retries >= self._settings.most_retries:
                given_up = f"{reason} Gave up after {retries} retries."
                self._publish("ended", retries=retries, reason=given_up)
                return
            delay = self._settings.delays[min(retries, len(self._settings.delays) - 1)]
            retries += 1
            retry_at = self._clock.now() + delay
            self._publish("waiting", retries=retries, reason=reason, retry_at=retry_at)
            self._retry_requested.clear()
            await self._first(self._clock.sleep(delay), self._retry_requested.wait(), self._closing.wait())

    async def _connection(self) -> LinkError:
        """One connection from its start to its end; returns why it is over."""
        relay = _Relay(asyncio.get_running_loop(), self._listener, self._secrets, self._ping_returned)
        connection = HubConnection(
            self._settings, self._address, self._token_factory, self._secrets, relay, self._silent_ways
        )
        threading.Thread(target=connection.run, name="hub connect", daemon=True).start()
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                await self._first(asyncio.shield(relay.is_open), asyncio.shield(relay.is_over), self._closing.wait())
            if relay.is_open.done():
                self._way, self._detour = connection.way, self._secrets.scrub(connection.detour)
                self._publish("connected", retries=self._state.retries)
                relay.is_announced.set()
                await self._first(asyncio.shield(relay.is_over), self._closing.wait(), self._forget_retries())
            if self._closing.is_set():
                if relay.is_open.done():
                    await self._say_goodbye(connection)
                return LinkError("The connection was closed here.")
            return relay.is_over.result()
        except TimeoutError:
            return connection.too_late()
        finally:
            relay.is_detached = True
            relay.is_announced.set()
            connection.abort()

    async def _say_goodbye(self, connection: HubConnection) -> None:
        said = asyncio.get_running_loop().create_future()

        def say() -> None:
            connection.stop()
            _set_result(said, None)

        threading.Thread(target=say, name="hub goodbye", daemon=True).start()
        await asyncio.wait({said}, timeout=_GOODBYE_SECONDS)

    async def _forget_retries(self) -> None:
        await self._clock.sleep(self._settings.stable_after)
        self._publish("connected", ping_ms=self._state.ping_ms)
        await asyncio.Event().wait()

    async def _first(self, *waits: Awaitable[object]) -> None:
        """Wait until one of these is done; the others are cancelled."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _ping_returned(self, milliseconds: float) -> None:
        if self._state.phase == "connected":
            self._publish("connected", retries=self._state.retries, ping_ms=milliseconds)

    def _publish(
        self,
        phase: LinkPhase,
        *,
        retries: int = 0,
        reason: str = "",
        retry_at: float | None = None,
        ping_ms: float | None = None,
        is_sample: bool = False,
    ) -> None:
        before = self._state
        since = before.since if phase == before.phase else self._clock.now()
        is_connected = phase == "connected"
        self._state = replace(
            before,
            phase=phase,
            since=since,
            retries=retries,
            reason=self._detour if is_connected else reason,
            retry_at=retry_at,
            ping_ms=ping_ms,
            transport=WAYS.get(self._way, "") if is_connected else "",
            is_sample=is_sample,
        )
        if self._state != before:
            self._listener.state_changed(self._state)


class _Relay:
    """Brings what a connection's threads hear to where it belongs: messages straight on, the rest to the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: LinkListener,
        secrets: Secrets,
        ping_returned: Callable[[float], None],
    ) -> None:
        self.is_open: asyncio.Future[None] = loop.create_future()
        self.is_over: asyncio.Future[LinkError] = loop.create_future()
        self.is_announced = threading.Event()
        """Set when the listener knows that the connection is open, or that nobody waits for that any more."""
        self.is_detached = False
        """Set when the link has turned away from this connection."""
        self.message = listener.message
        self.unheard = listener.unheard
        self._loop = loop
        self._listener = listener
        self._secrets = secrets
        self._ping_returned = ping_returned

    def opened(self) -> None:
        # Holds the receive thread, so that a listener hears "connected" before the first message.
        if _set_result(self.is_open, None):
            self.is_announced.wait()

    def unusable(self, problem: str) -> None:
        if not self.is_detached:
            self._listener.unusable(self._secrets.scrub(problem))

    def pong(self, milliseconds: float) -> None:
        _call_soon(self._loop, lambda: None if self.is_detached else self._ping_returned(milliseconds))

    def over(self, error: LinkError) -> None:
        _set_result(self.is_over, error)


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> bool:
    """Have the loop call; False when it has ended and nobody is left to be told."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return False
    return True


def _set_result(future: asyncio.Future[Outcome], value: Outcome) -> bool:
    return _call_soon(future.get_loop(), lambda: None if future.done() else future.set_result(value))
