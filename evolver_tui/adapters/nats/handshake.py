"""One connection to NATS: how it is opened, and what is said where that fails."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from nats.aio.client import Client, RawCredentials
from nats.errors import Error, NoServersError

from evolver_tui.adapters.nats.settings import NatsSettings
from evolver_tui.core.address import Address, show_addresses
from evolver_tui.core.errors import BrokerError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.settings.library_logs import leave_out_of_log

_LARGEST_FILE: Final = 64 * 1024
_ENDLESS: Final = 2**31
_END_SECONDS: Final = 0.1
"""The vendor would wait without end for a server that hangs, and for what was to be encrypted and was not."""
_NO_EFFECT: Final = "returning true from eof_received"
"""What asyncio logs at each end of a connection with TLS that the vendor made."""
_SECURE: Final = ("tls", "wss")


class Connection(Client):
    """A connection of the vendor's that says at once when it is lost, and never comes back by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = asyncio.Event()
        self.error = ""
        """The last word on why."""
        self.refusal = ""
        """What this user may not do, as the server said last."""
        self.on_refusal: Callable[[], None] = lambda: None

    async def _process_op_err(self, e: Exception) -> None:
        # The vendor would first send what is pending, which with a server that hangs takes for ever.
        self.error = self.error or _words(e)
        self.lost.set()

    async def _process_pong(self) -> None:
        # The vendor's reading ends for good where whoever asked does not wait any longer.
        if self._pongs and self._pongs[0].done():
            self._pongs.pop(0)
            self._pings_outstanding = 0
        else:
            await super()._process_pong()

    def write(self, commands: Sequence[bytes]) -> None:
        """Send commands of the protocol, in order, as soon as the loop gets to it.

        The vendor's own `publish` does the same for one message, at three times the cost of many at once.
        """
        assert self._flush_queue is not None, "it was not connected"
        self._pending.extend(commands)
        self._pending_data_size += sum(map(len, commands))
        if self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    async def let_go(self) -> None:
        """Close it, whatever the server does."""
        self.lost.set()
        if self._flush_queue is None:
            return  # it never got so far
        self._pending = []
        self._pending_data_size = 0
        try:
            await asyncio.wait_for(self.close(), _END_SECONDS)
        except (OSError, Error, RuntimeError):  # what was to be closed is closed already
            pass
        finally:
            if self._transport is not None and self._transport:
                self._transport.close()  # type: ignore[no-untyped-call]

    @property
    def is_encrypted(self) -> bool:
        """Whether the server wanted TLS."""
        return bool(self._server_info.get("tls_required")) or self._current_scheme == "wss"

    @property
    def _current_scheme(self) -> str:
        return self._current_server.uri.scheme if self._current_server is not None else ""


class Refused(BrokerError):
    """No later try can help."""


async def connect(settings: NatsSettings, more_servers: Sequence[str] = ()) -> Connection:
    """Connect once, to any of the servers.

    Args:
        more_servers: others of the cluster, as an earlier connection heard.

    Raises:
        Refused: the settings do not fit, or the server refuses who asks.
        BrokerError: it cannot be reached.
    """
    leave_out_of_log("asyncio", _NO_EFFECT)
    connection = Connection()
    problem: Exception | None = None

    async def note(told: Exception) -> None:
        nonlocal problem
        problem = told
        if "permissions violation" in str(told).casefold():
            connection.refusal = _words(told)
            connection.on_refusal()

    async def closed() -> None:
        connection.error = connection.error or _words(connection.last_error)
        connection.lost.set()

    options = await asyncio.to_thread(_options, settings, lambda: connection.is_encrypted)
    timing = settings.timing
    try:
        connecting = asyncio.ensure_future(
            connection.connect(
                servers=[*(_without_user(server) for server in settings.servers), *more_servers],
                name=settings.name,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=timing.connect,  # type: ignore[arg-type]
                pending_size=_ENDLESS,
                error_cb=note,
                closed_cb=closed,
                **options,
            )
        )
        # The vendor may end by an error when it is called off, which nobody waits for any more.
        connecting.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait_for(connecting, timing.connect * 3)
        if any(_is_secure(server) for server in settings.servers) and not connection.is_encrypted:
            raise _not_encrypted()
    except BaseException as error:
        await connection.let_go()
        if isinstance(error, BrokerError) or not isinstance(error, Exception):
            raise
        cause = problem if isinstance(error, NoServersError) and problem is not None else error
        raise _problem(cause, settings) from None
    return connection


def _is_secure(server: Address) -> bool:
    return server.for_connecting().partition("://")[0] in _SECURE


def _not_encrypted() -> Refused:
    return Refused(
        "NATS does not speak TLS, and its address says that it does.", "Turn TLS on there, or write nats://."
    )


def _without_user(server: Address) -> str:
    parts = urlsplit(server.for_connecting())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _options(settings: NatsSettings, is_encrypted: Callable[[], bool]) -> dict[str, Any]:
    """Who asks, and what the server has to show. Blocks. Raises Refused."""
    options: dict[str, Any] = {}
    context = _tls(settings)
    if context is not None:
        options["tls"] = context

    def kept(secret: str) -> Callable[[], str]:
        """A secret that is never told in the open where TLS was wanted: the vendor itself would."""

        def tell() -> str:
            if any(_is_secure(server) for server in settings.servers) and not is_encrypted():
                raise _not_encrypted()
            return secret

        return tell

    if settings.credentials:
        return {**options, "user_credentials": RawCredentials(_read(settings.credentials, "nats_credentials"))}
    if settings.nkey:
        return {**options, "nkeys_seed_str": _read(settings.nkey, "nats_nkey")}
    user, password, token = settings.user, "", ""
    if user:
        password = settings.password()
    else:
        parts = urlsplit(settings.servers[0].for_connecting())
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if user and not parts.password:
            user, token = "", user
        token = token or ("" if user else settings.token())
    if user:
        return {**options, "user": user, "password": kept(password)}
    return {**options, "token": kept(token)} if token else options


def _read(path: str, what: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(_LARGEST_FILE)
        text = content.decode("ascii")
    except OSError as error:
        raise Refused(f"{what}: {path} cannot be read: {error.strerror}.", "Name the file, or mend it.") from None
    except ValueError:
        raise Refused(f"{what}: {path} is no such file.", "Name the file that NATS gave.") from None
    if not text.strip():
        raise Refused(f"{what}: {path} is no such file.", "Name the file that NATS gave.")
    return text


def _tls(settings: NatsSettings) -> ssl.SSLContext | None:
    files = (settings.ca, settings.certificate, settings.key)
    if not any(files) and not any(_is_secure(server) for server in settings.servers):
        return None
    try:
        context = ssl.create_default_context(cafile=_path(settings.ca))
        if settings.certificate:
            context.load_cert_chain(str(_path(settings.certificate)), _path(settings.key))
    except (OSError, ValueError) as error:
        named = ", ".join(filter(None, files))
        raise Refused(
            f"The certificates for NATS cannot be used ({named}): {_words(error)}.",
            "Mend nats_ca, nats_certificate and nats_key under [workflow].",
        ) from None
    return context


def _path(path: str) -> str | None:
    return str(Path(path).expanduser()) if path else None


def _problem(error: Exception, settings: NatsSettings) -> BrokerError:
    """What went wrong, as a person can read it."""
    at = ", ".join(safe_text(server.host, 200) for server in settings.servers)
    said = str(error).casefold()
    if isinstance(error, Error) and ("authorization" in said or "authentication" in said):
        return Refused(
            f"NATS at {at} refuses who asks.",
            "Check nats_user, nats_credentials or nats_nkey under [workflow], and NATS_PASSWORD or NATS_TOKEN.",
        )
    if isinstance(error, Error) and "ssl context" in said:
        return Refused(f"NATS at {at} wants TLS.", "Write its address as tls://…, or name nats_ca.")
    if isinstance(error, ssl.SSLError):
        return Refused(
            f"There is no TLS with NATS at {at}: {_words(error)}.", "Check nats_ca, nats_certificate, nats_key."
        )
    if isinstance(error, ImportError):
        return Refused(f"NATS at {at} cannot be spoken to: {_words(error)}.", "Install what is missing.")
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return BrokerError(f"NATS at {at} does not answer.")
    if isinstance(error, OSError | Error):
        return BrokerError(f"NATS at {at} cannot be reached: {_words(error)}.")
    return Refused(f"NATS at {at} cannot be used with these settings: {_words(error)}.", "Check them under [workflow].")


def _words(error: Exception | None) -> str:
    """What a library or a server said, short and safe."""
    if error is None:
        return ""
    said = ""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message
    elif isinstance(error, OSError):
        said = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or ""
    said = said or str(error) or type(error).__name__
    return safe_text(show_addresses(said.removeprefix("nats: ").strip("'. ")), 300)
