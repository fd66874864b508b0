"""Conversations with tools in both wire formats: what is asked, and how calls may come, from odd servers as well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from evolver_tui.adapters.llm.http import HttpBackend
from evolver_tui.core.errors import BackendError
from evolver_tui.engine.author.backend import (
    AnswerDone,
    AssistantMessage,
    Conversation,
    Message,
    Prompt,
    Thinking,
    ToolCall,
    ToolOffer,
    ToolResult,
    Usage,
    UserMessage,
)
from tests.support.chat_streams import (
    anthropic_stream,
    block,
    openai_call,
    openai_pieces,
    openai_whole,
    piece,
    text_block,
    use_block,
)
from tests.support.provider_asking import backend_at, guarded
from tests.support.provider_server import (
    HANG,
    RESET,
    SSE_HEAD,
    Drip,
    ProviderServer,
    Step,
    anthropic_events,
    event,
    openai_answer,
    openai_chunk,
    openai_events,
    status,
)

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}
TOOL = ToolOffer("summarizer", "Summarizes.", SCHEMA)
ASKED = Conversation("Be kind.", (UserMessage("Hi 😀"),), (TOOL,), model="other", temperature=0.5, max_tokens=50)
CALL = ToolCall("call_1", "summarizer", '{"prompt": "x"}')
OTHER = ToolCall("call_2", "summarizer", '{"prompt": "y"}')
ROUND = (
    UserMessage("Hi"),
    AssistantMessage("Let me see.", (CALL, OTHER)),
    ToolResult(CALL, '"An x."'),
    ToolResult(OTHER, '{"error":"No."}', is_error=True),
)


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield from guarded(monkeypatch, caplog)


async def said(backend: HttpBackend, conversation: Conversation = ASKED) -> tuple[str, AnswerDone]:
    """The text that came piece by piece, and the end."""
    texts: list[str] = []
    done: AnswerDone | None = None
    async for each in backend.converse(conversation):
        assert done is None, "nothing follows the end"
        match each:
            case str():
                texts.append(each)
            case AnswerDone():
                done = each
    await backend.close()
    assert done is not None
    return "".join(texts), done


async def calls_in(turn: Sequence[Step], vendor: str = "openai") -> list[tuple[str, str]]:
    """Names and arguments of the calls of an answer, each with an id of its own."""
    async with ProviderServer(turn) as server:
        _, done = await said(backend_at(server.url, vendor))
    calls = done.message.calls
    assert len({call.id for call in calls}) == len(calls)
    assert all(call.id for call in calls)
    return [(call.name, call.arguments) for call in calls]


# --- what is asked ---------------------------------------------------------------------------------------------------


async def test_openai_is_offered_tools_and_told_what_came_of_them() -> None:
    async with ProviderServer([openai_answer("Hello")], [openai_answer("It is x.")]) as server:
        backend = backend_at(server.url)
        assert await said(backend) == ("Hello", AnswerDone(AssistantMessage("Hello"), Usage(11, 7)))
        await said(backend, Conversation("", ROUND, (TOOL,)))
    first, second = (request.json for request in server.requests)
    assert first == {
        "model": "other",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi 😀"}],
        "tools": [
            {"type": "function", "function": {"name": "summarizer", "description": "Summarizes.", "parameters": SCHEMA}}
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 50,
    }
    assert second["model"] == "coder-7b"
    assert second["messages"] == [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": each.id, "type": "function", "function": {"name": "summarizer", "arguments": each.arguments}}
                for each in (CALL, OTHER)
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": '"An x."'},
        {"role": "tool", "tool_call_id": "call_2", "content": '{"error":"No."}'},
    ]


async def test_anthropic_is_offered_tools_and_told_what_came_of_them() -> None:
    turn = [SSE_HEAD, anthropic_events("Hello")]
    async with ProviderServer(turn, turn) as server:
        backend = backend_at(server.url, "anthropic")
        assert (await said(backend))[1] == AnswerDone(AssistantMessage("Hello"), Usage(11, 7))
        await said(backend, Conversation("", (*ROUND, UserMessage("And?")), (TOOL,)))
    first, second = (request.json for request in server.requests)
    assert first["tools"] == [{"name": "summarizer", "description": "Summarizes.", "input_schema": SCHEMA}]
    assert (first["model"], first["system"], first["max_tokens"]) == ("other", "Be kind.", 50)
    assert "tool_choice" not in first
    uses = [{"type": "tool_use", "id": each.id, "name": "summarizer", "input": each.values()} for each in (CALL, OTHER)]
    assert second["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, *uses]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": '"An x."'},
                {"type": "tool_result", "tool_use_id": "call_2", "content": '{"error":"No."}', "is_error": True},
            ],
        },
        {"role": "user", "content": "And?"},
    ]


async def test_where_nothing_may_be_called_no_call_is_asked_for() -> None:
    last = Conversation("", ROUND, (TOOL,), may_call=False)
    async with ProviderServer([openai_answer("a")], [SSE_HEAD, anthropic_events("a")]) as server:
        await said(backend_at(server.url), last)
        await said(backend_at(server.url, "anthropic"), last)
    openai, anthropic = (request.json for request in server.requests)
    assert "tools" not in openai
    # Calls that were made stand beside the tools that they are of: without them Anthropic refuses the request.
    assert anthropic["tool_choice"] == {"type": "none"}
    assert len(anthropic["tools"]) == 1


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_what_a_model_wrote_amiss_is_sent_again_as_servers_take_it(vendor: str) -> None:
    odd = ToolCall("1", "functions.summarizer<|x|>" + "y" * 90, '{"prompt": half')
    half = ToolCall("2", "", '{"prompt": "\\ud83d"}')
    messages: Sequence[Message] = [
        UserMessage("half \ud83d"), AssistantMessage("", (odd, half)),
        ToolResult(odd, "No \udc00."), ToolResult(half, "x"),
    ]  # fmt: skip
    turn = [SSE_HEAD, openai_events("a") if vendor == "openai" else anthropic_events("a")]
    async with ProviderServer(turn) as server:
        await said(backend_at(server.url, vendor), Conversation("", messages, (TOOL,)))
    sent = server.requests[0].json["messages"]
    assert "\ud83d" not in json.dumps(sent, ensure_ascii=False).encode("utf-8").decode()
    assert sent[0]["content"] == "half ?"
    if vendor == "openai":
        assert sent[1]["content"] is None
        named = [(each["function"]["name"], each["function"]["arguments"]) for each in sent[1]["tool_calls"]]
    else:
        named = [(each["name"], json.dumps(each["input"])) for each in sent[1]["content"]]
    assert named == [(f"functions_summarizer__x__{'y' * 39}", "{}"), ("unknown", '{"prompt": "?"}')]


# --- calls, in whatever form -----------------------------------------------------------------------------------------

X, Y = '{"prompt": "x"}', '{"prompt": "y"}'
BOTH = [("a", X), ("b", Y)]
ODD: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "pieces by index": (
        openai_pieces(
            *(piece(0, "1", "a", ""), piece(0, arguments=X[:4]), piece(0, arguments=X[4:]), piece(1, "2", "b", Y))
        ),
        BOTH,
    ),
    "interleaved": (
        openai_pieces(
            *(piece(0, "1", "a", ""), piece(1, "2", "b", ""), piece(0, arguments=X[:5]), piece(1, arguments=Y[:7])),
            *(piece(0, arguments=X[5:]), piece(1, arguments=Y[7:])),
        ),
        BOTH,
    ),
    "both in one chunk": (
        openai_chunk({"tool_calls": [piece(0, "1", "a", X), piece(1, "2", "b", Y)]}) + openai_events(),
        BOTH,
    ),
    "whole": (openai_pieces(piece(0, "1", "a", X), piece(1, "2", "b", Y), finish="stop"), BOTH),
    "no ids": (openai_pieces(piece(0, name="a", arguments=X), piece(1, name="b", arguments=Y)), BOTH),
    "empty ids": (openai_pieces(piece(0, "", "a", X), piece(1, "", "b", Y)), BOTH),
    "one id for all": (openai_pieces(piece(0, "call", "a", X), piece(1, "call", "b", Y)), BOTH),
    "ids that are numbers": (openai_pieces(piece(0, 1, "a", X), piece(1, 2, "b", Y)), BOTH),
    "all are the first": (openai_pieces(piece(0, "1", "a", X), piece(0, "2", "b", Y)), BOTH),
    "all are the first, without ids": (
        openai_pieces(piece(0, name="a", arguments=X), piece(0, name="b", arguments=Y)),
        BOTH,
    ),
    "the same tool twice, without ids": (
        openai_pieces(piece(None, name="a", arguments=X), piece(None, name="a", arguments=Y)),
        [("a", X), ("a", Y)],
    ),
    "no index": (
        openai_pieces(piece(None, "1", "a", X[:6]), piece(None, "1", arguments=X[6:]), piece(None, "2", "b", Y)),
        BOTH,
    ),
    "no index, later pieces without ids": (
        openai_pieces(piece(None, "1", "a", X[:6]), piece(None, arguments=X[6:]), piece(None, "2", "b", Y)),
        BOTH,
    ),
    "an id of its own for each piece": (
        openai_pieces(piece(None, "1", "a", X[:6]), piece(None, "9", arguments=X[6:]), piece(None, "2", "b", Y)),
        BOTH,
    ),
    "an index that is null": (
        openai_chunk({"tool_calls": [{**piece(0, "1", "a", X), "index": None}]}) + openai_events(),
        BOTH[:1],
    ),
    "an index that is a text": (openai_pieces(piece("0", "1", "a", X), piece("1", "2", "b", Y)), BOTH),
    "the name again in each piece": (
        openai_pieces(piece(0, "1", "a", X[:4]), piece(0, "1", "a", X[4:9]), piece(0, "1", "a", X[9:])),
        BOTH[:1],
    ),
    "the name is there late": (openai_pieces(piece(0, "1", arguments=X[:4]), piece(0, "1", "a", X[4:])), BOTH[:1]),
    "arguments as an object": (openai_pieces(piece(0, "1", "a", json.loads(X))), BOTH[:1]),
    "arguments that are null": (
        openai_chunk({"tool_calls": [{"index": 0, "id": "1", "function": {"name": "a", "arguments": None}}]})
        + openai_events(),
        [("a", "")],
    ),
    "an empty object first": (openai_pieces(piece(0, "1", "a", "{}"), piece(0, arguments=X)), BOTH[:1]),
    "all of it again at the end": (openai_pieces(piece(0, "1", "a", X), piece(0, "1", "a", X)), BOTH[:1]),
    "braces in a text": (
        openai_pieces(piece(0, "1", "a", ""), *(piece(0, arguments=each) for each in '{"a": "}\\"{"}')),
        [("a", '{"a": "}\\"{"}')],
    ),
    "a null among calls": (
        openai_chunk({"tool_calls": [None, {"index": 0, "function": None}, piece(0, "1", "a", X)]}) + openai_events(),
        BOTH[:1],
    ),
    "calls that are an object": (openai_chunk({"tool_calls": piece(0, "1", "a", X)}) + openai_events(), BOTH[:1]),
    "as it was once": (
        openai_chunk({"function_call": {"name": "a", "arguments": X}}) + openai_events(finish="function_call"),
        BOTH[:1],
    ),
    "no reason to finish": (openai_pieces(piece(0, "1", "a", X), finish=""), BOTH[:1]),
    "a reason with each piece": (
        b"".join(
            openai_chunk({"tool_calls": [each]}, finish="tool_calls")
            for each in (piece(0, "1", "a", X[:5]), piece(0, arguments=X[5:]))
        )
        + openai_events(),
        BOTH[:1],
    ),
    "the whole message in the last chunk": (
        openai_chunk({"tool_calls": [piece(0, "1", "a", X)]})
        + event({"choices": [{"message": {"tool_calls": [piece(0, "1", "a", X)]}, "finish_reason": "stop"}]}),
        BOTH[:1],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stream", "calls"), ODD.values(), ids=ODD.keys())
async def test_calls_are_read_however_they_come(stream: bytes, calls: list[tuple[str, str]]) -> None:
    assert await calls_in([SSE_HEAD, stream]) == calls


@pytest.mark.parametrize("arguments", [X, json.loads(X)], ids=["a text", "an object"])
async def test_a_server_that_does_not_stream_sends_its_calls_at_once(arguments: object) -> None:
    calls = [
        {"id": str(number), "function": {"name": name, "arguments": arguments}} for number, name in enumerate("ab")
    ]
    assert await calls_in([openai_whole(*calls)]) == [("a", X), ("b", X)]


async def test_anthropics_calls_are_read_block_by_block() -> None:
    stream = anthropic_stream(
        text_block(0, "Let me ", "see."), use_block(1, "a", {"prompt": "x"}), use_block(2, "b", {}, "2")
    )
    async with ProviderServer([SSE_HEAD, stream]) as server:
        text, done = await said(backend_at(server.url, "anthropic"))
    assert text == "Let me see."
    called = (ToolCall("toolu_1", "a", X), ToolCall("2", "b", "{}"))
    assert done == AnswerDone(AssistantMessage("Let me see.", called), Usage(11, 7))


INPUT = "input_json_delta"
ANTHROPIC_ODD = {
    "interleaved": anthropic_stream(
        *(
            event({"type": "content_block_start", "index": at, "content_block": {"type": "tool_use", "name": name}})
            for at, name in enumerate("ab")
        ),
        *(
            event({"index": at, "type": "content_block_delta", "delta": {"type": INPUT, "partial_json": part}})
            for at, part in ((0, X[:3]), (1, Y[:5]), (0, X[3:]), (1, Y[5:]))
        ),
    ),
    "all at the start of the block": anthropic_stream(
        block(0, {"type": "tool_use", "id": "1", "name": "a", "input": {"prompt": "x"}}),
        block(1, {"type": "tool_use", "id": "2", "name": "b", "input": {"prompt": "y"}}),
        reason="end_turn",
    ),
    "at the start and piece by piece": anthropic_stream(
        *(
            block(at, {"type": "tool_use", "id": str(at), "name": name, "input": json.loads(all_of_it)},
                  {"type": "input_json_delta", "partial_json": all_of_it})
            for at, (name, all_of_it) in enumerate(BOTH)
        )
    ),
    "no index": anthropic_stream(
        *(
            event({"type": "content_block_start", "content_block": {"type": "tool_use", "name": name, "input": {}}})
            + event({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": arguments}})
            for name, arguments in BOTH
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_calls_are_read_however_the_network_cuts_them(vendor: str) -> None:
    streams = {
        "openai": openai_call("a", {"prompt": "ä 😀"}, text="Let me see."),
        "anthropic": anthropic_stream(text_block(0, "Let me see."), use_block(1, "a", {"prompt": "ä 😀"})),
    }
    async with ProviderServer([SSE_HEAD, Drip(streams[vendor].replace(b"\n", b"\r\n"))]) as server:
        text, done = await said(backend_at(server.url, vendor))
    assert text == "Let me see."
    assert [call.values() for call in done.message.calls] == [{"prompt": "ä 😀"}]


@pytest.mark.parametrize("stream", ANTHROPIC_ODD.values(), ids=ANTHROPIC_ODD.keys())
async def test_blocks_are_read_however_they_come(stream: bytes) -> None:
    assert await calls_in([SSE_HEAD, stream], "anthropic") == BOTH


async def test_a_whole_message_of_anthropic_has_its_calls() -> None:
    blocks = [{"type": "text", "text": "See."}, {"type": "tool_use", "id": "1", "name": "a", "input": {"prompt": "x"}}]
    message = {"type": "message", "role": "assistant", "content": blocks, "stop_reason": "tool_use"}
    assert await calls_in([status(200, {}, message)], "anthropic") == BOTH[:1]


async def test_text_comes_before_its_calls_are_whole() -> None:
    """The stream stands still in the middle of a call, and what was said before is there."""
    head = openai_chunk({"content": "Let me see."}) + openai_chunk({"tool_calls": [piece(0, "1", "a", X[:4])]})
    async with ProviderServer([SSE_HEAD, head, HANG]) as server:
        backend = backend_at(server.url)
        pieces = backend.converse(ASKED)
        assert await anext(pieces) == "Let me see."
        await pieces.aclose()
        await server.left.wait()
        await backend.close()


async def test_thinking_is_told_and_is_no_text() -> None:
    stream = openai_chunk({"reasoning_content": "Hm."}) + openai_call("a", {"prompt": "x"})
    async with ProviderServer([SSE_HEAD, stream]) as server:
        backend = backend_at(server.url)
        thinking, done = [each async for each in backend.converse(ASKED)]
        await backend.close()
    assert thinking == Thinking(3)
    assert isinstance(done, AnswerDone)
    assert (done.message.text, len(done.message.calls)) == ("", 1)


async def test_many_conversations_go_on_at_once() -> None:
    """Each stands still after its first piece, and none waits for another's end."""
    hanging: Sequence[Step] = [SSE_HEAD, openai_chunk({"content": "Hi"}), HANG]
    async with ProviderServer(*[hanging] * 120) as server:
        backend = backend_at(server.url, read_timeout=60.0, connect_timeout=60.0)
        streams = [backend.converse(ASKED) for _ in range(120)]
        assert await asyncio.gather(*map(anext, streams)) == ["Hi"] * 120
        for stream in streams:
            await stream.aclose()
        await backend.close()


# --- what a provider wants to see again ------------------------------------------------------------------------------


async def test_signed_thoughts_of_openai_formats_come_back_with_the_call() -> None:
    signed = {**piece(0, "1", "a", X), "extra_content": {"google": {"thought_signature": "s"}}}
    stream = (
        openai_chunk({"reasoning_content": "Hm"}) + openai_chunk({"reasoning_content": "."}) + openai_pieces(signed)
    )
    async with ProviderServer([SSE_HEAD, stream], [openai_answer("x")]) as server:
        backend = backend_at(server.url)
        _, done = await said(backend)
        (call,) = done.message.calls
        await said(backend, Conversation("", (UserMessage("Hi"), done.message, ToolResult(call, "1")), (TOOL,)))
    again = server.requests[1].json["messages"][1]
    assert again["reasoning_content"] == "Hm."
    assert again["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "s"}}


async def test_signed_thoughts_of_anthropic_stand_before_the_call() -> None:
    thought = block(
        0, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "Hm"},
        {"type": "thinking_delta", "thinking": "."}, {"type": "signature_delta", "signature": "s"},
    )  # fmt: skip
    hidden = block(1, {"type": "redacted_thinking", "data": "d"})
    stream = anthropic_stream(thought, hidden, use_block(2, "a", {"prompt": "x"}))
    async with ProviderServer([SSE_HEAD, stream], [SSE_HEAD, anthropic_events("x")]) as server:
        backend = backend_at(server.url, "anthropic")
        _, done = await said(backend)
        (call,) = done.message.calls
        await said(backend, Conversation("", (UserMessage("Hi"), done.message, ToolResult(call, "1")), (TOOL,)))
    assert server.requests[1].json["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "tool_use", "id": "toolu_1", "name": "a", "input": {"prompt": "x"}},
    ]


# --- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor", "stream"),
    [
        ("openai", openai_events("Half of", finish="length")),
        ("anthropic", anthropic_events("Half of", reason="max_tokens")),
        ("openai", openai_pieces(piece(0, "1", "a", X[:5]), text="Half of", finish="length")),
        ("anthropic", anthropic_stream(text_block(0, "Half of"), use_block(1, "a", {}), reason="max_tokens")),
    ],
)
async def test_a_cut_answer_is_one_and_its_calls_are_none(vendor: str, stream: bytes) -> None:
    async with ProviderServer([SSE_HEAD, stream]) as server:
        assert await said(backend_at(server.url, vendor)) == (
            "Half of", AnswerDone(AssistantMessage("Half of"), Usage(11, 7), is_cut=True)
        )  # fmt: skip


async def test_calls_are_whole_where_the_connection_breaks_behind_their_end() -> None:
    stream = openai_pieces(piece(0, "1", "a", X)).removesuffix(b"data: [DONE]\n\n")
    assert await calls_in([SSE_HEAD, stream, RESET]) == BOTH[:1]


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ([SSE_HEAD, openai_chunk({"tool_calls": [piece(0, "1", "a", X[:5])]}), RESET], "broke off half way"),
        ([SSE_HEAD, openai_events(finish="stop")], "answered with nothing"),
        ([SSE_HEAD, openai_events("x", finish="content_filter")], "withheld its answer"),
        ([SSE_HEAD, openai_pieces(piece(0, "1", "a", '{"a": "' + "x" * (2 << 20)))], "is longer than"),
    ],
)
async def test_what_is_no_answer_is_an_error(turn: Sequence[Step], words: str) -> None:
    async with ProviderServer(turn) as server:
        with pytest.raises(BackendError, match=words):
            await said(backend_at(server.url))


async def test_a_model_may_have_nothing_to_add_to_what_a_tool_gave() -> None:
    async with ProviderServer([SSE_HEAD, openai_events(finish="stop")]) as server:
        text, done = await said(backend_at(server.url), Conversation("", ROUND, (TOOL,)))
    assert (text, done.message) == ("", AssistantMessage(""))


async def test_a_call_of_what_was_not_offered_is_none() -> None:
    turn = [SSE_HEAD, openai_call("a", {"prompt": "x"}, text="I would call.")]
    bare = [SSE_HEAD, openai_call("a", {"prompt": "x"})]
    async with ProviderServer(turn, bare) as server:
        backend = backend_at(server.url)
        assert (await said(backend, Conversation("", ROUND, (TOOL,), may_call=False)))[1].message.calls == ()
        with pytest.raises(BackendError, match="wanted to call a tool"):
            await said(backend, Conversation("", ROUND, (TOOL,), may_call=False))


async def test_no_number_of_calls_is_too_many_to_read() -> None:
    many = openai_pieces(*(piece(at, str(at), "a", X) for at in range(1_000)))
    assert await calls_in([SSE_HEAD, many]) == [("a", X)] * 128


# --- servers that take no tools --------------------------------------------------------------------------------------

NO_TOOLS: dict[str, tuple[int, object]] = {
    "Ollama": (400, {"error": {"message": "registry.ollama.ai/library/gemma:2b does not support tools"}}),
    "vLLM": (
        400,
        {"message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'},
    ),
    "llama.cpp": (
        500,
        {"error": {"code": 500, "message": "tools param requires --jinja flag", "type": "server_error"}},
    ),
    "OpenRouter": (
        404,
        {"error": {"message": "No endpoints found that support tool use. To learn more: x", "code": 404}},
    ),
    "Groq": (400, {"error": {"message": "`tool calling` is not supported with this model"}}),
    "OpenAI": (400, {"error": {"message": "Unsupported parameter: 'tools' is not supported with this model."}}),
    "Bedrock": (400, {"message": "This model doesn't support tool use."}),
    "Fireworks": (400, {"error": {"message": "Function calling is not enabled for this model"}}),
    "pydantic": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "tools"], "msg": "Extra inputs"}]}),
    "Azure": (400, {"error": {"message": "Unrecognized request argument supplied: tools"}}),
}


@pytest.mark.parametrize(("code", "body"), NO_TOOLS.values(), ids=NO_TOOLS.keys())
async def test_a_server_that_takes_no_tools_is_asked_without(code: int, body: object) -> None:
    refusal = [status(code, {}, body)]
    async with ProviderServer(refusal, [openai_answer("Hello")], [openai_answer("Hello")]) as server:
        backend = backend_at(server.url)
        asked = Conversation("", (UserMessage("Hi"),), (TOOL,))
        assert (await said(backend, asked))[0] == "Hello"
        assert (await said(backend, asked))[0] == "Hello"
        assert "It takes no tools" in " ".join(backend.info.learned)
    assert ["tools" in request.json for request in server.requests] == [True, False, False]


async def test_what_one_model_does_not_take_another_is_asked_with() -> None:
    refusal = [status(400, {}, {"error": {"message": "gemma does not support tools"}})]
    async with ProviderServer(refusal, [openai_answer("a")], [openai_answer("b")]) as server:
        backend = backend_at(server.url)
        await said(backend, ASKED)
        await said(backend, Conversation("", (UserMessage("Hi"),), (TOOL,)))
    assert ["tools" in request.json for request in server.requests] == [True, False, True]


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_what_was_called_before_is_told_in_words_to_a_server_that_takes_no_tools(vendor: str) -> None:
    refusal = [status(400, {}, {"error": {"message": "tools: unsupported"}})]
    turn = [SSE_HEAD, openai_events("a") if vendor == "openai" else anthropic_events("a")]
    async with ProviderServer(refusal, turn) as server:
        await said(backend_at(server.url, vendor), Conversation("", ROUND, (TOOL,)))
    assert server.requests[1].json["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Let me see."},
        {"role": "user", "content": 'Result of summarizer: "An x."\n\nResult of summarizer: {"error":"No."}'},
    ]


async def test_a_prompt_is_never_asked_without_what_it_has_not() -> None:
    """A refusal that names tools, to a request that offers none, is an error as any."""
    async with ProviderServer([status(400, {}, {"error": {"message": "tools: unsupported"}})]) as server:
        backend = backend_at(server.url)
        with pytest.raises(BackendError, match="refused the request"):
            await anext(backend.stream(Prompt("a", "b")))
        await backend.close()
    assert len(server.requests) == 1


def test_arguments_that_are_no_object_are_named() -> None:
    def values(text: str) -> Any:
        try:
            return ToolCall("1", "a", text).values()
        except ValueError as error:
            return str(error)

    assert values("") == values(" \n") == values("null") == values("{}") == {}
    assert values('"{\\"a\\": 1}"') == {"a": 1}
    assert values('{"a": 1, "a": 2}') == "What the arguments are has the key 'a' twice in one object."
    assert values("[1]") == "The arguments are no JSON object."
    assert values('{"a": ').startswith("The arguments are no JSON: ")
    assert values('{"a":' * 100_000) == "The arguments are nested too deeply."
    assert values('{"a": NaN}') == "What the arguments are holds NaN, which is no JSON value."
