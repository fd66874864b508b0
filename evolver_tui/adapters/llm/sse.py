"""Server-sent events out of bytes, however the network cut them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class SseDecoder:
    """The data of each event, as the WHATWG's standard has it.

    Event names, ids and comments are of no use here: every provider repeats the kind of an event in its data.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._skips_newline = False
        self._is_first_line = True
        self._data_size = 0

    @property
    def held(self) -> int:
        """Bytes of the event that is not complete."""
        return len(self._line) + self._data_size

    def feed(self, chunk: bytes) -> list[str]:
        """Take the next bytes; returns the data of the events that they completed."""
        if self._skips_newline and chunk:
            # The line ended with the last chunk's CR already.
            chunk = chunk.removeprefix(b"\n")
            self._skips_newline = False
        if not chunk:
            return []
        first, *rest = _LINE_END.split(chunk)
        self._line += first
        events: list[str] = []
        for part in rest:
            self._end_line(events)
            self._line += part
        self._skips_newline = chunk.endswith(b"\r")
        return events

    def end(self) -> list[str]:
        """The data of an event that the stream's end left without its blank line: some servers forget it."""
        events: list[str] = []
        self._end_line(events)
        self._end_event(events)
        return events

    def _end_line(self, events: list[str]) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            line, self._is_first_line = line.removeprefix(_BYTE_ORDER_MARK), False
        if not line:
            self._end_event(events)
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_size += len(value)

    def _end_event(self, events: list[str]) -> None:
        if self._data:
            events.append(b"\n".join(self._data).decode("utf-8", "replace"))
            self._data.clear()
            self._data_size = 0


class BodyDecoder:
    """The data of each event, or the one JSON object of a server that does not stream.

    Which of both it is shows in the first byte and not in the content type, which local servers often get wrong.
    """

    def __init__(self) -> None:
        self.is_page = False
        """Whether this is a web page and no answer at all."""
        self.ended = False
        """Set by the caller once the stream has said that it is over."""
        self._events = SseDecoder()
        self._object: bytearray | None = None
        self._has_begun = False

    @property
    def held(self) -> int:
        """Bytes that wait for what completes them."""
        return self._events.held if self._object is None else len(self._object)

    def feed(self, chunk: bytes) -> Sequence[str]:
        """Take the next bytes; returns the data that they completed."""
        if not self._has_begun:
            start = chunk.removeprefix(_BYTE_ORDER_MARK).lstrip()
            if start:
                self._has_begun = True
                self._object = bytearray() if start.startswith(b"{") else None
                self.is_page = start.startswith(b"<")
        if self._object is None:
            return self._events.feed(chunk)
        self._object += chunk
        return ()

    def end(self) -> Sequence[str]:
        """What the end of the body completed."""
        if self._object is None:
            return self._events.end()
        return (self._object.decode("utf-8-sig", "replace"),)
