"""The desk keeps when a question, or a draft that can be decided about, first lay before a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import sql
from tests.support.desk_fixtures import A_LOOK, Console, console
from tests.support.sessions import SUMMARIZE, send

pytestmark = pytest.mark.anyio


def seen(desk: Console) -> list[tuple[Any, ...]]:
    return sql(f"sqlite:///{desk.place.database_file}", "SELECT seen_at FROM question ORDER BY id")


async def test_what_lies_on_the_card_is_seen_and_what_waits_is_not(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await send(desk.session, dict(SUMMARIZE, id="t-1"), dict(SUMMARIZE, id="t-2"))
        await desk.until(lambda: len(seen(desk)) == 2, "two drafts")
        await desk.press("n")
        await desk.until(lambda: desk.desk.card.content.review is not None, "a draft on the card")
        desk.clock.seconds += A_LOOK
        await desk.until(lambda: any(at for (at,) in seen(desk)), "that it is seen")
        assert [at is not None for (at,) in seen(desk)].count(True) == 1


async def test_question_is_seen_as_soon_as_it_lies_there(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await send(desk.session, {"id": "t-1", "taskName": "A task"})
        await desk.until(lambda: seen(desk) == [(None,)] or any(at for (at,) in seen(desk)), "a question")
        await desk.press("n")
        await desk.until(lambda: all(at for (at,) in seen(desk)), "that it is seen")
