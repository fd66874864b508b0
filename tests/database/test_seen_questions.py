"""When a question first lay before a person."""

from __future__ import annotations

import pytest

from tests.support.databases import add, opened, pause, sql, tasks


@pytest.mark.anyio
async def test_first_look_counts_whoever_looks_again(url: str) -> None:
    async with opened(url) as database, opened(url, clock_shift=100.0) as elsewhere:
        await add(database, *tasks("a"))
        _, question = await pause(database)
        assert sql(url, "SELECT seen_at FROM question") == [(None,)]
        await database.seen(question)
        ((first,),) = sql(url, "SELECT seen_at FROM question")
        await elsewhere.seen(question)
        assert sql(url, "SELECT seen_at FROM question") == [(first,)]


@pytest.mark.anyio
async def test_what_was_answered_unseen_is_not_seen_later(url: str) -> None:
    async with opened(url) as database:
        await add(database, *tasks("a"))
        _, question = await pause(database)
        await database.answer(question, {"action": "decline"}, "Ada", "s")
        await database.seen(question)
        await database.seen(2**70)
        assert sql(url, "SELECT seen_at FROM question") == [(None,)]
