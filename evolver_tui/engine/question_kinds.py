"""What a question is about at this moment, where that is more than was so when it was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from evolver_tui.core.job import QuestionKind
from evolver_tui.core.question import OpenQuestion
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.author.review import review_as_of_now

AS_OF_NOW: Final[dict[str, Callable[[OpenQuestion, Library], Awaitable[OpenQuestion]]]] = {
    QuestionKind.REVIEW: review_as_of_now,
}
"""Kind to what renews its subject, for those whose subject can become another one while it waits."""


async def as_of_now(asked: OpenQuestion, library: Library | None) -> OpenQuestion:
    """The same question, about what its subject is beside the library as it stands. Raises NodeError."""
    renew = AS_OF_NOW.get(asked.question.kind)
    return asked if renew is None or library is None else await renew(asked, library)
