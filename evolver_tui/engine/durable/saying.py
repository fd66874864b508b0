"""What a job says, while it is worked on, to whoever asked for it: text that grows, and is whole whatever happens.

Whoever listens hears the text once, in order, within one go. A job that goes on after a question goes on with its go.
One that was taken over, given back or retried begins the next: then it says all of it again, and what was said before
counts no longer. What is said between steps is said again because the routine runs from its top; what is said within
a step or a graph's node, which are not done again, is kept with what they came to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol

from evolver_tui.core.errors import RoutineError
from evolver_tui.core.question import Question

LONGEST_ANSWER: Final = 200_000
"""Characters that one job may say."""

BETWEEN: Final = ""
"""The place of what is said outside of all steps."""

_PLACE: ContextVar[str] = ContextVar("place", default=BETWEEN)


class Audience(Protocol):
    """Whoever listens to one job, for one time that it is taken up."""

    @property
    def goes_on(self) -> bool:
        """Whether it heard, in the go that goes on now, all that was said before the job was taken up."""

    async def hear(self, text: str) -> None:
        """Hear the next piece of the text."""

    async def begin_again(self) -> None:
        """Forget what was heard: all of it follows anew. It does not go on from here on."""

    async def before_question(self, question: Question, *, is_whole: bool) -> Mapping[str, Any]:
        """What is kept in the journal with this question, by name.

        Args:
            is_whole: False where something was said that will be said again once the question is answered.
        """

    async def asked(self, question: Question) -> None:
        """Hear a question that is committed."""

    async def answered(self, question: Question, answer: Mapping[str, Any]) -> None:
        """Hear that a question was answered, as the job comes past it."""


class Saying:
    """The text of one job, and whoever hears it. Without an audience nothing is kept."""

    def __init__(self) -> None:
        self.audience: Audience | None = None
        self._parts: list[tuple[str, str]] = []
        """Place and text, in order."""
        self._done: set[str] = {BETWEEN}
        """Places whose text was kept with what they came to, or is said again by a routine that runs from its top."""
        self._length = 0

    @property
    def text(self) -> str:
        """All that was said, from the job's beginning on."""
        return "".join(text for _, text in self._parts)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was said that is said again when the job is taken up again."""
        return all(place in self._done for place, _ in self._parts)

    @contextmanager
    def within(self, place: str) -> Iterator[None]:
        """Have what is said in this context belong to a step."""
        token = _PLACE.set(place)
        try:
            yield
        finally:
            _PLACE.reset(token)

    async def say(self, text: str, *, is_repeat: bool = False, place: str | None = None) -> None:
        """Say something.

        Args:
            is_repeat: it was said before: only an audience that begins anew hears it.
            place: None for the step of this context.

        Raises:
            RoutineError: there would be more than one job may say.
        """
        if self.audience is None or not text:
            return
        self._length += len(text)
        if self._length > LONGEST_ANSWER:
            raise RoutineError(f"The answer has more than {LONGEST_ANSWER:,} characters.", "Say less.")
        self._parts.append((_PLACE.get() if place is None else place, text))
        if not (is_repeat and self.audience.goes_on):
            await self.audience.hear(text)

    def of(self, place: str) -> str:
        """What was said in a step."""
        return "".join(text for each, text in self._parts if each == place)

    def keep(self, place: str) -> None:
        """What was said there is kept: it is not said again by doing it again."""
        self._done.add(place)

    async def take_back(self, place: str | None = None) -> None:
        """Begin anew without what was said in a step, or in all that will be done again; not where that is nothing."""
        kept = [part for part in self._parts if (part[0] in self._done if place is None else part[0] != place)]
        if len(kept) == len(self._parts) or self.audience is None:
            return
        self._parts, self._length = kept, sum(len(text) for _, text in kept)
        await self.audience.begin_again()
        for _, text in kept:
            await self.audience.hear(text)

    # --- questions

    async def before_question(self, question: Question) -> Mapping[str, Any]:
        """What is kept with it."""
        if self.audience is None:
            return {}
        return await self.audience.before_question(question, is_whole=self.is_whole)

    async def asked(self, question: Question) -> None:
        """Tell of a question that is committed."""
        if self.audience is not None:
            await self.audience.asked(question)

    async def answered(self, question: Question, answer: Mapping[str, Any]) -> None:
        """Tell that it was answered."""
        if self.audience is not None:
            await self.audience.answered(question, answer)
