"""What was said in a chat before, as much as is sent along with its next message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolver_tui.core.workflow.chat_request import ChatTurn
from evolver_tui.engine.chat_store import ChatAnswer, ChatStore


@dataclass(frozen=True, slots=True)
class Conversations:
    """The chats that are kept, within a bound for each."""

    store: ChatStore
    messages: int
    """Of both sides, that are kept of a chat and sent along; 0 keeps nothing."""
    characters: int
    """Of those in all, that are sent along."""

    async def history(self, session_id: str) -> Sequence[ChatTurn]:
        """The latest turns that fit, the oldest first, beginning with one of the user. Raises StoreError."""
        if not self.messages:
            return ()
        return within(await self.store.chat_turns(session_id, self.messages), self.messages, self.characters)

    async def keep(self, session_id: str, message_id: str, question: str, answer: ChatAnswer) -> None:
        """Keep what was asked and answered; a message that was kept before stays as it is. Raises StoreError."""
        if self.messages:
            await self.store.keep_chat(session_id, message_id, question, answer, self.messages)

    async def answer(self, session_id: str, message_id: str) -> ChatAnswer | None:
        """The answer to this message, where it was kept. Raises StoreError."""
        return await self.store.chat_answer(session_id, message_id) if self.messages else None


def within(turns: Sequence[ChatTurn], messages: int, characters: int) -> Sequence[ChatTurn]:
    """The latest turns within both bounds, the oldest first, beginning with one of the user."""
    kept: list[ChatTurn] = []
    left = characters
    for turn in reversed(turns[-messages:] if messages else ()):
        left -= len(turn.text)
        if left < 0:
            break
        kept.append(turn)
    while kept and kept[-1].role != "user":
        kept.pop()
    return kept[::-1]
