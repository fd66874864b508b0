"""What was published and is not known to have arrived: commands of NATS' protocol, the oldest first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from nats.protocol.command import hpub_cmd

from evolver_tui.core.errors import BrokerError
from evolver_tui.core.safe_text import safe_text

_MOST_HEADS: Final = 10_000
_HEADERS_BEGIN: Final = b"NATS/1.0\r\n"


class Outbox:
    """Messages up to a bound in number and bytes. A connection that is lost gives back what it was handed."""

    def __init__(self, most_messages: int, most_bytes: int) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._bytes = 0
        self._unsent: deque[bytes] = deque()
        self._sent: deque[bytes] = deque()
        """Handed to the connection."""
        self._heads: dict[str, bytes] = {}
        """The beginning of the command for each subject."""
        self._room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._unsent) + len(self._sent)

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be put in."""
        return self._bytes >= self._most_bytes or len(self._unsent) + len(self._sent) >= self._most_messages

    async def wait_for_room(self) -> None:
        """Wait until something has arrived."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    def put(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Put a message at the end. Raises BrokerError for what is no subject."""
        if headers is None:
            head = self._heads.get(subject) or self._head(subject)
            command = b"%b%d\r\n%b\r\n" % (head, len(data), data)
        else:
            self._head(subject)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            command = hpub_cmd(subject, "", _HEADERS_BEGIN + lines.encode() + b"\r\n", data)
        self._bytes += len(command)
        self._unsent.append(command)

    def hand_over(self) -> Sequence[bytes]:
        """What is to be sent next, for a connection that takes it."""
        commands = tuple(self._unsent)
        self._unsent.clear()
        self._sent.extend(commands)
        return commands

    @property
    def handed_over(self) -> int:
        """How many messages the connection has, and which may not have arrived."""
        return len(self._sent)

    def arrived(self, count: int) -> None:
        """The oldest `count` that were handed over have arrived."""
        for _ in range(count):
            self._bytes -= len(self._sent.popleft())
        self._room.set()

    def take_back(self) -> None:
        """The connection is lost: all that has not arrived is to be sent again, in the same order."""
        self._unsent.extendleft(reversed(self._sent))
        self._sent.clear()

    def _head(self, subject: str) -> bytes:
        """Raises BrokerError."""
        tokens = subject.split(".")
        if not all(tokens) or not subject.isascii() or not subject.isprintable() or " " in subject:
            raise BrokerError(f"{safe_text(subject, 200)!r} is no subject of NATS.")
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        head = self._heads[subject] = b"PUB %b " % subject.encode()
        return head
