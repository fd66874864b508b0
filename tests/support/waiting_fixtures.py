"""What the tests of waiting jobs share: tasks that ask, the same database in another process, and waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.job import QueueCounts
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.safe_text import safe_text
from tests.support.databases import opened
from tests.support.desk_fixtures import Console

ASKS = {"id": "task-9", "taskName": "Translate Release Notes", "llmTaskType": "translate"}
SORT = {"id": "task-10", "taskName": "Sort Incoming Forms"}
LANGUAGES = {"action": "accept", "content": {"languages": "de->en"}}


@asynccontextmanager
async def elsewhere(desk: Console) -> AsyncIterator[Database]:
    """The same database, as another process has it open."""
    file = desk.place.database_file
    assert file is not None
    async with opened(file) as database:
        yield database


async def until_needs(desk: Console, number: int) -> None:
    await desk.until(lambda: (desk.desk.queue.counts or QueueCounts()).needs_you == number, f"{number} that need you")


def hear(desk: Console, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said to the person from here on; a notice itself is gone after a while."""
    heard: list[str] = []
    say = desk.desk.say

    def record(text: str, *rest: Any) -> None:
        heard.append(safe_text(text))
        say(text, *rest)

    monkeypatch.setattr(desk.desk, "say", record)
    return heard


async def until_open(desk: Console, kind: type[Any]) -> None:
    """Wait until a dialog is in front and takes keys."""
    await desk.until_open(kind)


async def until_back(desk: Console) -> None:
    await desk.until(lambda: desk.app.screen is desk.desk, "the desk")


async def question_about(desk: Console, task_id: str) -> OpenQuestion:
    waiting = await desk.session.store.open_questions()
    return next(asked for asked in waiting if asked.task_id == task_id)
