"""Server-sent events out of bytes, however the network cut them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_MOST_SET_OUT: Final = 16 * 1024
"""Bytes of an event that may be set out in lines without a field's name."""
_FIELDS: Final = (b"data", b"event", b"id", b"retry")


class Event(NamedTuple):
    """What one event says, or one line that is no part of any."""

    data: str
    name: str = ""
    is_stray: bool = False
    """Whether it stood outside of events: so servers put an error, and proxies a page, into a stream."""


class SseDecoder:
    """Events, as the WHATWG's standard has them, and the lines that it would drop."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._name = b""
        self._skips_newline = False
        self._is_first_line = True
        self._data_size = 0

    @property
    def held(self) -> int:
        """Bytes of the event that is not complete."""
        return len(self._line) + self._data_size

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; returns the events that they completed."""
        if self._skips_newline and chunk:
            # The line ended with the last chunk's CR already.
            chunk = chunk.removeprefix(b"\n")
            self._skips_newline = False
        if not chunk:
            return []
        first, *rest = _LINE_END.split(chunk)
        self._line += first
        events: list[Event] = []
        for part in rest:
            self._end_line(events)
            self._line += part
        self._skips_newline = chunk.endswith(b"\r")
        return events

    def end(self) -> list[Event]:
        """The event that the stream's end left without its blank line: some servers forget it."""
        events: list[Event] = []
        self._end_line(events)
        self._end_event(events)
        return events

    def _end_line(self, events: list[Event]) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            line, self._is_first_line = line.removeprefix(_BYTE_ORDER_MARK), False
        if not line:
            self._end_event(events)
            return
        name, _, value = line.partition(b":")
        if (name == b"data" or (name == b"event" and self._name)) and self._holds_whole_json():
            self._end_event(events)  # Some servers and proxies leave out the blank line between two events.
        if name == b"data":
            self._take_data(value.removeprefix(b" "))
        elif name == b"event":
            self._name = value.strip()
        elif name == b"error" and value.strip():
            # No field of the standard; llama.cpp's server puts its errors there.
            self._end_event(events)
            events.append(Event(value.strip().decode("utf-8", "replace"), "error"))
        elif name and name not in _FIELDS:
            self._take_stray(line, events)

    def _take_data(self, data: bytes) -> None:
        self._data.append(data)
        self._data_size += len(data)

    def _holds_whole_json(self) -> bool:
        """Whether the event's one line so far is a JSON value, so that another line cannot be its second."""
        return len(self._data) == 1 and self._data[0].lstrip().startswith((b"{", b"[")) and is_whole(self._data[0])

    def _take_stray(self, line: bytes, events: list[Event]) -> None:
        """A line without a field's name: the next one of JSON that was set out in lines, or none of the event's."""
        if self._data and self._data_size < _MOST_SET_OUT and not is_whole(b"\n".join(self._data)):
            self._take_data(line)
            return
        self._end_event(events)
        events.append(Event(line.decode("utf-8", "replace"), is_stray=True))

    def _end_event(self, events: list[Event]) -> None:
        if self._data:
            text = b"\n".join(self._data).decode("utf-8", "replace")
            events.append(Event(text, self._name.decode("utf-8", "replace")))
            self._data.clear()
            self._data_size = 0
        self._name = b""


class BodyDecoder:
    """Events, or the one JSON value of a server that does not stream.

    Which of both it is shows in the first byte and not in the content type, which local servers often get wrong.
    """

    def __init__(self) -> None:
        self._events = SseDecoder()
        self._value: bytearray | None = None
        self._has_begun = False

    @property
    def held(self) -> int:
        """Bytes that wait for what completes them."""
        return self._events.held if self._value is None else len(self._value)

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take the next bytes; returns the events that they completed."""
        if not self._has_begun:
            start = chunk.removeprefix(_BYTE_ORDER_MARK).lstrip()
            if start:
                self._has_begun = True
                self._value = bytearray() if start.startswith((b"{", b"[")) else None
        if self._value is None:
            return self._events.feed(chunk)
        self._value += chunk
        return ()

    def end(self) -> Sequence[Event]:
        """What the end of the body completed."""
        if self._value is None:
            return self._events.end()
        whole = bytes(self._value)
        if is_whole(whole):
            return (Event(whole.decode("utf-8-sig", "replace")),)
        # Several values, a line each, or events behind the first of them.
        return (*self._events.feed(whole), *self._events.end())


def is_whole(data: bytes) -> bool:
    """Whether it is anything but JSON that goes on."""
    text = data.decode("utf-8-sig", "replace").strip()
    if not text.startswith(("{", "[")) or text == "[DONE]":
        return True
    if not text.endswith(("}", "]")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
