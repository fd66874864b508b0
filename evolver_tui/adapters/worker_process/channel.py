"""What a supervisor and its worker process say to each other: JSON objects, one a line, over a pair of sockets.

To the process: `{"do": "begin" | "wake" | "stop" | "interrupt" | "drop" | "drain" | "try", ...}`. From it: `ready`,
`held`, `outages`, `signal`, `drained` and `failed`, each with its value. The end of the stream is the end of the other
side.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from evolver_tui.core.signal import Signal

LONGEST_LINE: Final = 64 * 1024 * 1024
"""Bytes. A signal may carry a task as a hub sent it."""


def to_line(message: Mapping[str, Any]) -> bytes:
    """A message as it goes over the wire; what is no JSON goes as its text."""
    return json.dumps(message, default=str).encode() + b"\n"


def signal_message(signal: Signal) -> dict[str, Any]:
    """A signal as a message."""
    return {"signal": [signal.name, dict(signal.payload), dict(signal.context)]}


def signal_of(value: list[Any]) -> Signal:
    """The inverse of `signal_message`, given what stands under `signal`."""
    name, payload, context = value
    return Signal(name, payload, context)


class Channel:
    """The process's end. Blocks: messages are read in a thread of their own, and sent by any."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._lines = self._socket.makefile("rb")
        self._sending = threading.Lock()

    def send(self, **message: Any) -> None:
        """Say something; a supervisor that is gone hears nothing."""
        with self._sending, contextlib.suppress(OSError):
            self._socket.sendall(to_line(message))

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the supervisor says, until it is gone."""
        with contextlib.suppress(OSError, ValueError):
            while line := self._lines.readline():
                yield json.loads(line)
