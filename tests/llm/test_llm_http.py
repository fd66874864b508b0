"""What the backends behind HTTP ask, and how an answer may come, byte by byte in both wire formats."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import httpx
import pytest

from evolver_tui.adapters.llm import http as llm_http
from evolver_tui.adapters.llm.unpacking import unpacked
from evolver_tui.engine.author.backend import Prompt, Usage
from tests.support.provider_asking import ASKED, SECRET, answered, backend_at, guarded, refused
from tests.support.provider_server import (
    HANG,
    KEEP,
    RESET,
    SSE_HEAD,
    Drip,
    ProviderServer,
    Step,
    anthropic_events,
    chunked,
    event,
    openai_answer,
    openai_chunk,
    openai_events,
    status,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield from guarded(monkeypatch, caplog)


# --- what is asked ---------------------------------------------------------------------------------------------------


async def test_openai_is_asked_in_its_words_and_counted_by_it() -> None:
    async with ProviderServer([openai_answer("Hello ", "wörld 😀")]) as server:
        backend = backend_at(server.url)
        assert backend.info.label == "openai/coder-7b"
        assert await answered(backend) == ("Hello wörld 😀", Usage(11, 7))
    request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.json == {
        "model": "coder-7b",
        "messages": [{"role": "system", "content": ASKED.system}, {"role": "user", "content": ASKED.user}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.2,
        "max_tokens": 4000,
    }


async def test_anthropic_is_asked_in_its_words_and_counted_by_it() -> None:
    async with ProviderServer([SSE_HEAD, anthropic_events("Hello ", "wörld 😀")]) as server:
        assert await answered(backend_at(server.url + "/v1/", "anthropic")) == ("Hello wörld 😀", Usage(11, 7))
    request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/messages")
    assert request.headers["x-api-key"] == SECRET
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers
    assert request.json == {
        "model": "coder-7b",
        "system": ASKED.system,
        "messages": [{"role": "user", "content": ASKED.user}],
        "stream": True,
        "temperature": 0.2,
        "max_tokens": 4000,
    }


async def test_without_a_key_no_key_is_sent_and_each_request_asks_for_it() -> None:
    keys = iter([None, f" {SECRET}\n"])
    async with ProviderServer([openai_answer("a")], [openai_answer("b")]) as server:
        backend = backend_at(server.url, api_key=lambda: next(keys))
        await answered(backend)
        await answered(backend)
    assert "authorization" not in server.requests[0].headers
    assert server.requests[1].headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_the_config_says_what_the_prompt_does_not(vendor: str) -> None:
    prompts = [Prompt("", "x"), Prompt("", "x", temperature=0.0), Prompt("", "x", max_tokens=50)]
    turn = [SSE_HEAD, openai_events("a") if vendor == "openai" else anthropic_events("a")]
    async with ProviderServer(*[turn] * len(prompts)) as server:
        backend = backend_at(server.url, vendor, temperature=0.9, max_tokens=32_000)
        for prompt in prompts:
            async for _ in backend.stream(prompt):
                pass
        await backend.close()
    asked = [(request.json["temperature"], request.json["max_tokens"]) for request in server.requests]
    assert asked == [(0.9, 32_000), (0.0, 32_000), (0.9, 50)]


async def test_half_a_surrogate_pair_in_the_prompt_breaks_nothing() -> None:
    async with ProviderServer([openai_answer("a")]) as server:
        backend = backend_at(server.url)
        async for _ in backend.stream(Prompt("", "half \ud83d")):
            pass
        await backend.close()
    assert server.requests[0].json["messages"] == [{"role": "user", "content": "half ?"}]


@pytest.mark.parametrize(
    ("said", "gone", "instead"),
    [
        ({"error": {"message": "Unknown field: stream_options"}}, "stream_options", None),
        (
            {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}},
            "max_tokens",
            "max_completion_tokens",
        ),
        (
            {"error": {"message": "Only the default (1) value is supported.", "param": "temperature"}},
            "temperature",
            None,
        ),
        (
            {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]},
            "stream_options",
            None,
        ),
    ],
)
async def test_a_field_that_the_server_does_not_take_is_left_out_from_then_on(
    said: object, gone: str, instead: str | None
) -> None:
    async with ProviderServer([status(400, {}, said)], [openai_answer("a")], [openai_answer("b")]) as server:
        backend = backend_at(server.url)
        assert (await answered(backend))[0] == "a"
        assert (await answered(backend))[0] == "b"
    first, *later = (request.json for request in server.requests)
    assert gone in first
    assert len(later) == 2
    for body in later:
        assert gone not in body
        assert instead is None or body[instead] == 4000


async def test_anthropic_without_temperature() -> None:
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": "temperature: deprecated"}}
    async with ProviderServer([status(400, {}, said)], [SSE_HEAD, anthropic_events("a")]) as server:
        assert (await answered(backend_at(server.url, "anthropic")))[0] == "a"
    assert "temperature" not in server.requests[1].json


@pytest.mark.parametrize("times", [1, 2])
async def test_a_server_that_goes_on_refusing_is_asked_no_further(times: int) -> None:
    names = ["stream_options", "max_tokens"][:times]
    turns = [[status(400, {}, {"error": f"{name} is not supported"})] for name in names]
    last = status(400, {}, {"error": {"message": "max_tokens is too large: 4000. At most 2048."}})
    async with ProviderServer(*turns, [last]) as server:
        error = await refused(backend_at(server.url))
    assert "too large" in error.message
    assert not error.retryable
    assert len(server.requests) == times + 1


async def test_a_connection_is_used_again() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    turn: list[Step] = [head, chunked(openai_events("a")), KEEP]
    async with ProviderServer(turn, turn) as server:
        backend = backend_at(server.url)
        for _ in range(2):
            assert [piece async for piece in backend.stream(ASKED)] == ["a", Usage(11, 7)]
        await backend.close()
    assert len(server.requests) == 2
    assert server.connections == 1


# --- how it comes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 7])
async def test_a_stream_may_come_in_pieces_of_any_size(line_end: str, size: int) -> None:
    content = openai_events("Grüße ", '"quoted"\n', "😀").replace(b"\n", line_end.encode())
    async with ProviderServer([SSE_HEAD, Drip(content, size)]) as server:
        assert await answered(backend_at(server.url)) == ('Grüße "quoted"\n😀', Usage(11, 7))


async def test_a_chunked_stream_may_come_byte_by_byte() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    async with ProviderServer([Drip(head + chunked(anthropic_events("Grüße ", "😀"), 5))]) as server:
        assert await answered(backend_at(server.url, "anthropic")) == ("Grüße 😀", Usage(11, 7))


ODD_STREAMS = {
    "comments": b": OPENROUTER PROCESSING\n\n:\n\n" + openai_events("ok"),
    "names and ids": openai_events("ok").replace(b"data: {", b"event: x\nid: 7\nretry: 1\ndata: {"),
    "no space": openai_events("ok").replace(b"data: ", b"data:"),
    "data in lines": openai_events("ok").replace(b'"object"', b'\ndata: "object"'),
    "byte order mark": b"\xef\xbb\xbf" + openai_events("ok"),
    "no last blank line": openai_events("ok").removesuffix(b"\n\n"),
    "no DONE": openai_events("ok", done=False),
    "nothing after DONE counts": openai_events("ok") + openai_events(" no"),
    "reasoning": openai_chunk({"reasoning_content": "hm", "reasoning": "hm", "content": None}) + openai_events("ok"),
    "usage in each chunk": openai_chunk({"content": "ok"}, usage={"prompt_tokens": 11, "completion_tokens": 1})
    + openai_events(),
    "empty data and pings": b"data:\n\ndata: \n\nevent: ping\ndata: {}\n\ndata: ping\n\ndata: null\n\n"
    + openai_events("ok"),
    "events without choices": event({"object": "x"}) + openai_chunk(choices=None) + openai_events("ok"),
    "no index": openai_events("ok").replace(b'"index": 0, ', b""),
    "null index": openai_events("ok").replace(b'"index": 0', b'"index": null'),
    "a reason that is none": openai_events("o", finish=None, usage=None, done=False).replace(
        b'"finish_reason": null', b'"finish_reason": "null"'
    )
    + openai_chunk({"content": "k"}, "")
    + openai_events(),
    "the choice behind another": openai_chunk(
        choices=[{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "ok"}}]
    )
    + openai_events(),
    "no choice but another": openai_events("o", "k").replace(b'"index": 0', b'"index": 1'),
    "another choice to its end": openai_chunk(
        choices=[{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]
    )
    + openai_events("ok"),
    "data in data": openai_events("o", "k").replace(b"data: ", b"data: data: "),
    "parts": openai_chunk({"content": [{"type": "text", "text": "o"}, {"type": "text", "text": "k"}]})
    + openai_events(),
    "one part": openai_chunk({"content": {"type": "text", "text": "ok"}}) + openai_events(),
    "the message again": openai_events("ok", finish=None, usage=None, done=False)
    + openai_chunk(choices=[{"index": 0, "delta": {}, "message": {"content": "ok"}, "finish_reason": "stop"}])
    + openai_events(),
    "lines of JSON": openai_events("ok", done=False).replace(b"data: ", b"").replace(b"\n\n", b"\n"),
    "set out in lines": b"data: {\n" + openai_chunk({"content": "ok"})[7:] + openai_events(),
    "no blank lines": openai_events("o", "k").replace(b"\n\n", b"\n"),
    "texts, as of completions": event({"choices": [{"text": "o"}]})
    + event({"choices": [{"index": 0, "text": "k"}]})
    + openai_events(),
    "an error with nothing in it": openai_chunk({"content": "o"}, error={"code": None, "message": None})
    + openai_events("k"),
    "DONE without data": openai_events("ok", done=False) + b"[DONE]\n",
    "a page behind the end": openai_events("ok") + b"<html><title>504</title></html>",
    "a log line": b"INFO: upstream connected\n" + openai_events("ok"),
    "cut in the usage": openai_events("ok", done=False) + b'data: {"id": "x", "cho',
    "another choice": openai_chunk(choices=[{"index": 1, "delta": {"content": "no"}}]) + openai_events("ok"),
}


@pytest.mark.parametrize("content", ODD_STREAMS.values(), ids=ODD_STREAMS.keys())
async def test_a_stream_may_be_odd(content: bytes) -> None:
    async with ProviderServer([SSE_HEAD, content]) as server:
        assert await answered(backend_at(server.url)) == ("ok", Usage(11, 7))


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "7", "completion_tokens": True}, [3]])
async def test_what_nobody_counted_is_not_made_up(usage: object) -> None:
    async with ProviderServer([SSE_HEAD, openai_events("ok", usage=None), openai_chunk(usage=usage)]) as server:
        assert await answered(backend_at(server.url)) == ("ok", Usage(None, None))


async def test_an_answer_in_one_piece_is_read_as_well() -> None:
    whole = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7},
    }
    async with ProviderServer([status(200, {"content-type": "application/json"}, whole)]) as server:
        assert await answered(backend_at(server.url)) == ("ok", Usage(11, 7))
    del whole["choices"][0]["finish_reason"]  # type: ignore[index]
    async with ProviderServer([status(200, {}, whole)]) as server:
        assert await answered(backend_at(server.url)) == ("ok", Usage(11, 7))
    message = {
        "type": "message",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 8, "cache_read_input_tokens": 3, "output_tokens": 7},
    }
    async with ProviderServer([status(200, {}, message)]) as server:
        assert await answered(backend_at(server.url, "anthropic")) == ("ok", Usage(11, 7))


async def test_a_server_that_compresses_unasked_is_understood() -> None:
    body = gzip.compress(openai_events("ok"))
    async with ProviderServer([status(200, {"content-encoding": "gzip"}, body)]) as server:
        assert await answered(backend_at(server.url)) == ("ok", Usage(11, 7))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
async def test_a_bomb_is_never_unpacked_as_a_whole(encoding: str) -> None:
    """Sixteen megabytes in a few kilobytes; as httpx has it, each further packing makes a thousand times more."""
    content = b" " * (16 * 1024 * 1024)
    packed = zlib.compress(content) if encoding == "deflate" else gzip.compress(content)

    async def arrive() -> AsyncIterator[bytes]:
        yield packed[:1000]
        yield packed[1000:]

    answer = httpx.Response(200, headers={"content-encoding": encoding}, content=arrive())
    answer.request = httpx.Request("POST", "http://model.example")
    if "," in encoding:
        with pytest.raises(httpx.DecodingError):
            await anext(unpacked(answer))
        return
    sizes = [len(piece) async for piece in unpacked(answer)]
    assert max(sizes) <= 64 * 1024
    assert sum(sizes) == len(content)


async def test_a_whole_answer_counts_although_the_end_of_the_stream_never_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(llm_http, "_USAGE_GRACE_SECONDS", 0.05)
    ended = openai_events("ok")
    stopped = openai_events("ok", usage=None, done=False)
    async with ProviderServer([SSE_HEAD, ended, HANG], [SSE_HEAD, stopped, HANG], [SSE_HEAD, stopped, RESET]) as server:
        assert await answered(backend_at(server.url)) == ("ok", Usage(11, 7))
        assert await answered(backend_at(server.url)) == ("ok", Usage(None, None))
        assert await answered(backend_at(server.url)) == ("ok", Usage(None, None))


async def test_a_reason_to_finish_with_each_piece_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_http, "_USAGE_GRACE_SECONDS", 0.0)
    pieces = [openai_chunk({"content": letter}, "stop") for letter in "abc"]
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    cut = chunked(b"".join(pieces[:2]))[:-5]
    async with ProviderServer([SSE_HEAD, Drip(b"".join(pieces), 7)], [head, cut, RESET]) as server:
        assert (await answered(backend_at(server.url)))[0] == "abc"
        assert "broke off" in (await refused(backend_at(server.url))).message


async def test_a_piece_with_a_reason_to_finish_is_whole_whatever_becomes_of_the_connection() -> None:
    last = openai_chunk({"content": "ok"}, "stop")
    async with ProviderServer([SSE_HEAD, last, RESET], [SSE_HEAD, last, HANG]) as server:
        assert (await answered(backend_at(server.url)))[0] == "ok"
        assert (await answered(backend_at(server.url, read_timeout=0.2)))[0] == "ok"


async def test_pieces_arrive_before_the_answer_is_whole() -> None:
    async with ProviderServer([SSE_HEAD, openai_chunk({"content": "first"}), HANG]) as server:
        backend = backend_at(server.url)
        async with aclosing(backend.stream(ASKED)) as pieces:
            assert await anext(pieces) == "first"
        # Closing the iterator ended the request.
        await asyncio.wait_for(server.left.wait(), 5)
        await backend.close()


async def test_cancelling_ends_the_request() -> None:
    async with ProviderServer([SSE_HEAD, openai_chunk({"content": "first"}), HANG]) as server:
        backend = backend_at(server.url)
        begun = asyncio.Event()

        async def ask() -> None:
            async for _ in backend.stream(ASKED):
                begun.set()

        asking = asyncio.create_task(ask())
        await asyncio.wait_for(begun.wait(), 5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(server.left.wait(), 5)
        await backend.close()
