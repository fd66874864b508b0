"""What the models of a graph say, as they say it, and by which node: the answer of a chat.

Text is noted where it comes into being, in a node's thread, and said from the loop. So when a node ends all that it
said is known, though some of it may still be on its way, and can be kept together with what the node came to.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langgraph.constants import TAG_NOSTREAM
from langgraph.pregel._messages import StreamMessagesHandler

from evolver_tui.core.workflow.found_answer import text_of_content

_BETWEEN_MESSAGES = "\n\n"


class Piece(NamedTuple):
    """A piece of text; none where its node began again, and what it said before counts no longer."""

    place: str
    """The tasks that lead to it, as LangGraph names them: `outer:id|inner:id`."""
    text: str | None


class Spoken:
    """The text of one run of a graph."""

    def __init__(self) -> None:
        self.handler = _Handler(self)
        """Goes into the graph's config: hears its models."""
        self.has_begun = False
        """Whether something was said already."""
        self._message: str | None = None
        """The id of the message that was said last."""
        self._unsaid: deque[Piece] = deque()
        self._unkept: list[Piece] = []
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    def note(self, place: str, message_id: str | None, text: str) -> None:
        """Take what a model said. Any thread may do that."""
        with self._lock:
            if message_id != self._message and self.has_begun:
                text = _BETWEEN_MESSAGES + text
            self.has_begun, self._message = True, message_id
            self._put(Piece(place, text))

    def begin_again(self, place: str) -> None:
        """Forget what a node said that is tried again. Any thread may do that."""
        with self._lock:
            if any(piece.place == place for piece in self._unkept):
                self._unkept = [piece for piece in self._unkept if piece.place != place]
                self._unsaid.append(Piece(place, None))
                self._loop.call_soon_threadsafe(self._news.set)

    def _put(self, piece: Piece) -> None:
        self._unsaid.append(piece)
        self._unkept.append(piece)
        self._loop.call_soon_threadsafe(self._news.set)

    def of_task(self, task_id: str) -> list[Piece]:
        """What a task that ended has said, with all within it that was not asked for before."""
        with self._lock:
            pieces, self._unkept = self._unkept, []
            found: list[Piece] = []
            for piece in pieces:
                (found if f":{task_id}" in piece.place else self._unkept).append(piece)
        return found

    def forget(self) -> None:
        """Forget what was said by tasks that did not end: they begin again."""
        with self._lock:
            self._unkept.clear()

    async def until(self, running: asyncio.Future[Any]) -> AsyncIterator[Piece]:
        """What is said while the graph runs, to its end."""
        running.add_done_callback(lambda _: self._news.set())
        while True:
            self._news.clear()
            while self._unsaid:
                yield self._unsaid.popleft()
            if running.done() and not self._unsaid:
                return
            await self._news.wait()


class _Handler(StreamMessagesHandler):
    """LangGraph's own listener for its stream mode `messages`, without what is said within tools."""

    def __init__(self, spoken: Spoken) -> None:
        super().__init__(self._hear, True)
        self._spoken = spoken
        self._in_tools: set[UUID] = set()
        self._unheard: set[UUID] = set()
        """Runs of models that are not listened to."""
        self._nodes: dict[str, UUID] = {}
        """Place to the run that is its node's."""
        self._failed: set[str] = set()

    def _hear(self, chunk: tuple[Any, ...]) -> None:
        message, metadata = chunk[2]
        if isinstance(message, AIMessage) and (text := text_of_content(message.content)):
            self._spoken.note(str(metadata["langgraph_checkpoint_ns"]), message.id, text)

    def on_tool_start(self, *arguments: Any, run_id: UUID, **named: Any) -> None:
        self._in_tools.add(run_id)

    def on_tool_end(self, output: Any, *, run_id: UUID, **named: Any) -> None:
        self._in_tools.discard(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **named: Any) -> None:
        self._in_tools.discard(run_id)

    def on_chat_model_start(
        self, *arguments: Any, run_id: UUID, parent_run_id: UUID | None = None, tags: list[str] | None = None,
        **named: Any,
    ) -> None:  # fmt: skip
        if parent_run_id in self._in_tools or TAG_NOSTREAM in (tags or ()):
            self._unheard.add(run_id)
            return
        super().on_chat_model_start(*arguments, run_id=run_id, parent_run_id=parent_run_id, tags=tags, **named)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **named: Any) -> None:
        if run_id not in self._unheard:
            super().on_llm_end(response, run_id=run_id, **named)
            return
        self._unheard.discard(run_id)
        for generation in (each for some in response.generations for each in some):
            if isinstance(generation, ChatGeneration) and generation.message.id is not None:
                self.seen.add(generation.message.id)  # nor is it said when the node returns it

    def on_chain_start(
        self, *arguments: Any, run_id: UUID, parent_run_id: UUID | None = None, **named: Any
    ) -> None:  # fmt: skip
        if parent_run_id in self._in_tools:
            self._in_tools.add(run_id)
            return
        super().on_chain_start(*arguments, run_id=run_id, parent_run_id=parent_run_id, **named)
        if (place := self._place_of(run_id)) is None:
            return
        if place in self._failed:
            self._failed.discard(place)
            self._nodes[place] = run_id
            self._spoken.begin_again(place)
        self._nodes.setdefault(place, run_id)

    def on_chain_end(self, *arguments: Any, run_id: UUID, **named: Any) -> None:
        super().on_chain_end(*arguments, run_id=run_id, **named)
        self._in_tools.discard(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **named: Any) -> None:
        place = self._place_of(run_id)
        super().on_chain_error(error, run_id=run_id, **named)
        self._in_tools.discard(run_id)
        if place is not None and self._nodes.get(place) == run_id:
            self._failed.add(place)

    def _place_of(self, run_id: UUID) -> str | None:
        meta = self.metadata.get(run_id)
        return str(meta[1]["langgraph_checkpoint_ns"]) if meta is not None else None
