"""Whatever a server refuses in whatever shape: its words are found, and it is asked without what it does not take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from evolver_tui.adapters.llm.problem import Problem, read_problem, visible_text
from tests.support.provider_asking import SECRET, answered, backend_at, guarded, refused
from tests.support.provider_server import (
    RESET,
    SSE_HEAD,
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


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield from guarded(monkeypatch, caplog)


# --- words -----------------------------------------------------------------------------------------------------------

NESTED = {"error": {"message": "Model is not for you.", "type": "invalid_request_error"}}
BODIES: dict[str, tuple[object, str]] = {
    "OpenAI": (NESTED, "Model is not for you."),
    "Ollama": ({"error": "model 'x' not found"}, "model 'x' not found"),
    "vLLM": ({"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}, "too long"),
    "Mistral": (
        {"object": "error", "message": {"detail": [{"loc": ["body", "top_p"], "msg": "Extra inputs"}]}},
        "body.top_p: Extra inputs",
    ),
    "FastAPI": (
        {"detail": [{"loc": ["body", "messages", 0], "msg": "required", "input": {"message": "no"}}]},
        "body.messages.0: required",
    ),
    "FastAPI, a text": ({"detail": "Not authenticated"}, "Not authenticated"),
    "JSON as a text": ({"message": json.dumps(NESTED)}, "Model is not for you."),
    "LiteLLM": (
        {"error": {"message": f"litellm.BadRequestError: OpenAIException - {json.dumps(NESTED)}. Model Group=x"}},
        "litellm.BadRequestError: OpenAIException; Model is not for you.",
    ),
    "OpenRouter": (
        {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": json.dumps(NESTED)}}},
        "Provider returned error; Model is not for you.",
    ),
    "Gemini": (
        [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}],
        "API key not valid.",
    ),
    "Google's details": (
        {"error": {"message": "Bad", "details": [{"fieldViolations": [{"field": "x", "description": "No x."}]}]}},
        "Bad; No x.",
    ),
    "Cloudflare": (
        {"success": False, "errors": [{"code": 10000, "message": "Auth error"}], "messages": []},
        "Auth error",
    ),
    "AWS": ({"__type": "ValidationException", "message": "Malformed input"}, "Malformed input"),
    "AWS, capitals": ({"Message": "User is not authorized"}, "User is not authorized"),
    "Azure": ({"error": {"code": "x", "message": "Filtered", "innererror": {"code": "ResponsibleAI"}}}, "Filtered"),
    "API management": ({"statusCode": 401, "message": "Access denied"}, "Access denied"),
    "Apigee": ({"fault": {"faultstring": "Quota", "detail": {"errorcode": "q"}}}, "Quota"),
    "RFC 7807": ({"type": "about:blank", "title": "Bad Request", "detail": "No model."}, "Bad Request; No model."),
    "NestJS": (
        {"statusCode": 400, "message": ["a should not exist", "b too"], "error": "Bad Request"},
        "a should not exist; b too; Bad Request",
    ),
    "Rails": ({"errors": {"temperature": ["is too high"]}}, "temperature: is too high"),
    "Django": ({"temperature": ["Not allowed."]}, "temperature: Not allowed."),
    "JSON:API": ({"errors": [{"source": {"pointer": "/data"}, "detail": "No data"}]}, "No data"),
    "DashScope": ({"code": "InvalidParameter", "message": "no such model", "request_id": "7"}, "no such model"),
    "MiniMax": ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, "login fail"),
    "a gateway's body": ({"statusCode": 400, "body": json.dumps(NESTED)}, "Model is not for you."),
    "a text in JSON": ("Unauthorized", "Unauthorized"),
    "plain text": (b"upstream connect error", "upstream connect error"),
    "an event": (b"data: " + json.dumps(NESTED).encode() + b"\n\n", "data; Model is not for you."),
    "nginx": (b"<html><head><title>502 Bad Gateway</title></head><body>x</body></html>", "502 Bad Gateway"),
    "XML": (b"<?xml version='1.0'?><Error><Code>Denied</Code><Message>No.</Message></Error>", "Denied No."),
    "nothing": ({}, ""),
}


@pytest.mark.parametrize(("body", "words"), BODIES.values(), ids=BODIES.keys())
def test_the_words_are_found_in_any_shape(body: object, words: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_problem(400, {}, content, 0.0).message == words


def test_what_a_refusal_repeats_of_the_request_is_none_of_its_words() -> None:
    said = {"detail": [{"loc": ["body"], "msg": "Bad", "input": {"message": "temperature is not supported"}}]}
    assert read_problem(400, {}, json.dumps(said).encode(), 0.0).message == "body: Bad"


def test_how_long_to_wait_may_stand_in_the_body() -> None:
    said = {"error": {"message": "Quota", "details": [{"@type": "RetryInfo", "retryDelay": "37s"}]}}
    assert read_problem(429, {}, json.dumps(said).encode(), 0.0).retry_after == 37.0
    assert read_problem(429, {"retry-after": "5"}, json.dumps(said).encode(), 0.0).retry_after == 5.0


def test_no_depth_of_json_in_json_breaks_the_reader() -> None:
    value: object = "deep"
    for _ in range(40):
        value = {"error": json.dumps({"message": value})} if isinstance(value, str) else {"message": value}
    assert isinstance(Problem.from_event(value).message, str)


def test_a_page_without_a_title_says_what_is_seen() -> None:
    page = "<style>p {x: y}</style><script>no()</script><h1>Sorry</h1><p>Blocked&nbsp;by policy</p>"
    assert visible_text(page) == "Sorry Blocked by policy"


# --- what is left out ------------------------------------------------------------------------------------------------


def error(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **fields}}


def loc(place: list[str | int], message: str) -> dict[str, Any]:
    return {"detail": [{"type": "extra_forbidden", "loc": place, "msg": message}]}


REFUSALS: dict[str, tuple[int, object, str]] = {
    "mistral": (422, {"message": loc(["body", "stream_options", "include_usage"], "Extra inputs")}, "stream_options"),
    "marshmallow": (422, {"errors": {"json": {"stream_options": ["Unknown field."]}}}, "stream_options"),
    "bedrock": (400, {"message": "extraneous key [stream_options] is not permitted"}, "stream_options"),
    "wrapped in a 500": (
        500,
        error('BadRequest - {"error": {"message": "stream_options: unknown"}}'),
        "stream_options",
    ),
    "o1": (400, error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."), "max_tokens"),
    "a path": (400, loc(["body", "max_tokens"], "Extra inputs are not permitted"), "max_tokens"),
    "gpt-5": (400, error("'temperature' does not support 0.2. Only the default (1) is.", param="x"), "temperature"),
    "kimi": (400, error("invalid temperature: only 1 is allowed for this model"), "temperature"),
    "litellm": (400, error("gpt-5 models don't support temperature=0.2. Only temperature=1 is."), "temperature"),
    "must be 1": (400, error("temperature must be 1"), "temperature"),
    "expected": (400, error("Invalid value for temperature: expected 1, got 0.2"), "temperature"),
    "accepts": (400, error("This model only accepts temperature 1"), "temperature"),
    "bare": (400, error("Invalid parameter: temperature"), "temperature"),
    "beside top_p": (400, error("`temperature` and `top_p` cannot both be specified for this model."), "temperature"),
    "must be set": (400, error("`temperature` may only be set to 1 when thinking is enabled."), "temperature"),
    "gemma": (400, {"object": "error", "message": "System role not supported", "code": 400}, "system"),
    "llama.cpp": (500, error("Jinja Exception: System role not supported"), "system"),
    "gemini": (400, [error("Developer instruction is not enabled for models/gemma-3")], "system"),
    "two roles": (400, error("Only user and assistant roles are supported!"), "system"),
    "the first": (400, error("messages parameter invalid: first message role must be user"), "system"),
    "JSON Schema": (400, error("'system' is not one of ['user', 'assistant']"), "system"),
    "alternate": (400, error("Conversation roles must alternate user/assistant/user/assistant/..."), "system"),
    "o1-mini": (400, error("Unsupported value: 'messages[0].role' does not support 'system' here."), "system"),
    "bedrock system": (400, {"message": "This model doesn't support system messages. Try again without."}, "system"),
    "serde": (422, b"messages[0].role: unknown variant `system`, expected `user` or `assistant`", "system"),
    "pydantic role": (422, loc(["body", "messages", 0, "role"], "Input should be 'user' or 'assistant'"), "system"),
    "unverified": (400, error("This organization may not stream this model.", param="stream"), "stream"),
    "verify": (400, error("Your organization must be verified to stream this model."), "stream"),
    "no streaming": (400, {"detail": "Streaming is not supported for this model"}, "stream"),
    "404": (404, {"error": "stream mode is not available"}, "stream"),
    "points": (400, error("Bad value", param="stream"), "stream"),
    "in the stream": (200, error("Unknown parameter: stream_options"), "stream_options"),
    "an odd 200": (200, {"code": "InvalidParameter", "message": "unknown field stream_options"}, "stream_options"),
}


@pytest.mark.parametrize(("code", "said", "gone"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_what_a_server_does_not_take_is_left_out_from_then_on(code: int, said: object, gone: str) -> None:
    answers: list[list[Step]] = [[openai_answer("a")], [openai_answer("b")]]
    if gone == "stream":
        whole = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}
        answers = [[status(200, {}, whole)]] * 2
    async with ProviderServer([status(code, {}, said)], *answers) as server:
        backend = backend_at(server.url)
        await answered(backend)
        await answered(backend)
        assert len(backend.info.learned) == 1
    first, *later = (request.json for request in server.requests)
    assert len(later) == 2
    for body in later:
        if gone == "system":
            system, user = (message["content"] for message in first["messages"])
            assert body["messages"] == [{"role": "user", "content": f"{system}\n\n{user}"}]
        else:
            assert gone in first
            assert gone not in body
        assert ("max_completion_tokens" in body) == (gone == "max_tokens")
        assert ("stream_options" in body) == (gone not in ("stream", "stream_options"))


async def test_several_things_may_be_refused_one_after_the_other() -> None:
    said = [
        error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        error("'temperature' does not support 0.2 with this model."),
        error("'messages[0].role' does not support 'system' with this model."),
        error("max_completion_tokens: Extra inputs are not permitted"),
        error("stream_options: Extra inputs are not permitted"),
        error("stream must be false"),
    ]
    whole = {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}
    turns = [[status(400, {}, each)] for each in said]
    async with ProviderServer(*turns, [status(200, {}, whole)]) as server:
        assert (await answered(backend_at(server.url)))[0] == "ok"
    assert set(server.requests[-1].json) == {"model", "messages"}


SEVERAL: dict[str, tuple[object, set[str]]] = {
    "a list of details": (
        {
            "detail": [
                {"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"},
                {"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"},
            ]
        },
        {"stream_options", "temperature"},
    ),
    "one sentence": (
        error("Unsupported parameters: 'temperature', 'stream_options' and 'max_tokens'."),
        {"stream_options", "temperature", "max_tokens"},
    ),
    "sentences": (
        error("temperature is not supported. System messages are not supported. Use max_tokens."),
        {"temperature", "system"},
    ),
    "fields": (
        {"violations": [{"field": name, "message": "is not allowed"} for name in ("temperature", "stream_options")]},
        {"stream_options", "temperature"},
    ),
    "what is taken instead": (
        error("Unsupported parameter: temperature. Supported parameters are: max_tokens, stream, stream_options."),
        {"temperature"},
    ),
    "one of two": (error("temperature must be below 1.5; stream_options: unknown field"), {"stream_options"}),
}


@pytest.mark.parametrize(("said", "gone"), SEVERAL.values(), ids=SEVERAL.keys())
async def test_all_that_a_body_refuses_is_left_out_at_once(said: object, gone: set[str]) -> None:
    async with ProviderServer([status(400, {}, said)], [openai_answer("ok")]) as server:
        await answered(backend_at(server.url))
        first, second = (request.json for request in server.requests)
    left_out = set(first) - set(second)
    assert left_out | ({"system"} if len(second["messages"]) == 1 else set()) == gone


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, "Streaming models available in your region only"),
        (404, "Error while streaming: unknown model"),
        (400, "temperature must be between 0 and 1"),
        (400, "temperature must be less than or equal to 1"),
        (400, "temperature has to be 1.5 or lower"),
        (400, "Invalid parameter: temperature must be between 0 and 1"),
        (400, "max_tokens is too large: 4000. This model takes at most 2048."),
        (400, "max_tokens must not exceed 2048"),
        (400, "max_tokens: 4000 > 2048, which is the maximum allowed number of output tokens"),
        (429, "Streaming is not supported in your tier at this rate."),
        (503, "The system is unavailable, unknown error."),
        (400, "The model does not exist."),
    ],
)
async def test_a_value_that_is_refused_is_not_left_out(code: int, message: str) -> None:
    async with ProviderServer([status(code, {}, error(message))]) as server:
        told = await refused(backend_at(server.url))
    assert message.rstrip(".") in told.message
    assert len(server.requests) == 1


async def test_what_did_not_help_is_not_learned() -> None:
    turns = [[status(400, {}, error(f"{name} is not supported"))] for name in ("temperature", "model")]
    async with ProviderServer(*turns, [openai_answer("ok")]) as server:
        backend = backend_at(server.url)
        await refused(backend)
        assert (await answered(backend))[0] == "ok"
        assert backend.info.learned == ()
    assert ["temperature" in request.json for request in server.requests] == [True, False, True]


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        ("temperature: deprecated for this model", "temperature"),
        ("system: Extra inputs are not permitted", "system"),
        ("Streaming is not supported", "stream"),
    ],
)
async def test_anthropic_is_asked_without_as_well(message: str, gone: str) -> None:
    whole = {"type": "message", "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn"}
    answer = [status(200, {}, whole)] if gone == "stream" else [SSE_HEAD, anthropic_events("ok")]
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    async with ProviderServer([status(400, {}, said)], answer) as server:
        assert (await answered(backend_at(server.url, "anthropic")))[0] == "ok"
    assert gone in server.requests[0].json
    assert gone not in server.requests[1].json


async def test_an_answer_in_one_piece_has_all_of_its_time() -> None:
    whole = {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}
    head, _, body = status(200, {}, whole).partition(b"\r\n\r\n")
    turns: list[list[Step]] = [[status(400, {}, {"error": "streaming is not supported"})], [head + b"\r\n\r\n", body]]
    async with ProviderServer(*turns) as server:
        assert (await answered(backend_at(server.url, read_timeout=0.5)))[0] == "ok"
    assert server.requests[1].headers["accept"] == "application/json"


# --- within a stream -------------------------------------------------------------------------------------------------

HALF = openai_chunk({"content": "half"})
MID_STREAM: dict[str, tuple[list[Step], str]] = {
    "Ollama": ([HALF, b'{"error":"CUDA out of memory"}\n'], "CUDA out of memory"),
    "Ollama, cut": ([HALF, b'{"error":"CUDA out of memory"}', RESET], "CUDA out of memory"),
    "set out in lines": ([HALF, b'{\n  "error": {\n    "message": "GPU lost"\n  }\n}\n'], "GPU lost"),
    "right behind the data": ([HALF.rstrip(), b'\n{"error":"GPU lost"}\n'], "GPU lost"),
    "OpenRouter": ([HALF, event({"error": {"code": 502, "message": "Upstream lost"}, "choices": []})], "(502)"),
    "of the choice": ([HALF, event({"choices": [{"error": {"code": 502, "message": "Lost"}}]})], "Lost"),
    "llama.cpp": ([HALF, b'error: {"code":500,"message":"GPU lost","type":"server_error"}\n\n'], "(500): GPU lost"),
    "an event's name": ([HALF, event({"message": "Overloaded"}, "error")], "Overloaded"),
    "an event's name, plain": ([HALF, b"event: error\ndata: upstream timed out\n\n"], "upstream timed out"),
    "a list": ([HALF, event([{"error": {"message": "Quota", "code": 429}}])], "(429): Quota"),
    "errors": ([HALF, event({"errors": [{"message": "No more"}]})], "No more"),
    "plain text": ([HALF, b"Internal Server Error"], "broke off half way: Internal Server Error."),
    "odd words": ([HALF, event({"detail": "worker died"})], "broke off half way: worker died."),
    "nginx": (
        [HALF, b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n"],
        "half way: 504 Gateway Time-out.",
    ),
    "no title": ([HALF, b"<html>\n<body>\n\n<h1>Sorry</h1>\n</body></html>"], "half way: Sorry."),
    "Python": ([HALF, b"{'error': 'out of memory'}\n"], "out of memory"),
    "finish_reason error": ([openai_chunk({"content": "half"}, "error"), b"data: [DONE"], "broke off half way"),
}


@pytest.mark.parametrize(("steps", "words"), MID_STREAM.values(), ids=MID_STREAM.keys())
async def test_what_breaks_an_answer_is_told_in_its_own_words(steps: list[Step], words: str) -> None:
    async with ProviderServer([SSE_HEAD, *steps]) as server:
        told = await refused(backend_at(server.url))
    assert words in told.message
    assert told.retryable


async def test_words_of_strangers_are_told_safely() -> None:
    page = f"<title>\x1b]0;x\x07 {SECRET} ‮</title>".encode()
    async with ProviderServer([SSE_HEAD, HALF, page]) as server:
        told = await refused(backend_at(server.url), is_echo=True)
    assert told.message.isprintable()
    assert "[key]" in told.message


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "sensitive"])
async def test_a_filter_by_any_name(reason: str) -> None:
    async with ProviderServer([SSE_HEAD, openai_events("half", finish=reason)]) as server:
        assert "withheld" in (await refused(backend_at(server.url))).message


@pytest.mark.parametrize("later", ["stop", None, "end_turn"])
async def test_a_cut_is_one_whatever_is_said_behind_it(later: str | None) -> None:
    content = openai_events("half", finish="length", done=False) + openai_events(finish=later)
    async with ProviderServer([SSE_HEAD, content]) as server:
        assert "Raise max_tokens" in str(await refused(backend_at(server.url)))


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "model_length"])
async def test_a_cut_by_any_name(reason: str) -> None:
    async with ProviderServer([SSE_HEAD, openai_events("half", finish=reason)]) as server:
        assert "Raise max_tokens" in str(await refused(backend_at(server.url)))
