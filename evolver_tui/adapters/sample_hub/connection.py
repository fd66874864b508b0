"""One client of the sample hub: handshake, keep-alive, and the hub methods it calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from evolver_tui.adapters.sample_hub.feed import TaskFeed
from evolver_tui.adapters.sample_hub.http import ProtocolError
from evolver_tui.core.link_state import SAMPLE_TASKS

_RECORD_END = b"\x1e"
_PING_RECORD = b'{"type":6}\x1e'
_MESSAGE_LIMIT = 1024 * 1024
_READ_SIZE = 64 * 1024
_HANDSHAKE_SECONDS = 15.0
_MOST_STREAMS = 100
_LONGEST_COUNT = 1_000_000
_PROBLEMS = {
    "incorrect masking": "a client's frames must be masked",
    "reserved bits must be 0": "no extension was agreed on",
    "expected a continuation frame": "the parts of a message are mixed up",
    "unexpected continuation frame": "the parts of a message are mixed up",
}
"""What websockets says of a client's frames, in this hub's words."""


class MethodError(Exception):
    """A hub method failed; the caller is told the text."""


class _ClientClosed(Exception):
    """The client hung up in order."""


def record(message: dict[str, Any]) -> bytes:
    """A hub message as it goes on the wire."""
    return json.dumps(message, separators=(",", ":")).encode() + _RECORD_END


class Connection:
    """A client's WebSocket, once it is open."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        keep_alive: float,
        client_timeout: float,
        feed: TaskFeed,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._keep_alive = keep_alive
        self._client_timeout = client_timeout
        self._feed = feed
        self._socket = _open_socket()
        self._frames: list[Frame] = []
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._unread: list[bytes] = []
        self._methods: dict[str, Callable[[Sequence[Any]], object]] = {
            "echo": self._echo,
            "add": self._add,
            "fail": self._fail,
            "completetask": self._complete_task,
            "abort": self._abort,
        }

    # --- writing

    def write_records(self, records: Iterable[bytes]) -> None:
        """Send records, each in a frame of its own, all in as few system calls as the network allows."""
        if self._socket.state is State.OPEN:
            for one in records:
                self._socket.send_text(one)
            self._flush()

    def write_record(self, one: bytes) -> None:
        """Send one record."""
        self.write_records((one,))

    async def drain(self) -> None:
        """Wait until the client has taken enough of it. Raises OSError when it is gone."""
        await self._writer.drain()

    def send_close(self, error: str = "", *, allow_reconnect: bool = False) -> None:
        """Send a Close and end the WebSocket."""
        message: dict[str, Any] = {"type": 7}
        if error:
            message["error"] = error
        if allow_reconnect:
            message["allowReconnect"] = True
        self.write_record(record(message))
        self._end_socket(1000)

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._writer.transport.abort()

    def cancel_streams(self) -> None:
        """End the streams that this client asked for."""
        for stream in self._streams.values():
            stream.cancel()

    def _end_socket(self, code: int, reason: str = "") -> None:
        if self._socket.state is State.OPEN:
            self._socket.send_close(code, reason)
            self._flush()

    def _flush(self) -> None:
        sent = b"".join(self._socket.data_to_send())
        if not self._writer.is_closing():
            self._writer.write(sent)

    # --- reading

    async def shake_hands(self) -> bool:
        """Agree on the protocol; False when that is not possible and the client was told so.

        Raises:
            EOFError, OSError: the client went away.
            TimeoutError: it said nothing.
        """
        async with asyncio.timeout(_HANDSHAKE_SECONDS):
            try:
                while not self._unread:
                    self._unread = (await self._read_message()).split(_RECORD_END)[:-1]
                problem = _handshake_problem(self._unread.pop(0))
            except ProtocolError as error:
                self._end_socket(error.code, error.reason)
                return False
            except _ClientClosed:
                return False
        greeting = {SAMPLE_TASKS: True} if self._feed.is_made_up else {}
        self.write_record(record({"error": problem} if problem else greeting))
        if problem:
            self._end_socket(1000)
        return not problem

    async def serve(self) -> None:
        """Answer the client until it goes or falls silent.

        Raises:
            EOFError, OSError: the client went away without a word.
        """
        pinging = asyncio.create_task(self._ping())
        try:
            while True:
                for one in self._unread:
                    self._take(one)
                async with asyncio.timeout(self._client_timeout):
                    *self._unread, rest = (await self._read_message()).split(_RECORD_END)
                if rest:
                    raise ProtocolError(1002, "a record without an end")
        except TimeoutError:
            self.send_close("The client has been silent for too long.", allow_reconnect=True)
        except ProtocolError as error:
            self.send_close(f"The client broke the protocol: {error.reason}.")
        except _ClientClosed:
            self._end_socket(1000)
        finally:
            pinging.cancel()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(self._keep_alive)
            if not self._writer.transport.get_write_buffer_size():
                self.write_record(_PING_RECORD)

    async def _read_message(self) -> bytes:
        """The next text message, put together from its fragments; control frames between are dealt with."""
        parts: list[bytes] = []
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame.opcode is Opcode.CLOSE:
                    raise _ClientClosed
                if frame.opcode is Opcode.BINARY:
                    raise ProtocolError(1003, "only text is spoken here")
                if frame.opcode in (Opcode.TEXT, Opcode.CONT):
                    parts.append(bytes(frame.data))
                    if frame.fin:
                        return b"".join(parts)
            await self._read_frames()

    async def _read_frames(self) -> None:
        if error := self._socket.parser_exc:
            # What websockets wants to say now is only a code: the client is told in a Close record, on a fresh start.
            self._socket = _open_socket()
            if isinstance(error, PayloadTooBig):
                raise ProtocolError(1009, "too large a message")
            raise ProtocolError(1002, _PROBLEMS.get(str(error), str(error)))
        data = await self._reader.read(_READ_SIZE)
        if not data:
            raise EOFError
        was_open = self._socket.state is State.OPEN
        self._socket.receive_data(data)
        self._frames += [event for event in self._socket.events_received() if isinstance(event, Frame)]
        if self._socket.parser_exc is None:
            self._flush()
        elif not was_open:
            raise EOFError  # the goodbye is said already

    def _take(self, one: bytes) -> None:
        try:
            message = json.loads(one)
        except (ValueError, RecursionError):
            raise ProtocolError(1002, "a record that is not JSON") from None
        if not isinstance(message, dict):
            raise ProtocolError(1002, "a record that is not an object")
        kind = message.get("type")
        if kind == 1:
            self._invoke(message)
        elif kind == 4:
            self._open_stream(message)
        elif kind == 5:
            stream = self._streams.get(str(message.get("invocationId")))
            if stream is not None:
                stream.cancel()
        elif kind == 7:
            raise _ClientClosed
        # Items and completions answer calls that this hub never makes, acks and sequences belong to stateful reconnect,
        # which it does not offer, pings have done their work by arriving, and other types may come one day.

    # --- hub methods

    def _invoke(self, message: dict[str, Any]) -> None:
        invocation, target, arguments = _call(message)
        answer: dict[str, Any] = {"type": 3, "invocationId": invocation}
        try:
            method = self._methods.get(target.lower())
            if method is None:
                raise MethodError(f"There is no hub method {target!r} to invoke.")
            result = method(arguments)
            if result is not _NOTHING:
                answer["result"] = result
        except MethodError as error:
            answer["error"] = str(error)
        if invocation is not None:
            self.write_record(record(answer))

    def _echo(self, arguments: Sequence[Any]) -> object:
        (value,) = _take_arguments(arguments, object)
        return value

    def _add(self, arguments: Sequence[Any]) -> object:
        a, b = _take_arguments(arguments, int, int)
        return a + b

    def _fail(self, arguments: Sequence[Any]) -> object:
        (text,) = _take_arguments(arguments, str)
        raise MethodError(text)

    def _complete_task(self, arguments: Sequence[Any]) -> object:
        (task_id,) = _take_arguments(arguments, str)
        return self._feed.finish(task_id)

    def _abort(self, arguments: Sequence[Any]) -> object:
        _take_arguments(arguments)
        self.abort()
        return _NOTHING

    def _open_stream(self, message: dict[str, Any]) -> None:
        invocation, target, arguments = _call(message)
        if invocation is None or invocation in self._streams:
            raise ProtocolError(1002, "a stream without an id of its own")
        try:
            if target.lower() != "counter":
                raise MethodError(f"There is no hub method {target!r} to stream from.")
            if len(self._streams) >= _MOST_STREAMS:
                raise MethodError(f"More than {_MOST_STREAMS} streams at once are not possible.")
            count, delay_ms = _take_arguments(arguments, int, int)
            if not (0 <= count <= _LONGEST_COUNT and delay_ms >= 0):
                raise MethodError(f"Counter counts to {_LONGEST_COUNT} at most, and never backwards.")
        except MethodError as error:
            self.write_record(record({"type": 3, "invocationId": invocation, "error": str(error)}))
            return
        self._streams[invocation] = asyncio.create_task(self._count(invocation, count, delay_ms / 1000))

    async def _count(self, invocation: str, count: int, delay: float) -> None:
        try:
            for item in range(count):
                self.write_record(record({"type": 2, "invocationId": invocation, "item": item}))
                await self.drain()
                await asyncio.sleep(delay)
        except OSError:
            pass  # the reading side ends the connection
        finally:
            del self._streams[invocation]
            self.write_record(record({"type": 3, "invocationId": invocation}))


_NOTHING = object()


def _open_socket() -> ServerProtocol:
    return ServerProtocol(state=State.OPEN, max_size=_MESSAGE_LIMIT)


def _handshake_problem(request: bytes) -> str:
    try:
        wish = json.loads(request)
    except (ValueError, RecursionError):
        return "The handshake is not JSON."
    if not isinstance(wish, dict) or not isinstance(wish.get("protocol"), str):
        return "The handshake names no protocol."
    if wish["protocol"] != "json":
        return f"The protocol {wish['protocol'][:40]!r} is not spoken here, only 'json'."
    if wish.get("version") not in (0, 1):
        return "Only version 1 of the JSON protocol is spoken here."
    return ""


def _call(message: dict[str, Any]) -> tuple[str | None, str, list[Any]]:
    invocation, target, arguments = (message.get(name) for name in ("invocationId", "target", "arguments"))
    if not isinstance(target, str) or not isinstance(arguments, list):
        raise ProtocolError(1002, "a call without a target or arguments")
    if invocation is not None and not isinstance(invocation, str):
        raise ProtocolError(1002, "a call whose id is not text")
    return invocation, target, arguments


def _take_arguments(arguments: Sequence[Any], *kinds: type) -> Sequence[Any]:
    if len(arguments) != len(kinds):
        raise MethodError(f"{len(kinds)} arguments are needed, {len(arguments)} came.")
    for value, kind in zip(arguments, kinds, strict=True):
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise MethodError(f"An argument has to be of type {kind.__name__}.")
    return arguments
