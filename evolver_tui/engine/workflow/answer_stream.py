"""One answer on its way: numbered chunks, each to every pod that has a connection of the session."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from evolver_tui.core.errors import BrokerError
from evolver_tui.core.signal_catalogue.workflow_signals import AnswerEnded, ChatNamed
from evolver_tui.core.times import utc_text
from evolver_tui.core.workflow.chat_request import ChatRequest
from evolver_tui.core.workflow.chunk import CANCELLED, Chunk, ChunkError, ChunkType, FinishReason, content_writer
from evolver_tui.core.workflow.subjects import broadcast_subject, pod_subject
from evolver_tui.engine.workflow.answering import AnswerEnd, SystemNote
from evolver_tui.engine.workflow.registry import PodLookup

_LAST_SECONDS: Final = 1.0
"""How long a chunk is still tried to be sent when whoever sends it is called off."""


class Publisher(Protocol):
    """What carries chunks: a `Broker`."""

    async def publish(self, subject: str, data: bytes) -> None:
        """See `Broker.publish`."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where chunks go."""

    publisher: Publisher
    pods: PodLookup
    now: Callable[[], float]
    """Seconds since 1970."""

    async def send(self, session_id: str, chunk: bytes) -> None:
        """Publish a chunk to every pod of a session, or to whoever listens to the session where there is none.

        Raises:
            BrokerError: the broker is away for too long.
        """
        pods = await self.pods.pods(session_id)
        for pod in pods:
            await self.publisher.publish(pod_subject(pod), chunk)
        if not pods:
            await self.publisher.publish(broadcast_subject(session_id), chunk)


def named(request: ChatRequest, attempt: int) -> ChatNamed:
    """Which answer a signal tells of."""
    return {"session": request.session_id, "message_id": request.message_id, "attempt": attempt}


class AnswerStream:
    """The chunks of one attempt to answer one request.

    Args:
        attempt: how often the answer was begun, this time included.
        next_chunk: the number of the next chunk, where an attempt goes on.
    """

    def __init__(self, route: Route, request: ChatRequest, *, attempt: int = 1, next_chunk: int = 0) -> None:
        self.request = request
        self.attempt = attempt
        self.next_chunk = next_chunk
        self.first_at: float | None = None
        """When the first chunk was published, in seconds since 1970; None before."""
        self._route = route
        self._content = content_writer(request.session_id, request.message_id, request.correlation_id, attempt)
        self._millisecond = -1
        self._timestamp = ""

    @property
    def named(self) -> ChatNamed:
        """Which answer it is, for signals."""
        return named(self.request, self.attempt)

    def ended(self, end: AnswerEnd, began: float) -> AnswerEnded:
        """What a signal tells of the whole answer, which began at this time by the route's clock."""
        told: AnswerEnded = {
            "session": self.request.session_id,
            "message_id": self.request.message_id,
            "attempt": self.attempt,
            "finish_reason": str(end.finish),
            "chunks": self.next_chunk,
            "tokens": end.tokens,
            "seconds": self._route.now() - began,
        }
        if self.first_at is not None:
            told["first_chunk_seconds"] = self.first_at - began
        return told

    async def say(self, text: str) -> None:
        """Publish some of the answer's text. So raise all of these BrokerError."""
        data = self._content(self.next_chunk, text, self._stamp())
        await self._publish(data)

    async def note(self, note: SystemNote) -> None:
        """Tell what goes on, where the request wants to know."""
        if not note.is_optional or self.request.context.tool_events:
            await self._send(note.text, ChunkType.SYSTEM, metadata=note.details)

    async def finish(self, end: AnswerEnd) -> None:
        """Publish the last chunk of a whole answer."""
        metadata = _metadata(end.model, end.tokens, end.finish)
        metadata |= {"offline": True} if end.is_offline else {}
        await self._send(end.text, metadata=metadata, is_final=True)

    async def fail(self, code: str, message: str, model: str = "", tokens: int = 0) -> None:
        """Publish that there is no answer, or no more of it."""
        await self._send(
            "", ChunkType.ERROR, metadata=_metadata(model, tokens, FinishReason.ERROR), is_final=True,
            error=ChunkError(code, message),
        )  # fmt: skip

    async def cancelled(self, model: str = "", tokens: int = 0) -> None:
        """Publish that the answer was called off."""
        await self.fail(CANCELLED, "The answer was called off.", model, tokens)

    async def _send(
        self,
        text: str,
        kind: ChunkType = ChunkType.CONTENT,
        *,
        metadata: Mapping[str, Any] | None = None,
        error: ChunkError | None = None,
        is_final: bool = False,
    ) -> None:
        chunk = Chunk(
            session_id=self.request.session_id,
            message_id=self.request.message_id,
            chunk_id=self.next_chunk,
            chunk=text,
            timestamp=self._stamp(),
            correlation_id=self.request.correlation_id,
            chunk_type=kind,
            is_final=is_final,
            metadata=metadata,
            error=error,
            attempt=self.attempt,
        )
        await self._publish(chunk.to_bytes())

    async def _publish(self, chunk: bytes) -> None:
        self.next_chunk += 1
        try:
            await self._route.send(self.request.session_id, chunk)
        except asyncio.CancelledError:  # its number is taken: readers would wait for it before they see the end
            with contextlib.suppress(BrokerError, TimeoutError):
                await asyncio.wait_for(self._route.send(self.request.session_id, chunk), _LAST_SECONDS)
            raise
        if self.first_at is None:
            self.first_at = self._route.now()

    def _stamp(self) -> str:
        """Now, to the millisecond: many chunks share one."""
        now = self._route.now()
        millisecond = int(now * 1000)
        if millisecond != self._millisecond:
            self._millisecond, self._timestamp = millisecond, utc_text(now)
        return self._timestamp


def _metadata(model: str, tokens: int, finish: FinishReason) -> dict[str, Any]:
    return {"model": model, "tokens_used": tokens, "finish_reason": str(finish)}
