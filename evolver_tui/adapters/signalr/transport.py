"""One connection to a hub, on signalrcore: its start, handshake and receive thread, with the wire made dependable.

signalrcore carries a connection from negotiation to messages, but it waits without limits, mistakes some refusals for
success, dies at a frame it does not expect and hides why. The subclasses here replace those parts through hooks that
are private to its version `SIGNALRCORE_VERSION`; a contract test holds that they are there.
"""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from signalrcore.helpers import Helpers
from signalrcore.hub.base_hub_connection import BaseHubConnection
from signalrcore.hub.negotiation import AvailableTransport, NegotiateResponse
from signalrcore.messages.ping_message import PingMessage
from signalrcore.protocol.json_hub_protocol import JsonHubProtocol
from signalrcore.transport.base_transport import TransportState
from signalrcore.transport.transport_factory import TRANSPORTS
from signalrcore.transport.websockets.websocket_client import WebSocketClient
from signalrcore.transport.websockets.websocket_transport import WebsocketTransport
from signalrcore.types import HttpTransportType, HubProtocolEncoding

from evolver_tui.adapters.signalr.http import (
    HubAddress,
    Negotiated,
    Negotiator,
    Secrets,
    check_token,
    explain,
    not_a_hub,
    quoted,
)
from evolver_tui.adapters.signalr.settings import LinkSettings
from evolver_tui.adapters.signalr.socket import HubSocket, Receiver
from evolver_tui.core.errors import EvolverError, LinkEnded, LinkError
from evolver_tui.core.safe_text import safe_text

SIGNALRCORE_VERSION = "1.0.2"

_RECORD_END = "\x1e"
_IGNORED_TYPES = frozenset({2, 3, 4, 5, 6, 8, 9})


def quiet_vendor_log() -> None:
    """Silence signalrcore's logger: it writes tokens and whole messages."""
    logger = Helpers.get_logger()
    logger.disabled = True
    logger.propagate = False


class HubConnection(BaseHubConnection):  # type: ignore[misc]
    """One attempt at one connection, and the owner of its socket; used once. `run` blocks, so give it a thread."""

    def __init__(
        self,
        settings: LinkSettings,
        address: HubAddress,
        token_factory: Callable[[], str] | None,
        secrets: Secrets,
        receiver: Receiver,
    ) -> None:
        quiet_vendor_log()
        # The token stays out of `headers` and `token`: signalrcore copies those into messages.
        super().__init__(
            url=address.websocket_url,
            headers={},
            protocol=JsonHubProtocol(version=1),
            preferred_transport=HttpTransportType.web_sockets,
            owner=self,
        )
        self.settings = settings
        self.receiver = receiver
        self.secrets = secrets
        self.is_aborted = False
        self._address = address
        self._token_factory = token_factory
        self._negotiated: Negotiated | None = None
        self._open_socket: socket.socket | None = None

    @property
    def negotiated(self) -> Negotiated:
        assert self._negotiated is not None
        return self._negotiated

    def run(self) -> None:
        """Negotiate, connect and shake hands; then the receive thread goes on. Never raises."""
        try:
            self.start()
        except EvolverError as error:
            self.end(error if isinstance(error, LinkError) else LinkEnded(error.message, error.way_out))
        except OSError as error:
            self.end(explain(error, self._negotiated.address if self._negotiated else self._address))
        except Exception as error:  # noqa: BLE001 - whatever the vendor makes of a strange answer is the hub's doing
            self.end(LinkEnded(f"The hub's answer cannot be understood ({type(error).__name__})."))

    def end(self, error: LinkError) -> None:
        if self.transport is not None:
            self.transport.connection_checker.stop()
        if self._open_socket is not None:
            self._open_socket.close()
        self.receiver.over(error)

    def abort(self) -> None:
        self.is_aborted = True
        if self.transport is not None:
            self.transport.connection_checker.stop()
        if self._open_socket is not None:
            # The base class's method: SSLSocket.shutdown would take the TLS state away under the receive thread.
            try:
                socket.socket.shutdown(self._open_socket, socket.SHUT_RDWR)
            except OSError:
                pass

    def socket_opened(self, opened: socket.socket) -> None:
        self._open_socket = opened
        if self.is_aborted:
            raise LinkError("The connection was cut here.")

    def _negotiate(self) -> NegotiateResponse:
        self._negotiated = Negotiator(
            self._address,
            self._token(),
            redirect_hosts=self.settings.redirect_hosts,
            timeout=self.settings.connect_timeout,
            opened=self.socket_opened,
            secrets=self.secrets,
        ).negotiate()
        self.url = self._negotiated.address.with_query(id=self._negotiated.connection_id).websocket_url
        web_sockets = AvailableTransport(HttpTransportType.web_sockets, [HubProtocolEncoding.text])
        return NegotiateResponse(0, self._negotiated.connection_id, "", self.url, [web_sockets])

    def _token(self) -> str:
        if self._token_factory is None:
            return ""
        try:
            token = self._token_factory()
        except EvolverError:
            raise
        except Exception as error:  # noqa: BLE001 - a token may come from any command or keyring
            raise LinkError(f"The hub's token could not be had ({type(error).__name__}).") from None
        self.secrets.add(token)
        return check_token(token)


class HubTransport(WebsocketTransport):  # type: ignore[misc]
    """Reads records. Invocations of the subscribed method take the shortest way to the receiver."""

    def __init__(self, owner: HubConnection, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._owner = owner
        self._receiver = owner.receiver
        self._method = owner.settings.method
        self._decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode
        self.connection_checker = KeepAlive(self._ping, owner.settings.ping_interval)

    def create_client(self) -> HubSocket:
        """The WebSocket that this transport reads."""
        return HubSocket(self._owner, url=self.url, on_message=self.on_message, on_open=self.on_socket_open)

    def on_message(self, _client: WebSocketClient, raw_message: str) -> None:
        """Take one message of the WebSocket: records that each end with a record separator."""
        if self._owner.is_aborted:
            raise LinkError("The connection was cut here.")
        records = raw_message.split(_RECORD_END)
        if records.pop():
            self._unusable("a record without an end")
        if not self.handshake_received and records:
            self._take_handshake(records.pop(0))
        for record in records:
            try:
                message = self._decode(record)
            except (ValueError, RecursionError):
                self._unusable(f"a record that is not JSON: {safe_text(record, 60)}")
                continue
            if type(message) is dict:
                self._take(message)
            else:
                self._unusable("a record that is not a JSON object")

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == 1:
            self._take_invocation(message)
        elif kind == 7:
            _raise_close(message)
        elif type(kind) is not int:
            self._unusable("a message without a type")
        elif kind not in _IGNORED_TYPES:
            self._unusable(f"a message of the unknown type {safe_text(kind, 20)}")

    def _take_invocation(self, message: dict[str, Any]) -> None:
        target, arguments = message.get("target"), message.get("arguments")
        if target == self._method or (isinstance(target, str) and target.lower() == self._method.lower()):
            if type(arguments) is list:
                try:
                    self._receiver.message(arguments)
                except Exception as error:  # noqa: BLE001 - what one message does to its reader must not end the link
                    self._unusable(f"a message that could not be taken ({type(error).__name__})")
            else:
                self._unusable(f"a call of {self._method} without arguments")
        invocation = message.get("invocationId")
        if isinstance(invocation, str):
            answer = {"type": 3, "invocationId": invocation, "error": "This client does not return results."}
            self._client.send(json.dumps(answer) + _RECORD_END)

    def _take_handshake(self, record: str) -> None:
        authority = self._owner.negotiated.address.authority
        try:
            answer = json.loads(record)
        except (ValueError, RecursionError):
            raise not_a_hub(authority, "its answer to the handshake is not JSON") from None
        if not isinstance(answer, dict) or "type" in answer:
            raise not_a_hub(authority, "it does not answer the handshake")
        if answer.get("error"):
            raise LinkEnded(f"The hub refuses the handshake: {quoted(answer['error'])}.")
        self.handshake_received = True
        self._set_state(TransportState.connected)
        self._receiver.opened()
        self.connection_checker.start()

    def send(self, message: object) -> None:
        """Send a message object of signalrcore's. Raises as `HubSocket.send` does."""
        self._client.send(self.protocol.encode(message))

    def _ping(self) -> None:
        self._client.send_ping()
        self.send(PingMessage())

    def _unusable(self, what: str) -> None:
        self._receiver.unusable(f"The hub sent {what}.")


TRANSPORTS[HttpTransportType.web_sockets] = HubTransport


class KeepAlive:
    """A thread that calls `ping` at once and then every `interval` seconds, until stopped or until it fails.

    A thread of its own: the receive thread may be held up by its reader for as long as that likes.
    """

    def __init__(self, ping: Callable[[], None], interval: float) -> None:
        self._ping = ping
        self._interval = interval
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="hub keep-alive", daemon=True).start()

    def stop(self) -> None:
        """End; returns at once."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._ping()
            except (LinkError, OSError):
                return  # the receive thread finds out by itself, after it has read what is left
            self._stopped.wait(self._interval)


def _raise_close(message: dict[str, Any]) -> NoReturn:
    error = message.get("error")
    text = f"The hub closed the connection: {quoted(error)}." if error else "The hub closed the connection."
    if message.get("allowReconnect") is True:
        raise LinkError(text)
    raise LinkEnded(text, "It asks its clients not to come back.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large")
    return value
