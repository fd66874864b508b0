"""Trying a model with one short request."""

from __future__ import annotations

from contextlib import aclosing

from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.author.backend import Backend, Thinking, Usage
from evolver_tui.engine.author.prompt import TRIAL
from evolver_tui.engine.clock import Clock


async def try_out(backend: Backend, clock: Clock) -> tuple[str, ...]:
    """Ask for one word, with the config's own settings; returns what came of it and what was learned, in sentences.

    Raises:
        BackendError: it does not answer.
    """
    started, usage, thinking = clock.now(), Usage(), 0
    try:
        async with aclosing(backend.stream(TRIAL)) as stream:
            async for piece in stream:
                if isinstance(piece, Thinking):
                    thinking += piece.characters
                elif isinstance(piece, Usage):
                    usage = piece
        seconds = clock.now() - started
    finally:
        await backend.close()
    sentences = [f"{safe_text(backend.info.label, 200)} answered in {seconds:.1f} s."]
    if thinking:
        sentences.append(f"It thinks before it answers: {thinking:,} characters here, which count as tokens.")
    if usage.completion_tokens is None:
        sentences.append("It does not say how many tokens it used.")
    return (*sentences, *backend.info.learned)
