"""Spec 002's demonstration: an answer without any model, which says so."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from evolver_tui.core.workflow.chat_request import ChatRequest, ChatTurn
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.workflow.answering import AnswerEnd, AnswerPiece

WORDS: Final = 3
"""In one chunk."""
PACE: Final = 0.1
"""Seconds between two chunks."""
MODEL: Final = "demo-gpt"

_ANSWER: Final = (
    "I received your message: '{message}' This is a demo response from the LangGraph workflow service. In a real"
    " implementation, this would integrate with AI models like GPT-4, Claude, etc. The response is being streamed token"
    " by token to demonstrate the chunk buffering system."
)
_LONGEST_MESSAGE: Final = 1_000
"""Characters of the message that are said again: at three words each tenth of a second, more takes minutes."""


class DemoAnswerer:
    """An `Answerer` that repeats what it was asked."""

    label = "demo"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def check(self, request: ChatRequest) -> None:
        """Whatever provider and model are asked for, it is the demonstration that answers, and says so."""

    async def answer(self, request: ChatRequest, history: Sequence[ChatTurn]) -> AsyncGenerator[AnswerPiece, None]:
        """Three words at a time; the last of them come with the end."""
        message = request.message
        cut = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
        words = _ANSWER.replace("{message}", cut).split()
        chunks = [" ".join(words[start : start + WORDS]) for start in range(0, len(words), WORDS)]
        for chunk in chunks[:-1]:
            yield f"{chunk} "
            await self._clock.sleep(PACE)
        yield AnswerEnd(MODEL, tokens=len(words), text=chunks[-1], is_offline=True)

    async def close(self) -> None:
        """Nothing is held."""
