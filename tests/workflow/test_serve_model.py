"""`evolver-tui workflow serve` with a model: from a request over NATS to the last chunk, with tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolver_tui.settings.workspace import Workspace
from tests.support.chat_streams import openai_pieces, piece
from tests.support.model_chats import KEY, approve
from tests.support.provider_server import HANG, SSE_HEAD, ProviderServer, openai_chunk, openai_events
from tests.support.sessions import workspace_in
from tests.support.workflow_process import Serving, pods, servers, text_of

pytestmark = pytest.mark.anyio


def home_of(folder: Path, provider: ProviderServer) -> Workspace:
    """A home whose config names the provider."""
    return workspace_in(
        folder,
        f'[backend]\nkind = "openai"\nmodel = "coder"\nbase_url = "{provider.url}/v1"\n',
        {"OPENAI_API_KEY": KEY},
    )


async def test_a_chat_with_a_model_a_tool_and_a_node(tmp_path: Path) -> None:
    calls = openai_pieces(
        piece(0, "1", "summarizer", '{"prompt": "A text"}'), piece(1, "2", "doubler", '{"n": 21}'), text="Let me see."
    )
    turns = [[SSE_HEAD, calls], [SSE_HEAD, openai_events("Short.")], [SSE_HEAD, openai_events("It is ", "42.")]]
    async with ProviderServer(*turns, [SSE_HEAD, openai_events("Yes.")]) as provider:
        approve(home_of(tmp_path, provider))
        with (
            servers() as both,
            Serving(
                tmp_path, both[0].url, both[1].port, "--nodes", str(tmp_path / "nodes"), OPENAI_API_KEY=KEY
            ) as instance,
        ):
            await instance.until("workflow.serving")
            async with pods(*both) as chat:
                await chat.connect("s")
                await chat.ask("s", "m1", "Double 21", tool_events=True)
                first = await chat.answer("m1")
                await instance.until("workflow.completed", message_id="m1")
                await chat.ask("s", "m2", "Sure?")
                second = await chat.answer("m2")
                await chat.ask("s", "m3", "Hi", model="gpt-4")
                refused = await chat.answer("m3")
            told = [await instance.until("workflow.tool_called", number) for number in (1, 2)]
        assert text_of(first) == "Let me see.\n\nIt is 42."
        assert first[-1]["metadata"] == {"model": "coder", "tokens_used": 14, "finish_reason": "stop"}
        events = [chunk["metadata"] for chunk in first if chunk["chunk_type"] == "system"]
        assert [(each["event"], each["tool"]) for each in events] == [
            ("tool_call", "summarizer"), ("tool_call", "doubler"),
            ("tool_result", "summarizer"), ("tool_result", "doubler"),
        ]  # fmt: skip
        assert json.loads(events[3]["result"]) == {"doubled": 42}
        assert [each["tool"] for each in told] == ["summarizer", "doubler"]
        assert text_of(second) == "Yes."
        assert [each["content"] for each in provider.requests[3].json["messages"][1:]] == [
            "Double 21", "Let me see.\n\nIt is 42.", "Sure?"
        ]  # fmt: skip
        assert refused[-1]["error"]["code"] == "unknown_model"
        assert KEY not in json.dumps([first, second, refused]) + "".join(instance.lines)


async def test_a_chat_that_is_called_off_ends_the_request_to_the_model(tmp_path: Path) -> None:
    async with ProviderServer([SSE_HEAD, openai_chunk({"content": "Well"}), HANG]) as provider:
        home_of(tmp_path, provider)
        with servers() as both, Serving(tmp_path, both[0].url, both[1].port, OPENAI_API_KEY=KEY) as instance:
            await instance.until("workflow.serving")
            async with pods(*both) as chat:
                await chat.connect("s")
                await chat.ask("s", "m1")
                await chat.until(lambda: text_of(chat.chunks("m1")) == "Well")
                await chat.send("chat.workflow.cancel.s")
                chunks = await chat.answer("m1")
            await provider.left.wait()
    assert chunks[-1]["error"]["code"] == "cancelled"
