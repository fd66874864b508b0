"""Chunks put back into their order: what a reader of answers needs, whichever way they came. Pure Python.

A broker may deliver a chunk late, twice, or not at all, and an answer may be begun again. A `ReorderBuffer` releases
each chunk of a message once, in order, and says where that cannot be done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from evolver_tui.core.workflow.chunk import Chunk, read_chunk

MISSING_SECONDS: Final = 30.0
"""So long a gap may last; then the message is given up."""
MOST_SECONDS: Final = 300.0
"""So long a message that is over, or has a gap, is remembered after its last chunk."""
SWEEP_SECONDS: Final = 30.0
"""How often `ReorderBuffer.sweep` is to be called at least."""
MOST_MESSAGES: Final = 10_000
MOST_CHUNKS: Final = 10_000
"""So far ahead of what was released a chunk of a message may be."""
MOST_CHARACTERS: Final = 64 * 1024 * 1024
"""Of all chunks that wait for an earlier one."""


class Dropped(StrEnum):
    """Why a chunk is not released, now or ever."""

    NOT_A_CHUNK = "not_a_chunk"
    """It cannot be read as one."""
    DUPLICATE = "duplicate"
    """Its number came before: the first copy wins."""
    EARLIER_ATTEMPT = "earlier_attempt"
    """The answer was begun again since."""
    AFTER_FINAL = "after_final"
    """Its number is beyond the last one's."""
    GIVEN_UP = "given_up"
    """Its message was given up."""
    OUT_OF_BOUNDS = "out_of_bounds"
    """It is too far ahead, or there is no more room."""


@dataclass(frozen=True, slots=True)
class Release:
    """What a chunk that came gives to whoever reads."""

    chunks: Sequence[Chunk] = ()
    """The next ones of its message, in order; none while an earlier one is missing."""
    is_restart: bool = False
    """Whether the answer was begun again: what was released of this message before is void."""
    is_complete: bool = False
    """Whether the last of these chunks is the message's last."""
    dropped: Dropped | None = None
    """Why the chunk that came is not kept; None where it is."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A message of which no more is released, unless its answer is begun again."""

    session_id: str
    message_id: str
    attempt: int
    next_chunk: int
    """So many chunks were released."""
    missing: Sequence[int]
    """The numbers that did not come, as far as they are known."""


@dataclass(frozen=True, slots=True)
class BufferState:
    """How a message stands."""

    total_expected: int | None
    """Its chunks; None while the last one has not come."""
    total_received: int
    """Different ones of its latest attempt."""
    total_sent: int
    """How many were released."""
    missing_chunks: Sequence[int]
    is_complete: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "total_expected": self.total_expected,
            "total_received": self.total_received,
            "total_sent": self.total_sent,
            "missing_chunks": list(self.missing_chunks),
            "is_complete": self.is_complete,
        }


class _Key(NamedTuple):
    """Ids of messages are their senders' choice, so that two sessions may have the same one."""

    session_id: str
    message_id: str


@dataclass(slots=True)
class _Message:
    """The latest attempt to answer one message."""

    attempt: int
    next_chunk: int = 0
    waiting: dict[int, Chunk] = field(default_factory=dict)
    """Chunks that came before an earlier one."""
    last_chunk: int | None = None
    is_given_up: bool = False
    gap_since: float | None = None
    """When it last had to wait for a chunk that is missing."""
    touched: float = 0.0

    @property
    def is_complete(self) -> bool:
        return self.last_chunk is not None and self.next_chunk > self.last_chunk

    @property
    def missing(self) -> Sequence[int]:
        known = max(self.waiting, default=-1) if self.last_chunk is None else self.last_chunk
        return [number for number in range(self.next_chunk, known + 1) if number not in self.waiting]

    @property
    def characters(self) -> int:
        return sum(map(_size, self.waiting.values()))


class ReorderBuffer:
    """Puts the chunks of many messages into order.

    Messages that are not over and lack nothing are kept as long as there is room: an answer may wait for a person.
    Time is an argument: any clock that does not go back, in seconds.

    Args:
        missing_seconds: see `MISSING_SECONDS`; so are the others, which are bounds.
    """

    def __init__(
        self,
        *,
        missing_seconds: float = MISSING_SECONDS,
        most_seconds: float = MOST_SECONDS,
        most_messages: int = MOST_MESSAGES,
        most_chunks: int = MOST_CHUNKS,
        most_characters: int = MOST_CHARACTERS,
    ) -> None:
        self._missing_seconds = missing_seconds
        self._most_seconds = most_seconds
        self._most_messages = most_messages
        self._most_chunks = most_chunks
        self._room = most_characters
        self._messages: dict[_Key, _Message] = {}
        """The one that was touched longest ago first."""

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def unfinished(self) -> int:
        """How many messages more is expected of."""
        return sum(not (message.is_complete or message.is_given_up) for message in self._messages.values())

    def take(self, chunk: Chunk | Mapping[str, Any] | bytes, now: float) -> Release:
        """Take a chunk as it came.

        Args:
            chunk: also as the JSON object that it is on its way, or the text of that.
        """
        read = chunk if isinstance(chunk, Chunk) else read_chunk(chunk)
        if read is None or not _is_sound(read):
            return Release(dropped=Dropped.NOT_A_CHUNK)
        key = _Key(read.session_id, read.message_id)
        message = self._messages.get(key)
        if message is not None and read.attempt < message.attempt:
            return Release(dropped=Dropped.EARLIER_ATTEMPT)
        is_later = message is not None and read.attempt > message.attempt
        dropped = self._reason_to_drop(None if is_later else message, read)
        if dropped is not None:
            return Release(dropped=dropped)
        is_restart = is_later and message is not None and (message.next_chunk > 0 or message.is_given_up)
        if message is None or is_later:
            self._remove(key)
            message = _Message(read.attempt)
            self._make_room()
        self._messages.pop(key, None)
        self._messages[key] = message
        return self._kept(message, read, now, is_restart)

    def start_at(self, session_id: str, message_id: str, attempt: int, chunk_id: int, now: float) -> Release:
        """Take a message's first chunks for released, for a reader that has them from elsewhere.

        Returns:
            What can be released from there on; nothing where this message is that far, or over, already.
        """
        key = _Key(session_id, message_id)
        message = self._messages.get(key)
        if message is not None and (message.attempt, message.next_chunk) >= (attempt, chunk_id):
            return Release()
        if message is None or message.attempt < attempt:
            self._remove(key)
            self._make_room()
            message = self._messages[key] = _Message(attempt)
        for number in [number for number in message.waiting if number < chunk_id]:
            self._room += _size(message.waiting.pop(number))
        message.next_chunk = chunk_id
        return self._released(message, now, is_restart=False)

    def sweep(self, now: float) -> Sequence[GivenUp]:
        """Give up what lacks a chunk for too long, and forget what is old."""
        given_up = []
        for key, message in list(self._messages.items()):
            if message.gap_since is not None and now - message.gap_since >= self._missing_seconds:
                given_up.append(self._give_up(key, message))
            elif now - message.touched >= self._most_seconds and (message.is_complete or message.is_given_up):
                self._remove(key)
        return given_up

    def state(self, message_id: str, session_id: str | None = None) -> BufferState | None:
        """How a message stands; None for one that is not known (any more).

        Args:
            session_id: where several sessions may have a message of this id; None takes the first.
        """
        if session_id is None:
            session_id = next((key.session_id for key in self._messages if key.message_id == message_id), "")
        message = self._messages.get(_Key(session_id, message_id))
        if message is None:
            return None
        return BufferState(
            total_expected=None if message.last_chunk is None else message.last_chunk + 1,
            total_received=message.next_chunk + len(message.waiting),
            total_sent=message.next_chunk,
            missing_chunks=message.missing,
            is_complete=message.is_complete,
        )

    def messages(self, session_id: str) -> Sequence[str]:
        """The ids of a session's messages."""
        return [key.message_id for key in self._messages if key.session_id == session_id]

    def waiting(self, session_id: str, message_id: str) -> Sequence[Chunk]:
        """A message's chunks that wait for an earlier one, in order."""
        message = self._messages.get(_Key(session_id, message_id))
        return [message.waiting[number] for number in sorted(message.waiting)] if message else ()

    def forget(self, session_id: str, message_id: str) -> None:
        """Let go of a message that nobody reads any more."""
        self._remove(_Key(session_id, message_id))

    def _reason_to_drop(self, message: _Message | None, chunk: Chunk) -> Dropped | None:
        number = chunk.chunk_id
        if message is not None:
            if message.is_given_up:
                return Dropped.GIVEN_UP
            if number < message.next_chunk or number in message.waiting:
                return Dropped.DUPLICATE
            if message.last_chunk is not None and number > message.last_chunk:
                return Dropped.AFTER_FINAL
        ahead = number - (message.next_chunk if message else 0)
        if ahead and (ahead >= self._most_chunks or _size(chunk) > self._room):
            return Dropped.OUT_OF_BOUNDS
        return None

    def _kept(self, message: _Message, chunk: Chunk, now: float, is_restart: bool) -> Release:
        number = chunk.chunk_id
        if chunk.is_final and message.last_chunk is None:
            message.last_chunk = number
            for beyond in [other for other in message.waiting if other > number]:
                self._room += _size(message.waiting.pop(beyond))
        elif chunk.is_final and number != message.last_chunk:
            chunk = replace(chunk, is_final=False)  # the first that said to be the last one is
        message.waiting[number] = chunk
        self._room -= _size(chunk)
        return self._released(message, now, is_restart)

    def _released(self, message: _Message, now: float, is_restart: bool) -> Release:
        chunks = list(_consecutive(message))
        self._room += sum(map(_size, chunks))
        message.touched = now
        if not message.waiting:
            message.gap_since = None
        elif chunks or message.gap_since is None:
            message.gap_since = now
        return Release(chunks, is_restart, is_complete=bool(chunks) and message.is_complete)

    def _make_room(self) -> None:
        while len(self._messages) >= self._most_messages:
            over = (key for key, message in self._messages.items() if message.is_complete or message.is_given_up)
            self._remove(next(over, next(iter(self._messages))))

    def _give_up(self, key: _Key, message: _Message) -> GivenUp:
        missing = message.missing
        self._room += message.characters
        message.waiting.clear()
        message.gap_since = None
        message.is_given_up = True
        return GivenUp(*key, message.attempt, message.next_chunk, missing)

    def _remove(self, key: _Key) -> None:
        message = self._messages.pop(key, None)
        if message is not None:
            self._room += message.characters


def _consecutive(message: _Message) -> Iterator[Chunk]:
    while (chunk := message.waiting.pop(message.next_chunk, None)) is not None:
        message.next_chunk += 1
        yield chunk


def _size(chunk: Chunk) -> int:
    """Characters that come from outside."""
    return len(chunk.chunk) + (len(repr(chunk.metadata)) if chunk.metadata else 0)


def _is_sound(chunk: Chunk) -> bool:
    """What was made by hand may hold anything."""
    numbers = (chunk.chunk_id, chunk.attempt)
    return all(type(number) is int for number in numbers) and chunk.chunk_id >= 0 and chunk.attempt >= 1
