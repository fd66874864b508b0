"""A model that calls a tool although none was offered: the answer may be in the arguments, else it is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.provider_asking import answered, backend_at, guarded, refused
from tests.support.provider_server import (
    SSE_HEAD,
    ProviderServer,
    anthropic_events,
    event,
    openai_chunk,
    openai_events,
    status,
)

pytestmark = pytest.mark.anyio

NODE = json.dumps({"workflow_code": "import json\nprint(1)"})


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield from guarded(monkeypatch, caplog)


def streamed(arguments: str, content: str = "") -> bytes:
    first = {"index": 0, "id": "1", "type": "function", "function": {"name": "create_node", "arguments": ""}}
    calls: list[dict[str, Any]] = [first, {"index": 0, "function": {"arguments": arguments[:9]}}]
    calls.append({"index": 0, "function": {"arguments": arguments[9:]}})
    chunks = [openai_chunk({"tool_calls": [call], "content": content or None}) for call in calls]
    return b"".join(chunks) + openai_events(finish="tool_calls")


def whole(message: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"message": {"content": None, **message}, "finish_reason": "tool_calls"}]}


def used(arguments: str) -> bytes:
    """As Anthropic streams it."""
    block = {"type": "tool_use", "id": "1", "name": "create_node", "input": {}}
    pieces = [{"type": "input_json_delta", "partial_json": part} for part in (arguments[:9], arguments[9:])]
    events = [{"type": "content_block_start", "index": 0, "content_block": block}]
    events += [{"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces]
    return b"".join(map(event, events)) + anthropic_events(reason="tool_use")


ANSWERS = {
    "a stream": ("openai", SSE_HEAD + streamed(NODE)),
    "in one piece": ("openai", status(200, {}, whole({"tool_calls": [{"function": {"arguments": NODE}}]}))),
    "an object": ("openai", status(200, {}, whole({"tool_calls": [{"function": {"arguments": json.loads(NODE)}}]}))),
    "as it was once": ("openai", status(200, {}, whole({"function_call": {"name": "x", "arguments": NODE}}))),
    "Anthropic": ("anthropic", SSE_HEAD + used(NODE)),
}


@pytest.mark.parametrize(("vendor", "turn"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_arguments_that_hold_an_answer_are_one_where_no_other_came(vendor: str, turn: bytes) -> None:
    async with ProviderServer([turn]) as server:
        assert (await answered(backend_at(server.url, vendor)))[0] == NODE


async def test_a_text_beside_a_call_is_the_answer() -> None:
    async with ProviderServer([SSE_HEAD, streamed(NODE, "x")]) as server:
        assert (await answered(backend_at(server.url)))[0] == "xxx"


@pytest.mark.parametrize("arguments", ['{"query": "x"}', ""])
@pytest.mark.parametrize(("vendor", "made"), [("openai", streamed), ("anthropic", used)])
async def test_a_call_that_holds_no_answer_is_named(vendor: str, made: Any, arguments: str) -> None:
    async with ProviderServer([SSE_HEAD, made(arguments)]) as server:
        error = await refused(backend_at(server.url, vendor))
    assert "wanted to call a tool (create_node) instead of answering" in error.message
    assert error.retryable
