"""One connection to a progress server by Socket.IO, over a WebSocket or by long polls: made, heard, and let go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from evolver_tui.core.address import Address, show_addresses
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.training.progress_client import AttemptFailed, Way
from evolver_tui.settings.proxies import proxy_for

if TYPE_CHECKING:
    import aiohttp
    import socketio

ATTEMPT_SECONDS: Final[Mapping[Way, float]] = {Way.WEBSOCKET: 5.0, Way.POLLING: 10.0}
"""Until a connection has to stand: a swallowed upgrade is waited for no longer."""
_CLOSE_SECONDS: Final = 1.0
_TAKEN_SECONDS: Final = 2.0
"""Until a server has said that it took a subscription."""
_LOG: Final = "evolver_tui.progress_client"

Hear = Callable[[str, Any], None]
"""Is given an event's name and its data, in the event loop."""


def is_installed() -> bool:
    """Whether the extra that it needs is there."""
    return find_spec("socketio") is not None and find_spec("aiohttp") is not None


def load() -> None:
    """Load the vendor, which takes a while. Called in a thread."""
    import aiohttp  # noqa: F401
    import socketio  # noqa: F401


def may_be_used(url: Address) -> bool:
    """Whether the way to this server is one that it can go: it knows no SOCKS."""
    proxy = proxy_for(url.for_connecting().strip())
    return proxy is None or not proxy.for_connecting().startswith("socks")


class SocketConnection:
    """A connection, until it is lost. The vendor's own way back is not used: it knows neither the ways nor a hang."""

    def __init__(self, way: Way, hear: Hear) -> None:
        self.way = way
        self.lost = asyncio.Event()
        self.reason = ""
        """Why it was lost, as a sentence."""
        self._hear = hear
        self._is_refused = asyncio.Event()
        self._http: aiohttp.ClientSession | None = None
        self._client: socketio.AsyncClient | None = None

    async def open(self, url: Address, token: str, seconds: float) -> None:
        """Connect. Raises AttemptFailed; then nothing is left open."""
        try:
            async with asyncio.timeout(seconds):
                await self._connect_or_be_refused(url, token)
        except TimeoutError:
            await self.close()
            raise AttemptFailed(f"By {self._name} it did not answer within {seconds:g} seconds.") from None
        except asyncio.CancelledError:
            await self.close()
            raise
        except AttemptFailed:
            await self.close()
            raise
        except Exception as error:  # noqa: BLE001 - whatever the vendor met, another way may do without
            await self.close()
            raise self._failure(error) from None

    async def _connect_or_be_refused(self, url: Address, token: str) -> None:
        """The vendor waits for long when a server says no."""
        connecting = asyncio.create_task(self._connect(url, token))
        refusing = asyncio.create_task(self._is_refused.wait())
        try:
            await asyncio.wait({connecting, refusing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            refusing.cancel()
            if not connecting.done():
                connecting.cancel()
            await asyncio.gather(connecting, refusing, return_exceptions=True)
        if self._is_refused.is_set():
            said = f": {self.reason.rstrip('.')}" if self.reason else ""
            raise AttemptFailed(f"The server refused the connection{said}.", is_away=True)
        connecting.result()

    async def _connect(self, url: Address, token: str) -> None:
        import aiohttp
        import socketio

        whole = url.for_connecting().strip().partition("#")[0]
        proxy = proxy_for(whole)
        self._http = aiohttp.ClientSession(
            proxy=proxy.for_connecting() if proxy is not None else None,
        )
        logger = _silent_logger()
        client = self._client = socketio.AsyncClient(
            reconnection=False, handle_sigint=False, logger=logger, engineio_logger=logger, http_session=self._http
        )
        client.on("*", self._heard)
        client.on("disconnect", self._lost)
        client.on("connect_error", self._refused)
        await client.connect(
            whole, headers={"Authorization": f"Bearer {token}"} if token else {},
            auth={"token": token} if token else None, transports=[self.way.value],
            wait_timeout=ATTEMPT_SECONDS[Way.POLLING],
        )  # fmt: skip

    def _heard(self, event: str, *data: Any) -> None:
        self._hear(event, data[0] if data else None)

    def _refused(self, *data: Any) -> None:
        if data and isinstance(data[0], Mapping):  # the server speaks, and says no: so it would by any way
            self.reason = safe_text(show_addresses(str(data[0].get("message", ""))), 200)
            self._is_refused.set()

    def _lost(self, *why: Any) -> None:
        self.reason = f"The connection by {self._name} was lost."
        self.lost.set()

    @property
    def _name(self) -> str:
        return "WebSocket" if self.way is Way.WEBSOCKET else "long polls"

    def _failure(self, error: BaseException) -> AttemptFailed:
        import aiohttp

        status = 0
        is_away = False
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, aiohttp.WSServerHandshakeError):
                status = cause.status
            elif isinstance(cause, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
                return AttemptFailed("Its certificate cannot be trusted.", is_away=True)
            elif isinstance(cause, aiohttp.ClientConnectorError):
                is_away = True
            cause = cause.__cause__ or cause.__context__
        is_away = is_away or "Cannot connect to host" in str(error)
        if is_away:
            return AttemptFailed("There is no connection to it.", is_away=True)
        if status:
            return AttemptFailed(f"It refused a WebSocket (it answered {status}).")
        said = safe_text(show_addresses(str(error)), 200) or type(error).__name__
        return AttemptFailed(f"By {self._name} it could not be reached: {said.rstrip('.')}.")

    async def subscribe(self, session_id: str) -> None:
        """Hear of a session. Waits until the server has taken that: what is fetched after it leaves no gap."""
        from socketio.exceptions import TimeoutError as NoAnswer

        if self._client is not None:
            try:
                await self._client.call("subscribe_session", {"sessionId": session_id}, timeout=_TAKEN_SECONDS)
            except NoAnswer:  # not every server says so
                pass
            except Exception:  # noqa: BLE001 - it is lost, or about to be
                self._lost()

    async def unsubscribe(self, session_id: str) -> None:
        """Hear of it no more."""
        await self._emit("unsubscribe_session", {"sessionId": session_id})

    async def ask_history(self, session_id: str, limit: int) -> None:
        """Have the latest of what was told of a session told again."""
        await self._emit("get_session_history", {"sessionId": session_id, "limit": limit})

    async def _emit(self, event: str, data: Mapping[str, Any]) -> None:
        if self._client is not None:
            try:
                await self._client.emit(event, data)
            except Exception:  # noqa: BLE001 - it is lost, or about to be
                self._lost()

    async def close(self) -> None:
        """Let go of it. Takes a second at most."""
        client, self._client = self._client, None
        http, self._http = self._http, None
        self.lost.set()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CLOSE_SECONDS):
                if client is not None and client.connected:
                    await client.disconnect()
        tasks = [client.eio.read_loop_task, client.eio.write_loop_task] if client is not None else []
        for task in tasks:
            if task is not None:
                task.cancel()
        if http is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await http.close()


def _silent_logger() -> logging.Logger:
    """The vendor's own writes to the terminal."""
    logger = logging.getLogger(_LOG)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
