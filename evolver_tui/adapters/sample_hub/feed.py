"""What the sample hub sends and when: numbered tasks at a rate, remembered until they are finished."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from evolver_tui.adapters.sample_hub.tasks import BUILT_IN_TASKS
from evolver_tui.core.errors import UsageError

REMEMBERED = 10_000
"""So many tasks are remembered for clients that come back; one that falls further behind misses the rest."""

_MESSAGES_AT_ONCE = 128
_LONGEST_LAG = 1.0


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Which tasks, how many and how fast.

    Raises:
        UsageError: a number cannot be.
    """

    tasks: Sequence[Mapping[str, Any]] | None = None
    """Sent with their own ids, round after round (`<id>-r2` from the second); None: the built-in ones, numbered."""
    rate: float = 2.0
    """Tasks a second; 0 is as fast as clients take them."""
    batch: int = 1
    """Tasks in one message."""
    count: int | None = None
    """Tasks in all; None sends each once, 0 never ends."""
    start_number: int = 1
    """The number in the first built-in task's id."""
    id_prefix: str = "task-"
    """What stands before that number."""

    def __post_init__(self) -> None:
        if not self.rate >= 0:
            raise UsageError(f"The rate cannot be {self.rate}.", "Give tasks a second, or 0 for as fast as possible.")
        if not 1 <= self.batch <= REMEMBERED:
            raise UsageError(f"A batch cannot hold {self.batch} tasks.", f"Give a number from 1 to {REMEMBERED}.")
        if self.count is not None and self.count < 0:
            raise UsageError(f"The count cannot be {self.count}.", "Give a number of tasks, or 0 for no end.")


class SentTask(NamedTuple):
    """A task as it goes on the wire."""

    id: str
    text: str
    """The task object as JSON."""
    is_finished: bool


class TaskFeed:
    """One stream of tasks that every connection reads at its own pace.

    Positions in the stream are counted from 0. The connection that has read everything asks for more, so nothing is
    made up while nobody listens.
    """

    def __init__(self, settings: FeedSettings) -> None:
        self._rate = settings.rate
        self._batch = settings.batch
        self._source = _numbered(settings)
        self._is_made_up = settings.tasks is None
        self._remembered: dict[int, SentTask] = {}
        self._positions: dict[str, int] = {}
        self._first = 0
        self._producing = asyncio.Lock()
        self._due: float | None = None
        self.end = 0
        """The position of the task that will come next."""

    @property
    def is_made_up(self) -> bool:
        """Whether these are the built-in tasks, and nobody's own."""
        return self._is_made_up

    @property
    def unfinished(self) -> int:
        """How many tasks a client that comes back would get again."""
        return sum(not task.is_finished for task in self._remembered.values())

    def read(self, position: int, live_from: int) -> tuple[int, list[SentTask]]:
        """Some tasks from `position` on, and the position after them.

        Before `live_from` only what is unfinished, since that is a repetition for a client that comes back.
        """
        position = max(position, self._first)
        limit = self._batch * max(1, _MESSAGES_AT_ONCE // self._batch)
        tasks: list[SentTask] = []
        while position < self.end and len(tasks) < limit:
            task = self._remembered.get(position)
            if task is not None and not (task.is_finished and position < live_from):
                tasks.append(task)
            position += 1
        return position, tasks

    def finish(self, task_id: str) -> bool:
        """Forget a task that is done; False when no such task is remembered."""
        position = self._positions.pop(task_id, None)
        return position is not None and self._remembered.pop(position, None) is not None

    async def produce(self, position: int) -> bool:
        """Wait until there is something at `position`; False when there never will be."""
        async with self._producing:
            if position < self.end:
                return True
            amount = await self._wait_until_due()
            for task in itertools.islice(self._source, amount):
                self._remember(task)
            return position < self.end

    async def _wait_until_due(self) -> int:
        """Keep the rate; returns how many tasks are due."""
        if not self._rate:
            return self._batch * max(1, _MESSAGES_AT_ONCE // self._batch)
        period = self._batch / self._rate
        now = time.monotonic()
        if self._due is None or now - self._due > max(_LONGEST_LAG, period):
            self._due = now
        if self._due > now:
            await asyncio.sleep(self._due - now)
        messages = 1 + max(0, int((time.monotonic() - self._due) / period))
        messages = min(messages, _MESSAGES_AT_ONCE)
        self._due += messages * period
        return messages * self._batch

    def _remember(self, task: SentTask) -> None:
        self._remembered[self.end] = task
        if task.id:
            self._positions[task.id] = self.end
        self.end += 1
        if self.end - self._first > REMEMBERED:
            forgotten = self._remembered.pop(self._first, None)
            if forgotten is not None and self._positions.get(forgotten.id) == self._first:
                del self._positions[forgotten.id]
            self._first += 1


def _numbered(settings: FeedSettings) -> Iterator[SentTask]:
    tasks = BUILT_IN_TASKS if settings.tasks is None else settings.tasks
    endless = _built_in_rounds(settings.id_prefix, settings.start_number) if settings.tasks is None else _rounds(tasks)
    count = len(tasks) if settings.count is None else settings.count
    return itertools.islice(endless, count) if count else endless


def _built_in_rounds(prefix: str, start_number: int) -> Iterator[SentTask]:
    # Encoded once: a task differs from its like in another round by its id alone.
    bodies = [(json.dumps(task)[1:], task["status"] == "completed") for task in BUILT_IN_TASKS]
    for number, (body, is_finished) in zip(itertools.count(start_number), itertools.cycle(bodies), strict=False):
        yield SentTask(f"{prefix}{number}", f'{{"id": "{prefix}{number}", {body}', is_finished)


def _rounds(tasks: Sequence[Mapping[str, Any]]) -> Iterator[SentTask]:
    bodies = []
    for task in tasks:
        rest = json.dumps({key: value for key, value in task.items() if key != "id"})[1:]
        bodies.append((task, rest, task.get("status") == "completed"))
    for round_number in itertools.count(1):
        for task, rest, is_finished in bodies:
            if round_number == 1 or "id" not in task:
                yield SentTask(str(task.get("id", "")), json.dumps(task), is_finished)
            else:
                task_id = f"{task['id']}-r{round_number}"
                comma = "" if rest == "}" else ", "
                yield SentTask(task_id, f'{{"id": {json.dumps(task_id)}{comma}{rest}', is_finished)
