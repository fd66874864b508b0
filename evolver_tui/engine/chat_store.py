"""What is kept of chats between two messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from evolver_tui.core.workflow.chat_request import ChatTurn
from evolver_tui.core.workflow.chunk import FinishReason


class ChatAnswer(NamedTuple):
    """An answer as its chat was told it, or is about to be."""

    text: str
    model: str
    tokens: int
    finish: FinishReason = FinishReason.STOP


class ChatStore(Protocol):
    """Conversations, each under its chat's session."""

    async def chat_turns(self, session_id: str, most: int) -> Sequence[ChatTurn]:
        """The latest turns of a chat, the oldest of them first. Raises StoreError."""

    async def chat_answer(self, session_id: str, message_id: str) -> ChatAnswer | None:
        """The answer to a message, where it is kept. Raises StoreError."""

    async def keep_chat(self, session_id: str, message_id: str, question: str, answer: ChatAnswer, most: int) -> None:
        """Add what was asked and answered, once, and forget all but the latest turns.

        Args:
            message_id: of the request: what was kept with it before is left as it is.
            most: turns of this chat that stay.

        Raises:
            StoreError: nothing was written.
        """
