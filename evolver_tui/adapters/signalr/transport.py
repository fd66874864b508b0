"""One connection to a hub, on signalrcore: its start, handshake and receive thread, with the wire made dependable.

signalrcore carries a connection from negotiation to messages, but it waits without limits, mistakes some refusals for
success, dies at a frame it does not expect and hides why. The subclasses here replace those parts through hooks that
are private to its version `SIGNALRCORE_VERSION`; a contract test holds that they are there.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any, NoReturn
from weakref import WeakSet

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
    Secrets,
    TransportBlocked,
    blocked,
    check_token,
    explain,
    not_a_hub,
    quoted,
)
from evolver_tui.adapters.signalr.negotiation import LONG_POLLING, SERVER_SENT_EVENTS, WAYS, Negotiated, Negotiator
from evolver_tui.adapters.signalr.network import Network, cut
from evolver_tui.adapters.signalr.requests import EventStream, LongPolling, RequestClient
from evolver_tui.adapters.signalr.settings import LinkSettings
from evolver_tui.adapters.signalr.socket import HubSocket, Receiver
from evolver_tui.core.errors import EvolverError, LinkEnded, LinkError, SampleTasks
from evolver_tui.core.json_text import Equivocal, finite_number, no_constant, unique_members
from evolver_tui.core.link_state import SAMPLE_TASKS
from evolver_tui.core.safe_text import safe_text

SIGNALRCORE_VERSION = "1.0.2"

_SHARE_OF_TIME = 3
"""A transport that is not the last one gets this part of the time for connecting."""

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
        silent_ways: set[str] | None = None,
    ) -> None:
        """
        Args:
            silent_ways: transports by which earlier attempts heard nothing; they are tried when no other is left.
        """
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
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._opening = threading.Lock()
        self._silent_ways = set() if silent_ways is None else silent_ways
        self._tried: list[str] = []
        self._blocked: list[TransportBlocked] = []
        self._is_opening = True
        self._is_trying = False
        """Whether a transport is being opened that may be given up for another one."""
        self._is_settled = threading.Event()
        self._problem: LinkError | None = None
        self.network = Network(settings.proxy_for, settings.connect_timeout, self._socket_opened, secrets)

    @property
    def negotiated(self) -> Negotiated:
        assert self._negotiated is not None
        return self._negotiated

    @property
    def way(self) -> str:
        """The transport that is in use or being opened, as `WAYS` has it; empty before."""
        return self._tried[-1] if self._tried else ""

    @property
    def detour(self) -> str:
        """Why a better transport than this one did not come about, in sentences; empty where the best one did."""
        return " ".join(str(error) for error in self._blocked[:1])

    def run(self) -> None:
        """Negotiate, connect and shake hands; then the receive thread goes on. Never raises."""
        try:
            while not self._start_by_some_way():
                self._cut_all()
            return
        except LinkError as problem:
            error = problem
        except EvolverError as problem:
            error = LinkEnded(problem.message, problem.way_out)
        except OSError as problem:
            error = explain(problem, self._negotiated.address if self._negotiated else self._address)
        except Exception as problem:  # noqa: BLE001 - whatever the vendor makes of a strange answer is the hub's doing
            error = LinkEnded(f"The hub's answer cannot be understood ({type(problem).__name__}).")
        self._is_trying = False
        self.end(self._with_detour(error))

    def _with_detour(self, error: LinkError) -> LinkError:
        """An error of the last way together with why the ones before did not come about."""
        before = [one for one in self._blocked if one is not error]
        if not before or isinstance(error, LinkEnded):
            return error
        messages = " ".join(one.message for one in [*before, error])
        return LinkError(messages, before[0].way_out or error.way_out)

    def _start_by_some_way(self) -> bool:
        """Negotiate and open the next way; False when it does not come about and another is left."""
        self._is_settled.clear()
        self.network.timeout = self.settings.connect_timeout
        self._problem = None
        try:
            self.start()
            if self._is_trying:
                self._await_handshake()
        except TransportBlocked as error:
            self._blocked.append(error)
        except TimeoutError:
            if not self._is_trying:
                raise
            self._blocked.append(self._silence())
        else:
            return True
        if not self._next_way():
            raise self._blocked[-1]
        return False

    def _await_handshake(self) -> None:
        """Raises TransportBlocked where the hub does not agree by this way, LinkEnded where it will by none."""
        is_settled = self._is_settled.wait(self.network.timeout)
        if not is_settled and self.transport is not None:
            self.transport.give_up()
            raise self._silence()
        if isinstance(self._problem, LinkEnded):
            raise self._problem
        if self._problem is not None:
            raise TransportBlocked(self._problem.message, self._problem.way_out)

    def _silence(self) -> TransportBlocked:
        self._note_silence()
        return self._was_silent()

    def _was_silent(self) -> TransportBlocked:
        return blocked(WAYS[self.way], self.negotiated.address.authority, "was silent")

    def too_late(self) -> LinkError:
        """What it means that the time for connecting is over."""
        if self.way:
            return self._with_detour(self._was_silent())
        seconds = f"{self.settings.connect_timeout:g}"
        return LinkError(f"The hub did not answer within {seconds} seconds.", "Check the URL and the hub.")

    def _next_way(self) -> str:
        """The best transport that the hub offers and that was not tried; those last that kept silent."""
        left = [way for way in self.negotiated.transports if way not in self._tried]
        return next((way for way in left if way not in self._silent_ways), left[0] if left else "")

    def _note_silence(self) -> None:
        """The way that was being opened is not the first choice next time. Once all were silent, all count again."""
        if self._tried and self._is_opening:
            self._silent_ways.add(self.way)
            if self._silent_ways.issuperset(self.negotiated.transports):
                self._silent_ways.clear()

    def handshake_done(self) -> None:
        """The hub agreed to speak SignalR."""
        self._is_opening = self._is_trying = False
        self._is_settled.set()

    def end(self, error: LinkError) -> None:
        if self._is_trying:
            self._problem = error
            self._is_settled.set()
            return
        self._is_opening = False
        if self.transport is not None:
            self.transport.connection_checker.stop()
        self._cut_all()
        with self._opening:
            for opened in self._sockets:
                opened.close()
        self.receiver.over(error)

    def abort(self) -> None:
        if not self.is_aborted:
            self._note_silence()
        self.is_aborted = True
        if self.transport is not None:
            self.transport.connection_checker.stop()
        self._cut_all()

    def _cut_all(self) -> None:
        with self._opening:
            for opened in self._sockets:
                cut(opened)

    def _socket_opened(self, opened: socket.socket) -> None:
        with self._opening:
            self._sockets.add(opened)
        if self.is_aborted:
            raise LinkError("The connection was cut here.")

    def _negotiate(self) -> NegotiateResponse:
        token = self._token()
        negotiator = Negotiator(
            self._address,
            token,
            redirect_hosts=self.settings.redirect_hosts,
            network=self.network,
            secrets=self.secrets,
        )
        self._negotiated = negotiator.negotiate()
        self._tried.append(self._next_way())
        self._is_trying = bool(self._next_way())
        if self._is_trying:
            self.network.timeout = self.settings.connect_timeout / _SHARE_OF_TIME
        self.url = self._negotiated.address.with_query(id=self._negotiated.connection_id).websocket_url
        web_sockets = AvailableTransport(HttpTransportType.web_sockets, [HubProtocolEncoding.text])
        return NegotiateResponse(0, self._negotiated.connection_id, "", self.url, [web_sockets])

    def renewed_token(self) -> str:
        return self.negotiated.token if self.negotiated.brought_token else self._token()

    def _token(self) -> str:
        if self._token_factory is None:
            return ""
        try:
            token = self._token_factory()
        except LinkError:
            raise
        except EvolverError as error:
            raise LinkEnded(error.message, error.way_out) from None
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
        self._decode = json.JSONDecoder(
            parse_constant=no_constant, parse_float=finite_number, object_pairs_hook=unique_members
        ).decode
        self.connection_checker = KeepAlive(self._ping, owner.settings.ping_interval)

    def create_client(self) -> HubSocket | RequestClient:
        """The WebSocket that this transport reads, or what stands in for it."""
        if self._owner.way == SERVER_SENT_EVENTS:
            return EventStream(self._owner, self.on_message, self.on_socket_open)
        if self._owner.way == LONG_POLLING:
            return LongPolling(self._owner, self.on_message, self.on_socket_open)
        return HubSocket(self._owner, url=self.url, on_message=self.on_message, on_open=self.on_socket_open)

    def on_message(self, _client: WebSocketClient | RequestClient, raw_message: str) -> None:
        """Take one message: records that each end with a record separator."""
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
            except (ValueError, RecursionError) as error:
                self._unusable(f"a record {_fault(error)}: {safe_text(record, 60)}")
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
        elif isinstance(target, str):
            self._receiver.unheard(target, self._method)
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
        if answer.get(SAMPLE_TASKS) is True and not self._owner.settings.takes_samples:
            raise SampleTasks(f"{authority} is a sample hub: its tasks are made up.")
        self.handshake_received = True
        self._owner.handshake_done()
        self._set_state(TransportState.connected)
        self._receiver.opened()
        self.connection_checker.start()

    def give_up(self) -> None:
        """Whatever becomes of the client is of no interest any more."""
        self.connection_checker.stop()
        self._client.is_given_up = True

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


def _fault(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "that is nested too deeply to be read"
    if isinstance(error, Equivocal):
        return f"that {error}"
    return "that is not JSON" if isinstance(error, json.JSONDecodeError) else "with a number that cannot be read"
