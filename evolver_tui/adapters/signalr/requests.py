"""What stands in for a WebSocket where none is to be had: Server-Sent Events and long polling, and requests to send by.

Both are what `HubTransport` reads a WebSocket by, with the same limits and waits. Over HTTP the records come in pieces
that may be cut anywhere.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import ClassVar

from evolver_tui.adapters.signalr.http import AFFINITY, authorization, blocked, explain, failure, opening_refused
from evolver_tui.adapters.signalr.negotiation import LONG_POLLING, SERVER_SENT_EVENTS, WAYS
from evolver_tui.adapters.signalr.network import Channel
from evolver_tui.adapters.signalr.socket import GOODBYE, SocketOwner, text_of, why_over
from evolver_tui.core.errors import LinkError

_RECORD_END = b"\x1e"
_READ_SIZE = 256 * 1024
_ANSWER_LIMIT = 64 * 1024
_HELD_LIMIT = 1024 * 1024
"""Bytes that are held for a reader that is busy, before no more is asked for: about what a socket's buffers hold."""
_GOODBYE_SECONDS = 0.5
_POLL_SECONDS = 100.0
"""A poll may wait so long: ASP.NET answers after 90 s, and sends no pings meanwhile."""
_CUT_SHORT = (408, 504, 524)
"""What proxies answer to a poll that waits for longer than they like; the hub still knows the connection."""
_LONG_SECONDS = 1.0
"""A poll that was cut short earlier did not wait."""


class RequestClient:
    """The part that both ways share: what is sent goes by POST, what comes is put together to whole records."""

    way: ClassVar[str]

    def __init__(
        self, owner: SocketOwner, on_message: Callable[[RequestClient, str], None], on_open: Callable[[], None]
    ) -> None:
        self._owner = owner
        self._on_message = on_message
        self._on_open = on_open
        negotiated = owner.negotiated
        self._address = negotiated.address.with_query(id=negotiated.connection_id)
        self._token = negotiated.token
        self._frame_limit = owner.settings.frame_limit
        self._silence_limit = self._patience = owner.settings.server_timeout
        self._sender = Channel(owner.network, self._address, has_negotiated=True)
        self._receiver = Channel(owner.network, self._address, has_negotiated=True)
        self._sending = threading.Lock()
        self._renewing = threading.Lock()
        self._tail = bytearray()
        self._failure: LinkError | None = None
        self.running = self.is_given_up = False

    def connect(self) -> None:
        """Open the way and start the receive thread.

        Raises:
            TransportBlocked: it does not come about.
            LinkError: the hub is not ready, or said no.
            OSError: the network failed.
        """
        self._open()
        self.running = True
        threading.Thread(target=self.run, name="hub link", daemon=True).start()

    def run(self) -> None:
        """The receive thread: shake hands, then take records until it is over. Never raises."""
        try:
            self._on_open()
            self._receive()
        except TimeoutError:
            reason = self._silent(self._patience)
        except Exception as error:  # noqa: BLE001 - whatever the vendor makes of a strange message is the hub's doing
            reason = why_over(error)
        else:
            reason = LinkError("The hub closed the connection.")
        self.running = False
        self._leave()
        if not self.is_given_up:
            self._owner.end(self._failure or reason)

    def send_ping(self) -> None:
        """Nothing: every request tells the round trip."""

    def send(self, message: str, _opcode: int = 1) -> None:
        """Send records. Callable from any thread.

        Raises:
            LinkError: they did not arrive; the connection is then over.
        """
        try:
            self._post(message, self._silence_limit)
        except (OSError, LinkError) as error:
            if isinstance(error, TimeoutError):
                self._failure = self._silent(self._silence_limit)
            else:
                self._failure = error if isinstance(error, LinkError) else explain(error, self._address)
            self._receiver.cut()  # what came until then is still read
            raise self._failure from None

    def close(self) -> None:
        """Say goodbye where the hub still takes it in; half a second at most for each part of it."""
        if self.running:
            try:
                self._post(GOODBYE, _GOODBYE_SECONDS)
                self._forget()
            except (OSError, LinkError):
                pass

    def dispose(self) -> None:
        """Cut the connection."""
        self._owner.abort()

    def _post(self, message: str, patience: float, method: str = "POST") -> None:
        if not self._sending.acquire(timeout=patience):
            raise LinkError("The hub takes nothing in.")
        try:
            self._sender.set_patience(patience)
            began = time.monotonic()
            response = self._ask(self._sender, method, "*/*", message.encode())
            _discard(self._sender, response)
            milliseconds = (time.monotonic() - began) * 1000
        finally:
            self._sending.release()
        if response.status // 100 != 2:
            raise self._lost(response.status)
        self._owner.receiver.pong(milliseconds)

    def _ask(self, channel: Channel, method: str, accept: str, body: bytes = b"") -> http.client.HTTPResponse:
        """One request. A token that is refused is asked for anew, once: it may have run out meanwhile."""
        headers = {"Accept": accept, "X-Requested-With": "XMLHttpRequest"}
        if body:
            headers["Content-Type"] = "text/plain;charset=UTF-8"
        used = self._token
        response = channel.ask(method, {**headers, **authorization(used)}, body)
        if response.status == 401 and (token := self._token_instead_of(used)) != used:
            _discard(channel, response)
            response = channel.ask(method, {**headers, **authorization(token)}, body)
        return response

    def _token_instead_of(self, refused: str) -> str:
        with self._renewing:
            if self._token == refused:
                self._token = self._owner.renewed_token()
            return self._token

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """A whole answer."""
        try:
            body = response.read(self._frame_limit + 1)
        except http.client.HTTPException as error:
            raise failure(error, self._address.authority) from None
        if len(body) > self._frame_limit:
            self._refuse_size(len(body))
        if response.length:  # http.client takes a body that was cut off for one that ended
            raise LinkError(f"{self._address.authority} broke off the connection.")
        return body

    def _refused(self, response: http.client.HTTPResponse) -> LinkError:
        """Why the way was not opened."""
        words = text_of(_beginning(response))
        way, authority = WAYS[self.way], self._address.authority
        return opening_refused(way, response.status, words, authority, bool(self._token))

    def _lost(self, status: int) -> LinkError:
        """What it means that a later request was refused."""
        authority = self._address.authority
        if status == 404:
            return LinkError(f"The hub at {authority} does not know this connection any more (404).", AFFINITY)
        if status in (401, 403) or status >= 500:
            return self._sender.refusal(status, bool(self._token))
        return LinkError(f"{authority} broke off the connection: it answered {status}.")

    def _silent(self, seconds: float) -> LinkError:
        return LinkError(f"The hub has been silent for {seconds:g} seconds.")

    def _refuse_size(self, size: int) -> None:
        problem = f"The hub sent a message of {size:,} bytes or more; the limit is {self._frame_limit:,}."
        self._owner.receiver.unusable(problem)
        raise LinkError(problem, "Raise the frame limit in the config if that is what the hub should send.")

    def _deliver(self, piece: bytes) -> None:
        """Take what came; what has no end yet waits for the rest."""
        self._tail += piece
        if _RECORD_END in piece:
            end = self._tail.rfind(_RECORD_END) + 1
            whole, self._tail = self._tail[:end], self._tail[end:]
            self._on_message(self, text_of(whole))
        if len(self._tail) > self._frame_limit:
            self._refuse_size(len(self._tail))

    def _open(self) -> None:
        raise NotImplementedError

    def _receive(self) -> None:
        """Deliver what comes; returns when the hub closed the connection in order."""
        raise NotImplementedError

    def _leave(self) -> None:
        """The receive thread has ended."""

    def _forget(self) -> None:
        """Have the hub forget the connection, where it does not notice by itself."""


def _discard(channel: Channel, response: http.client.HTTPResponse) -> None:
    """Read an answer that says nothing, so that its connection can be used again; give up on a long one."""
    _beginning(response)
    if not response.isclosed():
        channel.close()


def _beginning(response: http.client.HTTPResponse) -> bytes:
    """What an answer says, where its status says enough: as far as it can be read."""
    try:
        return response.read(_ANSWER_LIMIT)
    except http.client.HTTPException:
        return b""


class EventStream(RequestClient):
    """Server-Sent Events: one answer that does not end."""

    way = SERVER_SENT_EVENTS

    def _open(self) -> None:
        self._stream = self._ask(self._receiver, "GET", "text/event-stream")
        if self._stream.status != 200:
            raise self._refused(self._stream)
        if self._stream.headers.get_content_type() != "text/event-stream":
            kind = "something else than an event stream"
            raise blocked(WAYS[self.way], self._address.authority, f"answered {self._stream.status} with {kind}")

    def _receive(self) -> None:
        self._receiver.set_patience(self._silence_limit)
        events = _Events()
        while chunk := self._piece():
            for data in events.feed(chunk):
                self._deliver(data)
            if events.held > self._frame_limit:
                self._refuse_size(events.held)
        raise LinkError("The hub broke off the connection.")

    def _piece(self) -> bytes:
        try:
            return self._stream.read1(_READ_SIZE)
        except http.client.HTTPException as error:
            raise failure(error, self._address.authority) from None


class _Events:
    """Puts lines together to events, and gives what each carries; whatever else lines say means nothing here."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._data: list[bytes] = []
        self.held = 0
        """Bytes of the event that has no end yet."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What the events carry that end here."""
        self._buffer += chunk
        if b"\n" not in chunk:
            self.held += len(chunk)
            return
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(bytes(line[5:].removeprefix(b" ")))
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data = []
        self.held = len(rest) + sum(map(len, self._data))


class LongPolling(RequestClient):
    """Long polling: a request that the hub answers when it has something to say, then the next.

    A thread of its own asks: a hub forgets a client that asks nothing for some seconds, and the reader may be held up
    for longer.
    """

    way = LONG_POLLING

    def _open(self) -> None:
        self._held = _Held(_HELD_LIMIT)
        response = self._ask(self._receiver, "GET", "*/*")
        if response.status != 200:
            raise self._refused(response)
        self._held.put(self._read(response))

    def _receive(self) -> None:
        # Whether the hub lives is told by its answers to our pings, each of which is a request.
        self._patience = max(_POLL_SECONDS, self._silence_limit)
        self._receiver.set_patience(self._patience)
        threading.Thread(target=self._poll, name="hub poll", daemon=True).start()
        while (piece := self._held.take()) is not None:
            self._deliver(piece)

    def _poll(self) -> None:
        """Ask again and again, until there is no connection any more. Never raises."""
        try:
            while True:
                began = time.monotonic()
                response = self._ask(self._receiver, "GET", "*/*")
                body = self._read(response)
                if response.status in _CUT_SHORT and time.monotonic() - began >= _LONG_SECONDS:
                    continue
                if response.status == 204:
                    self._held.end(None)
                    return
                if response.status != 200:
                    raise self._lost(response.status)
                self._held.put(body)
        except Exception as error:  # noqa: BLE001 - the receive thread raises it, when it has read what came before
            self._held.end(error)

    def _leave(self) -> None:
        self._held.end(None)

    def _forget(self) -> None:
        self._post("", _GOODBYE_SECONDS, "DELETE")


class _Held:
    """Pieces between two threads, up to a size."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._has_ended = False
        self._error: Exception | None = None
        self._changed = threading.Condition()

    def put(self, piece: bytes) -> None:
        """Add a piece; waits while too much is held."""
        with self._changed:
            self._changed.wait_for(lambda: self._size < self._limit or self._has_ended)
            self._pieces.append(piece)
            self._size += len(piece)
            self._changed.notify_all()

    def end(self, error: Exception | None) -> None:
        """Nothing more comes, and why; the first time counts."""
        with self._changed:
            if not self._has_ended:
                self._has_ended, self._error = True, error
                self._changed.notify_all()

    def take(self) -> bytes | None:
        """The next piece; None at the end. Raises the error at which it ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._has_ended)
            if self._pieces:
                piece = self._pieces.popleft()
                self._size -= len(piece)
                self._changed.notify_all()
                return piece
        if self._error is not None:
            raise self._error
        return None
