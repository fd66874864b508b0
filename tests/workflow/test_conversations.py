"""What was said in a chat before goes along with its next message, within bounds, from either database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.workflow.chat_request import ChatTurn
from evolver_tui.engine.chat_store import ChatAnswer
from evolver_tui.engine.workflow.conversations import Conversations, within
from tests.support.databases import opened
from tests.support.nats_server import NatsServer
from tests.support.provider_server import ProviderServer, openai_answer
from tests.support.redis_server import RedisServer
from tests.support.servers import PostgreSQLServer
from tests.support.workflow_process import Serving, pods, servers, text_of

TURNS = st.lists(st.builds(ChatTurn, st.sampled_from(["user", "assistant"]), st.text(max_size=9)), max_size=9)


@given(TURNS, st.integers(0, 9), st.integers(0, 40))
def test_what_is_sent_along_is_the_end_within_both_bounds(
    turns: list[ChatTurn], messages: int, characters: int
) -> None:
    kept = list(within(turns, messages, characters))
    assert kept == turns[len(turns) - len(kept) :]
    assert len(kept) <= messages
    assert sum(len(turn.text) for turn in kept) <= characters
    assert not kept or kept[0].role == "user"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chats.db"
    server: PostgreSQLServer = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.mark.anyio
async def test_each_message_is_kept_once_and_the_oldest_go(database_url: str) -> None:
    async with opened(database_url) as database:
        chats = Conversations(database, 4, 1_000)
        for number in range(3):
            await chats.keep("mine", f"m{number}", f"question {number}", ChatAnswer(f"answer {number}", "model", 7))
        await chats.keep("mine", "m2", "another question", ChatAnswer("another answer", "", 0))
        await chats.keep("theirs", "m2", "\0 \ud800 'quoted' %", ChatAnswer("ok", "", 0))
        assert [turn.text for turn in await chats.history("mine")] == [
            "question 1", "answer 1", "question 2", "answer 2",
        ]  # fmt: skip
        assert (await chats.history("theirs"))[0].text == "\0 \ud800 'quoted' %"
        assert await chats.history("nobody's") == []
        assert await chats.answer("mine", "m2") == ChatAnswer("answer 2", "model", 7)
        assert await chats.answer("mine", "m9") is None
        assert await chats.answer("mine", "m0") is None
    async with opened(database_url) as database:
        assert len(await Conversations(database, 2, 1_000).history("mine")) == 2
        assert await Conversations(database, 0, 1_000).history("mine") == ()


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[NatsServer, RedisServer]]:
    """Servers that the tests of this module share."""
    with servers() as started:
        yield started


@pytest.mark.anyio
async def test_model_hears_what_was_said_before_on_another_instance(
    both: tuple[NatsServer, RedisServer], tmp_path: Path, database_url: str
) -> None:
    async with ProviderServer([openai_answer("Ada, I ", "see.")], [openai_answer("You are ", "Ada.")]) as provider:
        backend = f'[backend]\nkind = "openai"\nmodel = "coder"\nbase_url = "{provider.url}/v1"\n'
        more: dict[str, Any] = {"config": backend, "OPENAI_API_KEY": "key"}
        options = ("--database", database_url)
        async with pods(*both) as chat:
            await chat.connect("talk")
            for message_id, said, answer in (
                ("first", "I am Ada.", "Ada, I see."),
                ("second", "Who am I?", "You are Ada."),
            ):
                with Serving(tmp_path / message_id, both[0].url, both[1].port, *options, **more) as instance:
                    await instance.until("workflow.serving", answered_by="openai/coder")
                    await chat.ask("talk", message_id, said)
                    chunks = await chat.answer(message_id)
                    assert text_of(chunks) == answer
                    assert chunks[-1]["metadata"]["model"] == "coder"
                    await instance.until("workflow.completed")
        asked = [request.json["messages"] for request in provider.requests]
        assert [(turn["role"], turn["content"]) for turn in asked[1] if turn["role"] != "system"] == [
            ("user", "I am Ada."), ("assistant", "Ada, I see."), ("user", "Who am I?"),
        ]  # fmt: skip
        assert "key" not in json.dumps(chat.heard)
