"""What the workflow service needs of whoever answers a chat."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from evolver_tui.core.workflow.chat_request import ChatRequest, ChatTurn
from evolver_tui.core.workflow.chunk import FinishReason


@dataclass(frozen=True, slots=True)
class SystemNote:
    """Something that goes on while an answer is written; becomes a `system` chunk."""

    text: str
    """For people."""
    details: Mapping[str, Any]
    """For programs: becomes the chunk's metadata. `event` says what it is."""
    is_optional: bool = False
    """Whether only requests that want `tool_events` are told."""


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The end of a whole answer."""

    model: str
    tokens: int
    """Of the answer, as the provider counted them; of all its rounds where it called tools."""
    finish: FinishReason = FinishReason.STOP
    text: str = ""
    """The last of the answer's text, where it was known to be the last."""
    is_offline: bool = False
    """Whether no model wrote it."""


AnswerPiece: TypeAlias = str | SystemNote | AnswerEnd
"""Text, what goes on, and at last the end."""


class Answerer(Protocol):
    """Writes answers, several at once."""

    @property
    def label(self) -> str:
        """As shown beside what it wrote, e.g. `openai/gpt-4.1`."""

    def check(self, request: ChatRequest) -> None:
        """Refuse what cannot be answered, before anything is done. Raises BadChatRequest."""

    def answer(self, request: ChatRequest, history: Sequence[ChatTurn]) -> AsyncGenerator[AnswerPiece, None]:
        """The pieces of one answer as they come, then one `AnswerEnd`. Closing or cancelling it ends all it does.

        Args:
            history: what was said before in this session, the oldest first.

        Raises:
            EvolverError: there is no answer, or no more of it; its sentence is told.
        """

    async def close(self) -> None:
        """Let go of connections."""
