"""The chat sessions of a gateway: chunks in, events out to every connection, and what other gateways need of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from evolver_tui.core.errors import GatewayFull
from evolver_tui.core.workflow.chunk import Chunk, read_chunk
from evolver_tui.core.workflow.event_stream import event_bytes
from evolver_tui.core.workflow.reorder_buffer import MISSING_SECONDS, GivenUp, Release, ReorderBuffer
from evolver_tui.core.workflow.session_log import SessionLog, StreamEvent
from evolver_tui.core.workflow.stream_position import (
    OVER,
    Positions,
    Progress,
    mark_of,
    read_position,
    write_position,
)
from evolver_tui.core.workflow.subjects import is_token, pod_subject, replay_subject, session_of
from evolver_tui.engine.workflow.chat_reader import ChatReader
from evolver_tui.engine.workflow.gateway_figures import GatewayFigures
from evolver_tui.engine.workflow.registry import Connection

_MOST_ACCEPTED: Final = 10_000
_SWEEP_SECONDS: Final = 0.5
_MOST_FOLLOWERS: Final = 100


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Seconds and bounds."""

    missing_seconds: float = MISSING_SECONDS
    keep_seconds: float = 180.0
    """So long a session is kept after its last connection."""
    follow_seconds: float = 3.0
    """So long another gateway that asked for a session is handed what comes."""
    remembered_seconds: float = 1.5
    """So long services may send to the pods that they knew before: a little longer than they remember them."""
    most: int = 10_000
    log_bytes: int = 128 * 1024 * 1024
    """Of what all sessions were told lately."""


@dataclass(slots=True)
class ChatSession:
    """A session that has connections here, or had some lately."""

    session_id: str
    left_at: float
    """When the last connection went."""
    log: SessionLog = field(default_factory=SessionLog)
    readers: dict[str, ChatReader] = field(default_factory=dict)
    opening: int = 0
    """Connections that are about to be there."""
    lingering: Connection | None = None
    """The last one, which stays registered while what it might miss is kept."""
    unsubscribe: Callable[[], None] | None = None
    subscribing: asyncio.Lock = field(default_factory=asyncio.Lock)
    followers: dict[str, float] = field(default_factory=dict)
    """Other gateways that are handed what comes, and until when."""
    handed_over_at: float | None = None
    """When another gateway asked for it first."""
    begun_elsewhere: dict[str, Progress] = field(default_factory=dict)
    """How far readers have come with answers whose beginning no gateway has, by mark."""

    @property
    def is_in_use(self) -> bool:
        """Whether somebody is connected, or about to be."""
        return bool(self.readers or self.opening)


class ChatSessions:
    """All of a gateway's sessions.

    Args:
        hand: publishes something, soon; called with a subject and the content.
    """

    def __init__(
        self, pod_id: str, figures: GatewayFigures, hand: Callable[[str, bytes], None], limits: SessionLimits
    ) -> None:
        self._pod_id = pod_id
        self._figures = figures
        self._hand = hand
        self._limits = limits
        self._buffer = ReorderBuffer(missing_seconds=limits.missing_seconds)
        self._by_id: dict[str, ChatSession] = {}
        self._log_bytes = 0
        self._accepted: dict[str, float] = {}
        """When requests came of whose answers nothing has."""
        self._sweep_at = 0.0

    def __iter__(self) -> Iterator[ChatSession]:
        return iter(list(self._by_id.values()))

    @property
    def readers(self) -> Sequence[ChatReader]:
        """All connections."""
        return [reader for session in self._by_id.values() for reader in session.readers.values()]

    @property
    def unfinished(self) -> int:
        """How many answers more is expected of."""
        return self._buffer.unfinished

    def knows(self, session: ChatSession) -> bool:
        """Whether it was not forgotten in the meantime."""
        return self._by_id.get(session.session_id) is session

    def has(self, connection: Connection) -> bool:
        """Whether a connection is open, or what it might miss is kept."""
        session = self._by_id.get(connection.session_id)
        return session is not None and (connection.connection_id in session.readers or session.lingering == connection)

    def get(self, session_id: str) -> ChatSession:
        """A session, made where there is none. Raises GatewayFull."""
        session = self._by_id.pop(session_id, None)
        if session is None:
            if len(self._by_id) >= self._limits.most:
                self._forget_unused()
            session = ChatSession(session_id, time.monotonic())
        self._by_id[session_id] = session
        return session

    def accepted(self, message_id: str) -> None:
        """Say that an answer is expected."""
        self._accepted[message_id] = time.monotonic()
        if len(self._accepted) > _MOST_ACCEPTED:
            del self._accepted[next(iter(self._accepted))]

    # --- connections

    def begin(self, connection: Connection, positions: Positions | None, on_cut: Callable[[], None]) -> ChatReader:
        """Begin to tell a connection what its session is told, and what it missed behind these positions."""
        session = self.get(connection.session_id)
        come, head = positions or {}, session.log.head
        missed = session.log.after(positions)
        untold = {event.mark for event in missed}
        known = {mark: had for mark, had in head.items() if mark not in untold}
        here = session.log.told_here
        ahead = {mark: had for mark, had in come.items() if had > here.get(mark, Progress(0, 0))}
        reader = ChatReader(connection, ahead, on_cut)
        reader.begin(missed, {**known, **come}, head)
        session.readers[connection.connection_id] = reader
        session.log.has_readers()
        self._figures.connections += 1
        self._figures.resumed += positions is not None
        self._figures.events += len(missed)
        return reader

    def end(self, reader: ChatReader) -> ChatSession | None:
        """Say that a connection is over; returns its session, None where that was said before."""
        session = self._by_id.get(reader.connection.session_id)
        if session is None or session.readers.pop(reader.connection.connection_id, None) is None:
            return None
        reader.end()
        session.left_at = time.monotonic()
        return session

    # --- chunks

    def hear(self, subject: str, data: bytes) -> None:
        """Take a chunk, from the service or from another gateway."""
        self._figures.chunks += 1
        chunk = read_chunk(data)
        if chunk is None or session_of(subject) not in ("", chunk.session_id):
            self._figures.dropped["not_a_chunk"] += 1
            return
        session = self._by_id.get(chunk.session_id)
        if session is None:
            self._figures.dropped["unknown_session"] += 1
            return
        release = self._buffer.take(chunk, time.monotonic())
        if release.dropped is not None:
            self._figures.dropped[release.dropped] += 1
            return
        if session.followers:
            self._hand_to_followers(session, data)
        if (asked_at := self._accepted.pop(chunk.message_id, None)) is not None:
            self._figures.first_chunk.add(time.monotonic() - asked_at)
        self._release(session, chunk.message_id, chunk.attempt, release)
        if session.begun_elsewhere:
            self._go_on(session, chunk)

    def _release(self, session: ChatSession, message_id: str, attempt: int, release: Release) -> None:
        if release.chunks or release.is_restart:
            self._figures.restarts += release.is_restart
            self._figures.completed += release.is_complete
            self._tell(session, lambda log: log.add(message_id, attempt, release))

    def _tell(self, session: ChatSession, keep: Callable[[SessionLog], Sequence[StreamEvent]]) -> None:
        """Keep events, and tell them to every connection."""
        positions, size = session.log.head, session.log.size
        events, readers = keep(session.log), list(session.readers.values())
        if readers:
            session.log.has_readers()
        for event in events:
            positions[event.mark] = event.progress
            text = event_bytes(event.name, event.data, write_position(positions))
            for reader in readers:
                reader.tell(event, text, positions)
        self._figures.events += len(events) * len(readers)
        self._log_bytes += session.log.size - size
        if self._log_bytes > self._limits.log_bytes:
            self._make_room()

    # --- other gateways

    def ask_others(self, session: ChatSession, pods: Sequence[str], positions: Positions | None) -> None:
        """Ask other gateways for what they told of a session, and for what comes for now."""
        after = "" if positions is None else write_position(positions)
        asked = json.dumps({"session_id": session.session_id, "pod_id": self._pod_id, "after": after}).encode()
        for pod in pods:
            self._hand(replay_subject(pod), asked)

    def hear_replay(self, subject: str, data: bytes) -> None:
        """Another gateway asks for a session: hand it what was told, and what comes for a while; or it says how much
        it told before."""
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return
        match value:
            case {"session_id": str(session_id), "told": str(told)}:
                if (session := self._by_id.get(session_id)) is not None:
                    session.log.learn(read_position(told) or {})
            case {"session_id": str(session_id), "pod_id": str(pod_id), "after": str(after)} if is_token(pod_id):
                session = self._by_id.get(session_id)
                if session is not None and pod_id != self._pod_id and len(session.followers) < _MOST_FOLLOWERS:
                    self._replay(session, pod_id, after)

    def _replay(self, session: ChatSession, pod_id: str, after: str) -> None:
        self._figures.replays += 1
        session_id, positions = session.session_id, read_position(after)
        untold = {event.mark for event in session.log.after(positions)}
        told = write_position({mark: had for mark, had in session.log.head.items() if mark not in untold})
        self._hand(replay_subject(pod_id), json.dumps({"session_id": session_id, "told": told}).encode())
        chunks = [*session.log.chunks_after(positions)]
        for message_id in self._buffer.messages(session_id):
            chunks += [chunk.to_bytes() for chunk in self._buffer.waiting(session_id, message_id)]
        for chunk in chunks:
            self._hand(pod_subject(pod_id), chunk)
        session.followers[pod_id] = time.monotonic() + self._limits.follow_seconds
        session.handed_over_at = session.handed_over_at or time.monotonic()

    def is_needed(self, session: ChatSession) -> bool:
        """Whether another gateway lacks what comes here of an answer."""
        until = None if session.handed_over_at is None else session.handed_over_at + self._limits.remembered_seconds
        return session.log.has_unfinished and (until is None or time.monotonic() < until)

    def _hand_to_followers(self, session: ChatSession, data: bytes) -> None:
        """What is passed on was not heard before, so that gateways which follow each other come to an end."""
        now = time.monotonic()
        session.followers = {pod: until for pod, until in session.followers.items() if until > now}
        for pod in session.followers:
            self._hand(pod_subject(pod), data)

    def go_on_without(self, session: ChatSession, positions: Positions) -> None:
        """No gateway has the beginning of answers that a reader has read so far: take them from there."""
        unfinished = {mark: had for mark, had in positions.items() if 0 < had.events < OVER}
        if unfinished and self.knows(session):
            session.begun_elsewhere = unfinished
            for message_id in self._buffer.messages(session.session_id):
                for chunk in self._buffer.waiting(session.session_id, message_id)[-1:]:
                    self._go_on(session, chunk)

    def _go_on(self, session: ChatSession, chunk: Chunk) -> None:
        """Begin where readers are, if this chunk comes behind that: the ones before may still come."""
        mark = mark_of(chunk.message_id)
        had = session.begun_elsewhere.get(mark)
        if had is not None and (chunk.attempt, chunk.chunk_id) >= had:
            del session.begun_elsewhere[mark]
            key = (session.session_id, chunk.message_id)
            release = self._buffer.start_at(*key, had.attempt, had.events, time.monotonic())
            self._release(session, chunk.message_id, had.attempt, release)

    # --- time

    def sweep(self, now: float) -> Sequence[ChatSession]:
        """Give up answers that lack chunks for too long; returns the sessions that nobody came back to."""
        if now < self._sweep_at:
            return ()
        self._sweep_at = now + _SWEEP_SECONDS
        for given_up in self._buffer.sweep(now):
            self._figures.given_up += 1
            if (session := self._by_id.get(given_up.session_id)) is not None:
                self._tell(session, partial(_give_up, given_up))
        old = now - self._limits.keep_seconds
        return [session for session in self._by_id.values() if not session.is_in_use and session.left_at <= old]

    def forget(self, session: ChatSession) -> None:
        """Let go of a session, and of what came of it."""
        if self._by_id.pop(session.session_id, None) is None:
            return
        self._log_bytes -= session.log.size
        for message_id in self._buffer.messages(session.session_id):
            self._buffer.forget(session.session_id, message_id)
        if session.unsubscribe is not None:
            session.unsubscribe()

    def _forget_unused(self) -> None:
        unused = next((session for session in self._by_id.values() if not session.is_in_use), None)
        if unused is None:
            raise GatewayFull("This gateway has as many sessions as it takes.", "Try again later.")
        self.forget(unused)

    def _make_room(self) -> None:
        """Halve what is kept of the sessions that keep the most, until there is room to spare."""
        for session in sorted(self._by_id.values(), key=lambda session: session.log.size, reverse=True):
            before = session.log.size
            session.log.shrink(before // 2)
            self._log_bytes -= before - session.log.size
            if self._log_bytes < self._limits.log_bytes * 0.8:
                return


def _give_up(given_up: GivenUp, log: SessionLog) -> Sequence[StreamEvent]:
    return [log.give_up(given_up)]
