"""The WebSocket under a hub connection: signalrcore's client with limits, time-bounded waits and strict checks."""

from __future__ import annotations

import math
import select
import socket
import ssl
import struct
import threading
import time
from typing import Any, NoReturn, Protocol

from signalrcore.transport.websockets.websocket_client import WebSocketClient
from websockets import http11
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.uri import WebSocketURI

from evolver_tui.adapters.signalr.http import TransportBlocked, authorization, blocked, opening_refused, quoted
from evolver_tui.adapters.signalr.negotiation import WAYS, WEB_SOCKETS, Negotiated
from evolver_tui.adapters.signalr.network import Network
from evolver_tui.adapters.signalr.settings import LinkSettings
from evolver_tui.core.errors import LinkError

GOODBYE = '{"type":7}\x1e'

_READ_SIZE = 256 * 1024
_HEAD_LIMIT = 16 * 1024
_FEW_WORDS_SECONDS = 1.0
_GOODBYE_SECONDS = 0.5
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Receiver(Protocol):
    """Who is told what one connection hears. Every call comes from a thread of the connection."""

    def opened(self) -> None:
        """The handshake is done. May block."""

    def message(self, arguments: list[object]) -> None:
        """One invocation of the subscribed method. May block."""

    def unusable(self, problem: str) -> None:
        """Something arrived that cannot be used."""

    def unheard(self, method: str, subscribed: str) -> None:
        """The hub called another method than the subscribed one."""

    def pong(self, milliseconds: float) -> None:
        """The hub answered a ping."""

    def over(self, error: LinkError) -> None:
        """The connection is over, and why. Called once, last, also when it never came about."""


class SocketOwner(Protocol):
    """The connection that a WebSocket, or what stands in for one, belongs to."""

    settings: LinkSettings
    receiver: Receiver
    network: Network

    @property
    def negotiated(self) -> Negotiated:
        """What negotiation led to; there once the WebSocket is being opened."""

    def renewed_token(self) -> str:
        """The token after one was refused; the same where no other can be had. Raises LinkError."""

    def end(self, error: LinkError) -> None:
        """Tell the receiver why it is over."""

    def abort(self) -> None:
        """Cut the connection in whatever state it is; returns at once, callable from any thread."""


class HubSocket(WebSocketClient):  # type: ignore[misc]
    """The WebSocket: its own buffer instead of a system call for each header, limits, and time-bounded waits.

    The socket is non-blocking, so that reading and pinging from two threads never hold each other up under TLS.
    """

    def __init__(self, owner: SocketOwner, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._owner = owner
        self._silence_limit = owner.settings.server_timeout
        self._frame_limit = owner.settings.frame_limit
        self._buffer = bytearray()
        self._scratch = memoryview(bytearray(_READ_SIZE))
        self._fragments: list[bytes] = []
        self._gathered = 0
        self._sending = threading.Lock()
        self._touching = threading.Lock()
        self._ping_sent_at: float | None = None
        self.is_given_up = False

    # --- opening

    def create_socket(self) -> socket.socket:
        """A connected socket, known to the owner; it goes through the tunnel of a proxy where there is one."""
        try:
            return self._owner.network.open(self._owner.negotiated.address)
        except LinkError as error:
            # Many proxies make no tunnels, or some to port 443 alone, and still pass requests on.
            raise TransportBlocked(error.message, error.way_out) from None

    def connect(self) -> None:
        """Open the WebSocket and start the receive thread.

        Raises:
            TransportBlocked: the connection is not upgraded.
            LinkError: the hub is not ready, or said no.
            OSError: the network failed.
        """
        self.sock = self.create_socket()
        negotiated = self._owner.negotiated
        at = negotiated.address.with_query(id=negotiated.connection_id)
        handshake = ClientProtocol(WebSocketURI(at.is_secure, at.host, at.port, at.path, at.query))
        request = handshake.connect()
        request.headers.update({**authorization(negotiated.token), **self._owner.network.cookie(at)})
        try:
            self.sock.sendall(request.serialize())
            head = self._read_head()
        except ConnectionError:
            raise self._blocked("broke off the connection") from None
        self._check_upgrade(handshake, head)
        self.sock.setblocking(False)
        self.running = True
        self.recv_thread = threading.Thread(target=self.run, name="hub link", daemon=True)
        self.recv_thread.start()

    def _read_head(self) -> str:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            chunk = self.sock.recv(_HEAD_LIMIT)
            if not chunk:
                raise self._blocked("broke off the connection")
            self._buffer += chunk
            if len(self._buffer) > _HEAD_LIMIT:
                raise self._blocked("answered without end")
        head = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        return head

    def _check_upgrade(self, handshake: ClientProtocol, head: str) -> None:
        status_line, *lines = head.split("\r\n")
        words = status_line.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise self._blocked("did not answer in HTTP")
        status = int(words[1])
        if status != 101:
            negotiated = self._owner.negotiated
            raise opening_refused(
                WAYS[WEB_SOCKETS], status, self._few_words(), negotiated.address.authority, bool(negotiated.token)
            )
        fields = (line.partition(":") for line in lines)
        try:
            headers = Headers((name.strip(), value.strip()) for name, _, value in fields)
            handshake.process_response(http11.Response(status, "", headers))
        except InvalidHandshake:
            raise self._blocked("answered with no right handshake") from None

    def _few_words(self) -> str:
        """The beginning of a refusal's body, where it comes at once."""
        if not self._buffer:
            self.sock.settimeout(_FEW_WORDS_SECONDS)
            try:
                self._buffer += self.sock.recv(_HEAD_LIMIT)
            except OSError:
                pass
        return self._buffer[:_HEAD_LIMIT].decode("utf-8", "replace")

    def _blocked(self, answer: str) -> TransportBlocked:
        return blocked(WAYS[WEB_SOCKETS], self._owner.negotiated.address.authority, answer)

    # --- receiving

    def run(self) -> None:
        """The receive thread: shake hands, then take frames until it is over. Never raises."""
        try:
            self.on_open()
            while True:
                del self._buffer[: self._take_frames()]
                self._fill()
        except Exception as error:  # noqa: BLE001 - whatever the vendor makes of a strange message is the hub's doing
            reason = why_over(error)
        self.running = False
        if not self.is_given_up:
            self._owner.end(reason)

    def _fill(self) -> None:
        """Read what is there, waiting no longer than a hub may be silent."""
        while True:
            try:
                with self._touching:
                    count = self.sock.recv_into(self._scratch)
            except _WOULD_BLOCK:
                if not self._wait(select.POLLIN, self._silence_limit):
                    raise LinkError(f"The hub has been silent for {self._silence_limit:g} seconds.") from None
                continue
            if not count:
                raise LinkError("The hub broke off the connection.")
            self._buffer += self._scratch[:count]
            return

    def _wait(self, events: int, seconds: float) -> bool:
        poller = select.poll()
        try:
            poller.register(self.sock, events)
        except ValueError:
            raise ConnectionAbortedError("the socket was closed meanwhile") from None
        return bool(poller.poll(math.ceil(seconds * 1000)))

    def _take_frames(self) -> int:
        """Take every whole frame in the buffer; returns how many bytes those were."""
        buffer, taken = self._buffer, 0
        available = len(buffer)
        while available - taken >= 2:
            first, length = buffer[taken], buffer[taken + 1]
            start = taken + 2
            if length >= 126:
                if length > 127:
                    raise LinkError("The hub broke the WebSocket protocol: it masked a frame.")
                start += 2 if length == 126 else 8
                if available < start:
                    break
                length = int.from_bytes(buffer[taken + 2 : start])
            if length + self._gathered > self._frame_limit:
                self._refuse_size(length + self._gathered)
            if available - start < length:
                break
            taken = start + length
            if first == 0x81 and not self._fragments:
                self.on_message(self, text_of(buffer[start:taken]))
            else:
                self._take_frame(first, bytes(buffer[start:taken]))
        return taken

    def _take_frame(self, first: int, payload: bytes) -> None:
        """Take a frame that is not a whole text message."""
        is_final, opcode = bool(first & 0x80), first & 0x0F
        if first & 0x70:
            raise LinkError("The hub broke the WebSocket protocol: it uses an extension that nobody agreed on.")
        if opcode >= Opcode.CLOSE:
            if not is_final or len(payload) > 125:
                raise LinkError("The hub broke the WebSocket protocol: a control frame is too long.")
            self._take_control(opcode, payload)
            return
        if (opcode == 0) != bool(self._fragments):
            raise LinkError("The hub broke the WebSocket protocol: the parts of a message are mixed up.")
        self._fragments.append(payload)
        self._gathered += len(payload)
        if is_final:
            whole = b"".join(self._fragments)
            self._fragments, self._gathered = [], 0
            self.on_message(self, text_of(whole))

    def _take_control(self, opcode: int, payload: bytes) -> None:
        if opcode == Opcode.PING:
            self.send(payload, Opcode.PONG)
        elif opcode == Opcode.PONG:
            if self._ping_sent_at is not None:
                self._owner.receiver.pong((time.monotonic() - self._ping_sent_at) * 1000)
                self._ping_sent_at = None
        elif opcode == Opcode.CLOSE:
            self._farewell(payload[:2])
            code = int.from_bytes(payload[:2]) if len(payload) >= 2 else 1005
            said = payload[2:].decode("utf-8", "replace")
            raise LinkError(f"The hub closed the connection ({code}){f': {quoted(said)}' if said else ''}.")

    def _refuse_size(self, size: int) -> NoReturn:
        problem = f"The hub sent a message of {size:,} bytes; the limit is {self._frame_limit:,}."
        self._owner.receiver.unusable(problem)
        self._farewell(struct.pack(">H", 1009))
        raise LinkError(problem, "Raise the frame limit in the config if that is what the hub should send.")

    # --- sending

    def send(self, message: str | bytes, opcode: int = Opcode.TEXT) -> None:
        """Send one masked frame. Callable from any thread.

        Raises:
            LinkError: the hub took nothing in for as long as it may be silent.
            OSError: the connection is gone.
        """
        self._send(message, opcode, self._silence_limit)

    def send_ping(self) -> None:
        """Send a WebSocket ping, whose answer tells the round trip."""
        self._ping_sent_at = time.monotonic()
        self.send(b"evolver", Opcode.PING)

    def _send(self, message: str | bytes, opcode: int, patience: float) -> None:
        payload = message.encode("utf-8") if isinstance(message, str) else message
        unsent = memoryview(Frame(Opcode(opcode), payload).serialize(mask=True))
        if not self._sending.acquire(timeout=patience):
            raise LinkError("The hub takes nothing in.")
        try:
            deadline = time.monotonic() + patience
            while unsent:
                try:
                    with self._touching:
                        sent = self.sock.send(unsent)
                    unsent = unsent[sent:]
                except _WOULD_BLOCK:
                    left = deadline - time.monotonic()
                    if left <= 0 or not self._wait(select.POLLOUT, left):
                        raise LinkError("The hub takes nothing in.") from None
        finally:
            self._sending.release()

    # --- ending

    def close(self) -> None:
        """Say goodbye where the hub still takes it in; half a second at most."""
        if self.running:
            try:
                self._send(GOODBYE, Opcode.TEXT, _GOODBYE_SECONDS)
            except (LinkError, OSError):
                return
            self._farewell(struct.pack(">H", 1000))

    def dispose(self) -> None:
        """Cut the connection."""
        self._owner.abort()

    def _farewell(self, code: bytes) -> None:
        try:
            self._send(code, Opcode.CLOSE, _GOODBYE_SECONDS)
        except (LinkError, OSError):
            pass


def why_over(error: Exception) -> LinkError:
    """Why a connection is over, by what its receive thread met."""
    match error:
        case LinkError():
            return error
        case ssl.SSLError():
            return LinkError("The hub broke off the TLS connection.")
        case OSError():
            return LinkError(f"The connection broke ({error.strerror or type(error).__name__}).")
        case _:
            return LinkError(f"The hub's message cannot be understood ({type(error).__name__}).")


def text_of(payload: bytes | bytearray) -> str:
    # Bytes that are not UTF-8 become a record that is not JSON or a visible stand-in; the records beside them live on.
    return payload.decode("utf-8", "replace")
