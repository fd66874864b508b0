"""What was said in chats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.queries import Ask
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.core.workflow.chat_request import ChatTurn
from evolver_tui.core.workflow.chunk import FinishReason
from evolver_tui.engine.chat_store import ChatAnswer

_TURNS: Final = "SELECT role, text_json FROM chat_turn WHERE chat = ? ORDER BY id DESC LIMIT ?"
_ANSWER: Final = "SELECT text_json, end_json FROM chat_turn WHERE chat = ? AND message_id = ? AND role = 'assistant'"
_ADD: Final = (
    "INSERT INTO chat_turn (chat, message_id, role, text_json, end_json, at) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (chat, message_id, role) DO NOTHING"
)
_FORGET: Final = (
    "DELETE FROM chat_turn WHERE chat = ? AND id <="
    " (SELECT id FROM chat_turn WHERE chat = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"
)


def turns(ask: Ask, session_id: str, most: int) -> Sequence[ChatTurn]:
    """The latest turns, the oldest first."""
    found = ask.rows(_TURNS, (session_id, most))
    return [ChatTurn(role, encoding.from_json(text)) for role, text in reversed(found)]


def answer(ask: Ask, session_id: str, message_id: str) -> ChatAnswer | None:
    """The answer to a message, where it is kept."""
    found = ask.first(_ANSWER, (session_id, message_id))
    if found is None:
        return None
    text, (model, tokens, finish) = map(encoding.from_json, found)
    return ChatAnswer(text, model, tokens, FinishReason(finish))


def keep(
    transaction: Transaction, session_id: str, message_id: str, question: str, answer: ChatAnswer, most: int
) -> None:
    """Add what was asked and answered, each once, and forget the oldest turns beyond a number."""
    end = encoding.to_json((answer.model, answer.tokens, answer.finish), "An answer's end")
    for role, text, end_json in (("user", question, ""), ("assistant", answer.text, end)):
        text_json = encoding.to_json(text, "A chat's message")
        transaction.execute(_ADD, (session_id, message_id, role, text_json, end_json, transaction.now))
    transaction.execute(_FORGET, (session_id, session_id, most))
