"""The latest events of one chat session, from which a reader that comes back is told what it missed. Pure Python."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evolver_tui.core.workflow import stream_position
from evolver_tui.core.workflow.chunk import Chunk
from evolver_tui.core.workflow.reorder_buffer import GivenUp, Release
from evolver_tui.core.workflow.stream_position import OVER, Positions, Progress, mark_of

CHUNK: Final = "chunk"
COMPLETE: Final = "message_complete"
RESTARTED: Final = "message_restarted"
FAILED: Final = "message_failed"
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one session's events."""
MOST_MESSAGES: Final = stream_position.MOST_MESSAGES // 2
"""That are kept; of as many before it is remembered how far they were told."""
_MOST_NAMED: Final = 1_000


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """Something that a session's readers are told."""

    name: str
    data: bytes
    """A JSON object in ASCII; of a chunk the chunk itself."""
    mark: str
    """Of its message."""
    progress: Progress
    """How far whoever had it has come."""


@dataclass(slots=True)
class LoggedMessage:
    """What is kept of one message: the events of its latest attempt."""

    message_id: str
    mark: str
    attempt: int
    events: deque[StreamEvent] = field(default_factory=deque)
    trimmed: int = 0
    """So many events of its beginning are not kept any more."""
    size: int = 0
    """Bytes of the events."""
    is_over: bool = False
    was_sent: bool = False
    """Whether any reader was there to be told of it."""

    @property
    def progress(self) -> Progress:
        """How far a reader has come that had all of it."""
        return self.events[-1].progress if self.events else Progress(self.attempt, self.trimmed)


class SessionLog:
    """What one session's readers were told lately, by message."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._messages: dict[str, LoggedMessage] = {}
        """By mark, in the order in which they began."""
        self._forgotten: dict[str, Progress] = {}
        """How far messages were told that are not kept any more."""
        self._elsewhere: set[str] = set()
        """Those of them that were told elsewhere, and may come here still."""
        self.size = 0
        """Bytes of all events."""

    @property
    def head(self) -> dict[str, Progress]:
        """How far a reader has come that had all of it."""
        return self._forgotten | {mark: message.progress for mark, message in self._messages.items()}

    @property
    def told_here(self) -> dict[str, Progress]:
        """The same, of what was told here and not elsewhere."""
        return {mark: had for mark, had in self.head.items() if mark not in self._elsewhere}

    @property
    def message_ids(self) -> Sequence[str]:
        """Of what is kept, in the order in which they began."""
        return [message.message_id for message in self._messages.values()]

    @property
    def has_unfinished(self) -> bool:
        """Whether more is expected of some message."""
        return any(not message.is_over for message in self._messages.values())

    def add(self, message_id: str, attempt: int, release: Release) -> Sequence[StreamEvent]:
        """Keep what a chunk released; returns it event by event."""
        if not (release.chunks or release.is_restart):
            return ()
        message = self._message(message_id, attempt)
        events = [_restarted(message)] if release.is_restart else []
        for chunk in release.chunks:
            if not message.events:  # a reader that comes from another gateway may have had the ones before this
                message.trimmed = chunk.chunk_id
            events.append(self._kept(message, CHUNK, chunk.to_bytes(), chunk.chunk_id + 1))
        if release.is_complete:
            message.is_over = True
            data = _json(message_id=message_id, token_count=_tokens(release.chunks[-1]))
            events.append(self._kept(message, COMPLETE, data, OVER))
        return events

    def give_up(self, given_up: GivenUp) -> StreamEvent:
        """Keep that a message lacks chunks for good."""
        message = self._message(given_up.message_id, given_up.attempt)
        message.is_over = True
        return self._kept(message, FAILED, _failed(given_up), OVER)

    def after(self, positions: Positions | None) -> Sequence[StreamEvent]:
        """What a reader missed.

        Args:
            positions: how far it has come; None for one that comes for the first time, which is told what is not over,
                and what nobody was there to be told of.
        """
        return [event for message in self._messages.values() for event in _missed(message, positions)]

    def chunks_after(self, positions: Positions | None) -> Sequence[bytes]:
        """The chunks of all messages of which `after` tells something, from each one's beginning."""
        told = [message for message in self._messages.values() if _missed(message, positions)]
        return [event.data for message in told for event in message.events if event.name == CHUNK]

    def learn(self, positions: Positions) -> None:
        """Remember what was told elsewhere to its end, so that nobody who comes from here is told it there."""
        for mark, had in positions.items():
            if had.events == OVER and mark not in self._messages and mark not in self._forgotten:
                self._remember(mark, had)
                self._elsewhere.add(mark)

    def has_readers(self) -> None:
        """Say that somebody is there to be told of all that is kept."""
        for message in self._messages.values():
            message.was_sent = True

    def shrink(self, size: int) -> None:
        """Let go of the oldest until so many bytes are left."""
        while self.size > size and self._messages:
            self._trim()

    def _message(self, message_id: str, attempt: int) -> LoggedMessage:
        mark = mark_of(message_id)
        message = self._messages.get(mark)
        if message is None:
            message = self._messages[mark] = LoggedMessage(message_id, mark, attempt)
            self._forgotten.pop(mark, None)
            self._elsewhere.discard(mark)
            if len(self._messages) > MOST_MESSAGES:
                self._drop(next(iter(self._messages.values())))
        elif attempt > message.attempt:
            self.size -= message.size
            message.attempt, message.size, message.trimmed, message.is_over = attempt, 0, 0, False
            message.events.clear()
        return message

    def _kept(self, message: LoggedMessage, name: str, data: bytes, events: int) -> StreamEvent:
        event = StreamEvent(name, data, message.mark, Progress(message.attempt, events))
        message.events.append(event)
        message.size += len(data)
        self.size += len(data)
        self.shrink(self._most_bytes)
        return event

    def _trim(self) -> None:
        """Let go of the oldest message that is over, else of the longest one's oldest event."""
        over = next((message for message in self._messages.values() if message.is_over), None)
        if over is not None:
            self._drop(over)
            return
        longest = max(self._messages.values(), key=lambda message: message.size)
        event = longest.events.popleft()
        longest.trimmed = event.progress.events
        longest.size -= len(event.data)
        self.size -= len(event.data)

    def _drop(self, message: LoggedMessage) -> None:
        self._remember(message.mark, message.progress)
        del self._messages[message.mark]
        self.size -= message.size

    def _remember(self, mark: str, progress: Progress) -> None:
        self._forgotten[mark] = progress
        if len(self._forgotten) > MOST_MESSAGES:
            oldest = next(iter(self._forgotten))
            del self._forgotten[oldest]
            self._elsewhere.discard(oldest)


def _missed(message: LoggedMessage, positions: Positions | None) -> Sequence[StreamEvent]:
    if positions is None and message.is_over and message.was_sent:
        return ()
    had = positions.get(message.mark) if positions is not None else None
    if had is not None and had.attempt > message.attempt:
        return ()
    is_restarted = had is not None and had.attempt < message.attempt
    had_events = 0 if had is None or is_restarted else had.events
    events = [_restarted(message)] if is_restarted else []
    if had_events < message.trimmed:
        words = "The beginning of this answer is not kept any more."
        data = _json(message_id=message.message_id, code="not_kept", message=words, missing_chunks=[])
        return [*events, StreamEvent(FAILED, data, message.mark, Progress(message.attempt, OVER))]
    return [*events, *(event for event in message.events if event.progress.events > had_events)]


def _restarted(message: LoggedMessage) -> StreamEvent:
    data = _json(message_id=message.message_id, attempt=message.attempt)
    return StreamEvent(RESTARTED, data, message.mark, Progress(message.attempt, 0))


def restart_of(event: StreamEvent) -> StreamEvent:
    """What a reader is told before an event of a later attempt than it has seen."""
    message_id = json.loads(event.data)["message_id"]
    data = _json(message_id=message_id, attempt=event.progress.attempt)
    return StreamEvent(RESTARTED, data, event.mark, Progress(event.progress.attempt, 0))


def _failed(given_up: GivenUp) -> bytes:
    missing = list(given_up.missing)
    words = f"{'Chunk' if len(missing) == 1 else 'Chunks'} {_numbers(missing)} of this answer never came."
    return _json(
        message_id=given_up.message_id, code="missing_chunks", message=words, missing_chunks=missing[:_MOST_NAMED]
    )


def _tokens(last: Chunk) -> int:
    metadata: Mapping[str, Any] = last.metadata or {}
    tokens = metadata.get("tokens_used")
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else 0


def _numbers(numbers: Sequence[int]) -> str:
    words = [f"{number}" for number in numbers[:10]]
    return ", ".join(words) + (f" and {len(numbers) - 10:,} more" if len(numbers) > 10 else "")


def _json(**fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
