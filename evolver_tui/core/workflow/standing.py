"""How each chat stands, folded from what passes over the broker: requests, chunks, cancels.

Whoever watches hears every chunk once for each pod that it goes to. The clock is an argument; what is kept is bounded.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from evolver_tui.core.errors import BadChatRequest
from evolver_tui.core.workflow.answer_text import AnswerText
from evolver_tui.core.workflow.chat_request import ChatRequest, read_request
from evolver_tui.core.workflow.chunk import CANCELLED, Chunk, ChunkError, ChunkType, FinishReason, read_chunk
from evolver_tui.core.workflow.subjects import LONGEST_TOKEN, session_of

MOST_MESSAGES: Final = 1_000
MOST_CHARACTERS: Final = 50_000
"""Of one answer; its end is kept."""
MOST_OF_QUESTION: Final = 2_000
MOST_NOTES: Final = 100
MOST_PODS: Final = 100
MOST_KEPT: Final = 32_000_000
"""Characters and bytes of all messages; the oldest ones go first."""
LONGEST_REQUEST: Final = 128 * 1024
"""Bytes up to which a request is kept, to be sent again."""
SECONDS_UNTIL_SILENT: Final = 30.0
"""Without a word, while one is expected."""
QUESTION: Final = "question"
"""What a `system` chunk's `event` says where the answer waits for a person."""

_LONGEST_ID: Final = 256
_LONGEST_NOTE: Final = 2_000
_LONGEST_DETAILS: Final = 500
_RECENT: Final = 256
_CHANGES_BETWEEN_COUNTS: Final = 1_000
_SECONDS_OF_PACE: Final = 5
_SECONDS_KEPT: Final = 60


class ChatKey(NamedTuple):
    """Names a message."""

    session_id: str
    message_id: str


class ChatStanding(StrEnum):
    """How a message stands."""

    WAITING = "waiting"
    """Nothing was answered so far."""
    STREAMING = "streaming"
    ASKING = "asking"
    """The answer waits for a person."""
    SILENT = "silent"
    """Something should have come a while ago."""
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected."""
        return self in (ChatStanding.COMPLETE, ChatStanding.FAILED, ChatStanding.CANCELLED)


class ChatNote(NamedTuple):
    """What a `system` chunk told."""

    at: float
    offset: int
    """Characters of the answer before it."""
    event: str
    text: str
    """For people, with a tool's arguments or what it gave."""


class Pace:
    """How many a second, over the last while, and how that went."""

    __slots__ = ("_buckets", "_since")

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, int]] = deque(maxlen=_SECONDS_KEPT)
        self._since = 0.0

    def add(self, now: float) -> None:
        """Count one."""
        second = int(now)
        if self._buckets and self._buckets[-1][0] == second:
            self._buckets[-1] = (second, self._buckets[-1][1] + 1)
            return
        if not self._buckets:
            self._since = now
        self._buckets.append((second, 1))

    def per_second(self, now: float) -> float:
        """The mean of the last seconds, of which a young stream has fewer."""
        start = int(now) - _SECONDS_OF_PACE + 1
        number = 0
        for second, count in reversed(self._buckets):
            if second < start:
                break
            number += count
        return number / max(1.0, now - max(start, self._since)) if number else 0.0

    def history(self, now: float, seconds: int) -> list[float]:
        """How many came in each of the last seconds, the one that has just begun left out; the oldest first."""
        counts = dict(self._buckets)
        return [float(counts.get(second, 0)) for second in range(int(now) - seconds, int(now))]


@dataclass(slots=True, eq=False)
class ChatMessage:
    """One message and what came of it so far. Its words are strangers'."""

    session_id: str
    message_id: str
    heard_at: float
    """When it was first heard of, in seconds since 1970."""
    asked_at: float | None = None
    """When its request was heard; None where only its answer was."""
    user_id: str = ""
    question: str = ""
    """The beginning of it."""
    asked_of: str = ""
    """Provider and model that the request names."""
    correlation_id: str = ""
    request: bytes | None = None
    """As it came; None where it was not heard, or is too long to be kept."""
    attempt: int = 1
    chunks: int = 0
    """Of this attempt, each counted once."""
    pods: dict[str, None] = field(default_factory=dict)
    """Those that chunks went to, in the order of their first."""
    is_broadcast: bool = False
    """Whether chunks went to whoever listens to the session, since no pod had a connection of it."""
    first_at: float | None = None
    latest_at: float | None = None
    ended_at: float | None = None
    model: str = ""
    tokens: int | None = None
    finish: str = ""
    is_offline: bool = False
    """Whether no model wrote the answer."""
    error: ChunkError | None = None
    notes: list[ChatNote] = field(default_factory=list)
    asks: str = ""
    """What a person is asked, while the answer waits for that."""
    is_cancelling: bool = False
    """Whether it was called off and has not ended."""
    text: AnswerText = field(default_factory=lambda: AnswerText(MOST_CHARACTERS))
    changes: int = 0
    """Grows with all that is heard of it."""
    _pace: Pace = field(default_factory=Pace)

    @property
    def key(self) -> ChatKey:
        """What names it."""
        return ChatKey(self.session_id, self.message_id)

    @property
    def is_over(self) -> bool:
        """Whether its answer has ended."""
        return self.ended_at is not None

    def standing(self, now: float) -> ChatStanding:
        """How it stands at a time."""
        if self.ended_at is not None:
            if self.error is not None and self.error.code == CANCELLED:
                return ChatStanding.CANCELLED
            is_error = self.error is not None or self.finish == FinishReason.ERROR
            return ChatStanding.FAILED if is_error else ChatStanding.COMPLETE
        if self.asks:
            return ChatStanding.ASKING
        if now - self.heard_last_at >= SECONDS_UNTIL_SILENT:
            return ChatStanding.SILENT
        return ChatStanding.WAITING if self.first_at is None else ChatStanding.STREAMING

    @property
    def heard_last_at(self) -> float:
        """When anything was last heard of it."""
        return max(self.heard_at, self.asked_at or 0.0, self.latest_at or 0.0)

    @property
    def first_seconds(self) -> float | None:
        """Seconds from the request to the first chunk; None where one of them was not heard."""
        if self.asked_at is None or self.first_at is None:
            return None
        return max(0.0, self.first_at - self.asked_at)

    def chunks_per_second(self, now: float) -> float | None:
        """At present or, once it is over, on the whole; None where that has no meaning."""
        if self.ended_at is None:
            return self._pace.per_second(now) if self.chunks else None
        seconds = (self.latest_at or 0.0) - (self.first_at or 0.0)
        return (self.chunks - 1) / seconds if self.chunks > 1 and seconds > 0 else None

    def pace(self, now: float, seconds: int) -> list[float]:
        """Chunks in each of the last seconds, the oldest first."""
        return self._pace.history(now, seconds)

    def size(self) -> int:
        """About how many characters are kept of it."""
        return self.text.kept + len(self.question) + len(self.request or b"") + sum(len(n.text) for n in self.notes)

    # --- what is heard

    def hear_request(self, request: ChatRequest, data: bytes, now: float) -> None:
        """Its request; where its answer has ended, it is asked once more."""
        if self.ended_at is not None:
            self._begin(1)
            self.asked_at = None
        if self.asked_at is None:
            self.asked_at = now
        context = request.context
        self.user_id, self.correlation_id = request.user_id, request.correlation_id
        self.question = request.message[:MOST_OF_QUESTION] + ("…" if len(request.message) > MOST_OF_QUESTION else "")
        self.asked_of = "/".join(filter(None, (context.ai_provider, context.model)))
        self.request = data if len(data) <= LONGEST_REQUEST else None
        self.changes += 1

    def hear_chunk(self, chunk: Chunk, now: float) -> bool:
        """A chunk, at whichever pod; False for one that came before, or is of an earlier attempt."""
        if chunk.attempt < self.attempt:
            return False
        if chunk.attempt > self.attempt:
            self._begin(chunk.attempt)
        offset = self.text.length
        if not self.text.add(chunk.chunk_id, chunk.chunk if chunk.chunk_type is ChunkType.CONTENT else ""):
            return False
        self.chunks += 1
        self.changes += 1
        self._pace.add(now)
        self.latest_at = now
        if self.first_at is None:
            self.first_at = now
        self.correlation_id = self.correlation_id or chunk.correlation_id[:_LONGEST_ID]
        if chunk.chunk_type is ChunkType.SYSTEM:
            self._note(chunk, offset, now)
        elif chunk.chunk:
            self.asks = ""
        if chunk.metadata is not None and chunk.chunk_type is not ChunkType.SYSTEM:
            self._learn(chunk.metadata)
        if chunk.error is not None:
            self.error = ChunkError(chunk.error.code[:_LONGEST_ID], chunk.error.message[:_LONGEST_NOTE])
        if chunk.is_final:
            self.ended_at = now
        if self.is_over:
            self.asks, self.is_cancelling = "", False
        return True

    def hear_pod(self, pod: str) -> None:
        """A chunk of it went to a pod; empty for whoever listens to the session."""
        if not pod:
            self.is_broadcast = True
        elif pod not in self.pods and len(self.pods) < MOST_PODS:
            self.pods[pod[:LONGEST_TOKEN]] = None
            self.changes += 1

    def hear_cancel(self) -> None:
        """Its session's answers are called off."""
        if self.ended_at is None:
            self.is_cancelling = True
            self.changes += 1

    def _begin(self, attempt: int) -> None:
        self.attempt, self.chunks, self.first_at, self.latest_at, self.ended_at = attempt, 0, None, None, None
        self.model, self.tokens, self.finish, self.error, self.asks = "", None, "", None, ""
        self.is_offline = self.is_cancelling = False
        self.text, self._pace = AnswerText(MOST_CHARACTERS), Pace()
        self.notes = []

    def _note(self, chunk: Chunk, offset: int, now: float) -> None:
        event = _text((chunk.metadata or {}).get("event"))
        words = " ".join(filter(None, (chunk.chunk[:_LONGEST_NOTE], _details(chunk.metadata or {})))) or event
        self.notes.append(ChatNote(now, offset, event, words))
        del self.notes[:-MOST_NOTES]
        self.asks = (chunk.chunk[:_LONGEST_NOTE] or event) if event == QUESTION else ""

    def _learn(self, metadata: Mapping[str, Any]) -> None:
        tokens = metadata.get("tokens_used")
        self.model = _text(metadata.get("model")) or self.model
        self.finish = _text(metadata.get("finish_reason")) or self.finish
        self.is_offline = metadata.get("offline") is True
        if isinstance(tokens, int) and not isinstance(tokens, bool):
            self.tokens = tokens


class WorkflowStanding:
    """All messages of which something was heard, the latest ones. Everything that is heard is told by subject."""

    def __init__(self, most: int = MOST_MESSAGES) -> None:
        """Args:
        most: messages that are kept.
        """
        self._most = most
        self._messages: dict[ChatKey, ChatMessage] = {}
        self._recent: dict[bytes, ChatMessage] = {}
        """Chunks that came lately, as they came: the same bytes go to every pod."""
        self._pace = Pace()
        self.changes = 0
        """Grows with all that is heard."""
        self.spared: ChatKey | None = None
        """The message that is looked at: it is not forgotten."""
        self.unreadable = 0
        """Messages that were no request, or no chunk."""

    @property
    def messages(self) -> Sequence[ChatMessage]:
        """All of them, in the order in which they were first heard of."""
        return tuple(self._messages.values())

    def find(self, key: ChatKey) -> ChatMessage | None:
        """One of them; None for one that is not known, or no longer."""
        return self._messages.get(key)

    def of_session(self, session_id: str) -> Sequence[ChatMessage]:
        """The messages of one session, in order."""
        return [message for message in self._messages.values() if message.session_id == session_id]

    def counts(self, now: float) -> Mapping[ChatStanding, int]:
        """How many messages stand how."""
        return Counter(message.standing(now) for message in self._messages.values())

    def chunks_per_second(self, now: float) -> float:
        """Of all messages, each chunk counted once."""
        return self._pace.per_second(now)

    def hear_request(self, subject: str, data: bytes, now: float) -> None:
        """What was published on `chat.workflow.execute.{session}`."""
        self.changes += 1
        try:
            request = read_request(data, subject)
        except BadChatRequest:
            self.unreadable += 1
            return
        self._message(request.session_id, request.message_id, now).hear_request(request, data, now)
        self._keep_bounds()

    def hear_chunk(self, subject: str, data: bytes, now: float) -> None:
        """What was published on `chat.pod.{pod}.response` or `chat.session.{session}.broadcast`."""
        self.changes += 1
        message = self._recent.get(data)
        if message is None:
            chunk = read_chunk(data)
            if chunk is None or max(len(chunk.session_id), len(chunk.message_id)) > _LONGEST_ID:
                self.unreadable += 1
                return
            message = self._message(chunk.session_id, chunk.message_id, now)
            if message.hear_chunk(chunk, now):
                self._pace.add(now)
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            self._recent[data] = message
            self._keep_bounds()
        message.hear_pod(_pod_of(subject))

    def hear_cancel(self, subject: str, now: float) -> None:
        """What was published on `chat.workflow.cancel.{session}`."""
        self.changes += 1
        for message in self.of_session(session_of(subject)):
            message.hear_cancel()

    def _message(self, session_id: str, message_id: str, now: float) -> ChatMessage:
        key = ChatKey(session_id, message_id)
        message = self._messages.get(key)
        if message is None:
            message = self._messages[key] = ChatMessage(session_id, message_id, now)
            if len(self._messages) > self._most:
                self._forget()
        return message

    def _keep_bounds(self) -> None:
        """Forget what is too much; looked at now and then, since to count all of it takes a while."""
        if self.changes % _CHANGES_BETWEEN_COUNTS:
            return
        kept = sum(message.size() for message in self._messages.values())
        while kept > MOST_KEPT and len(self._messages) > 2:
            kept -= self._forget()

    def _forget(self) -> int:
        """Forget the oldest message that is over, or else the oldest one; returns how much was kept of it."""
        others = [key for key in self._messages if key != self.spared]
        over = next((key for key in others if self._messages[key].is_over), others[0])
        return self._messages.pop(over).size()


def _pod_of(subject: str) -> str:
    match subject.split("."):
        case ["chat", "pod", *pod, "response"]:
            return ".".join(pod)
    return ""


def _details(metadata: Mapping[str, Any]) -> str:
    """What a tool was called with, or what it gave, cut short."""
    found = next((metadata[name] for name in ("arguments", "result") if metadata.get(name)), None)
    words = found if isinstance(found, str) else "" if found is None else json.dumps(found, ensure_ascii=False)
    return words[:_LONGEST_DETAILS] + ("…" if len(words) > _LONGEST_DETAILS else "")


def _text(value: object) -> str:
    return value[:_LONGEST_ID] if isinstance(value, str) else ""


def matching(messages: Iterable[ChatMessage], search: str) -> list[ChatMessage]:
    """Those of which each word of `search` stands somewhere: in ids, user, question, model or error."""
    words = search.casefold().split()
    if not words:
        return list(messages)
    return [message for message in messages if all(word in _words_of(message) for word in words)]


def _words_of(message: ChatMessage) -> str:
    error = message.error or ChunkError("", "")
    return " ".join(
        (message.session_id, message.message_id, message.user_id, message.question, message.model, message.asked_of,
         message.correlation_id, error.code, error.message, *message.pods)
    ).casefold()  # fmt: skip
