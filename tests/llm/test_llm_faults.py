"""Every way in which a provider can fail becomes a sentence, a way out, and whether to ask again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from evolver_tui.adapters.llm import http as llm_http
from evolver_tui.core.errors import MODEL, BackendError
from tests.support.hubs import RawHub, free_port, http_response
from tests.support.provider_asking import ASKED, SECRET, answered, backend_at, guarded, refused
from tests.support.provider_server import (
    HANG,
    RESET,
    SSE_HEAD,
    Forever,
    ProviderServer,
    anthropic_events,
    chunked,
    event,
    openai_answer,
    openai_chunk,
    openai_events,
    status,
)
from tests.support.proxy_server import ProxyServer
from tests.support.socks_server import SocksServer

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield from guarded(monkeypatch, caplog)


WHOLE = SSE_HEAD + openai_events("Grüße ", "😀 wörld")
CUTS = {
    "nothing": 0,
    "in the status line": 7,
    "in a header": 30,
    "before the blank line": len(SSE_HEAD) - 2,
    "after the head": len(SSE_HEAD),
    "in a field name": len(SSE_HEAD) + 2,
    "in the first event": len(SSE_HEAD) + 40,
    "in a character": WHOLE.index("😀".encode()) + 2,
    "between two events": WHOLE.index(b"\n\n", WHOLE.index(b"Gr")) + 2,
    "between the newlines": WHOLE.index(b"\n\n", WHOLE.index(b"Gr")) + 1,
    "in the finish": WHOLE.index(b'"stop"') + 3,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
@pytest.mark.parametrize("end", ["close", RESET])
async def test_a_stream_that_breaks_half_way_is_no_answer(cut: int, end: Any) -> None:
    turn = [WHOLE[:cut]] + ([RESET] if end == RESET else [])
    async with ProviderServer(turn) as server:
        error = await refused(backend_at(server.url))
    assert error.retryable
    assert re.search("broke off half way|not a JSON object|sent an empty answer", error.message)


async def test_a_chunked_stream_without_its_end_is_no_answer() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    async with ProviderServer([head, chunked(openai_events("half", done=False, finish=None))[:-40]]) as server:
        error = await refused(backend_at(server.url))
    assert error.retryable
    assert "broke off half way" in error.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"Retry-After": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "7200"}, 7200.0),
        ({"retry-after": "99999999"}, 86_400.0),
        ({"retry-after": "inf"}, 86_400.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Fri, 99 Foo 20277 08:00:30 GMT"}, None),
    ],
)
async def test_a_limit_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    said = {"error": {"message": "Slow down.", "type": "rate_limit_error"}}
    async with ProviderServer([status(429, headers, said)]) as server:
        error = await refused(backend_at(server.url))
    assert error.retryable
    assert error.retry_after == seconds
    assert re.fullmatch(r"openai at 127\.0\.0\.1:\d+ limits how often it is asked \(429\): Slow down\.", error.message)


@pytest.mark.parametrize(
    ("code", "body", "retryable", "words"),
    [
        (400, {"error": {"message": "Bad."}}, False, "refused the request (400): Bad."),
        (401, {"error": {"message": "No."}}, False, "Set OPENAI_KEY to a key"),
        (402, {"error": {"message": "Insufficient Balance"}}, False, "no credit left"),
        (403, {"message": "Not in your region"}, False, "Not in your region. Set OPENAI_KEY"),
        (404, {"error": 'model "coder-7b" not found, try pulling it first'}, False, "Check model and base_url"),
        (408, b"", True, "could not answer now"),
        (409, b"", True, "could not answer now"),
        (499, b"", True, "could not answer now"),
        (451, {"detail": "Not for you"}, False, "may not answer where this machine is (451): Not for you."),
        (204, b"", True, "sent an empty answer"),
        (200, b"", True, "sent an empty answer"),
        (422, {"detail": "temperature must be below 2"}, False, "temperature must be below 2"),
        (429, {"error": {"message": "Quota.", "code": "insufficient_quota"}}, False, "no credit left"),
        (500, {"object": "error", "message": "CUDA out of memory", "code": 500}, True, "CUDA out of memory"),
        (502, b"<html><body>Bad gateway</body></html>", True, "could not answer now (502): Bad gateway."),
        (503, [{"error": {"message": "Loading model"}}], True, "Loading model"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, True, "Overloaded"),
        (500, b"[" * 50_000, True, "could not answer now"),
        (500, b"\xff\xfe\x00", True, "could not answer now"),
        (500, "just text", True, "could not answer now"),
        (418, b"I'm a teapot", False, "refused the request (418): I'm a teapot."),
    ],
)
async def test_a_status_becomes_a_sentence(code: int, body: object, retryable: bool, words: str) -> None:
    async with ProviderServer([status(code, {}, body)]) as server:
        error = await refused(backend_at(server.url))
    assert words in str(error)
    assert error.retryable is retryable
    assert error.way_out


@pytest.mark.parametrize(
    ("seconds", "words"),
    [("1", "Retry later."), ("90", "Retry in 90 seconds."), ("600", "Retry in 10 minutes."), ("86000", "in 24 hours.")],
)
async def test_a_long_wait_stands_in_the_sentence(seconds: str, words: str) -> None:
    async with ProviderServer([status(429, {"retry-after": seconds})]) as server:
        error = await refused(backend_at(server.url))
    assert str(error).endswith(words)


async def test_without_a_key_a_401_says_which_variable_to_set() -> None:
    async with ProviderServer([status(401)]) as server:
        error = await refused(backend_at(server.url, "anthropic", key=None))
    assert "wants a key (401)" in error.message
    assert "ANTHROPIC_KEY" in error.way_out


async def test_a_message_is_short_safe_and_without_the_key() -> None:
    echoes = [SECRET, f"<{SECRET}>", f"'{SECRET[:9]}*******{SECRET[-4:]}'", f"Bearer\n{SECRET[8:]}"]
    said = "\x1b]52;c;AAAA\x07\u202e" + " and ".join(echoes) + " " + "x" * 5000
    async with ProviderServer([status(400, {}, {"error": {"message": said}})]) as server:
        error = await refused(backend_at(server.url), is_echo=True)
    assert len(error.message) < 400
    assert "[key]" in error.message
    assert error.message.isprintable()
    for start in range(len(SECRET) - 7):
        assert SECRET[start : start + 8] not in str(error)


async def test_a_key_that_no_header_can_carry_is_refused_before_it_travels() -> None:
    async with ProviderServer() as server:
        for key in (SECRET + "ü", SECRET + "\r\nx-evil: 1"):
            error = await refused(backend_at(server.url, key=key))
            assert "OPENAI_KEY" in str(error)
            assert not error.retryable
    assert server.requests == []


@pytest.mark.parametrize(
    ("content", "retryable", "words"),
    [
        (openai_events(), True, "answered with nothing"),
        (openai_events(" \n"), True, "answered with nothing"),
        (b"", True, "sent an empty answer. Retry, or check base_url"),
        (b" \r\n\n", True, "sent an empty answer"),
        (b": wait\n\n", True, "broke off half way"),
        (b"data: [DONE]\n\n", True, "answered with nothing"),
        (openai_events("half", finish="length"), False, "Raise max_tokens"),
        (openai_events("half", finish="content_filter"), False, "withheld its answer"),
        (openai_chunk({"refusal": "I won't."}) + openai_events(), False, "withheld its answer"),
        (openai_chunk({"content": "half"}) + event({"error": {"message": "GPU lost"}}), True, "GPU lost"),
        (openai_chunk({"content": "half"}) + event({"error": {"message": "x", "code": 429}}), True, "(429)"),
        (
            event({"error": {"message": "x", "type": "invalid_request_error", "code": "model_not_found"}}),
            False,
            "(404)",
        ),
        (event({"error": {"message": "x", "code": "insufficient_quota"}}), False, "no credit left"),
        (event({"object": "error", "message": "x", "type": "BadRequestError", "code": 400}), False, "(400)"),
        (event({"error": "the runner has stopped"}), True, "the runner has stopped"),
        (b"data: garbage\n\n", True, "broke off half way: garbage."),
        (b"data: [1]\n\n", True, "broke off half way: [1]."),
        (b"data: " + b"[" * 50_000 + b"\n\n", True, "broke off half way"),
        (b'data: {"choices": [}\n\n' + openai_events("ok"), True, "not a JSON object"),
        (b"hello, I am no API", True, "broke off half way: hello, I am no API."),
        (b"<!doctype html><html></html>", False, "answered with a web page. Check base_url"),
        (b"<html><head>\n<TITLE>Sign in &amp; go</TITLE>\n", False, "a web page: Sign in & go. Check base_url"),
        (b'{"choices": [{"message": {"content": "half', True, "broke off half way."),
        (event({"choices": "x"}) + event({"choices": [7]}) + event({"choices": [{"delta": 7}]}), True, "broke off"),
    ],
    ids=range(24),
)
async def test_an_openai_stream_that_is_no_answer(content: bytes, retryable: bool, words: str) -> None:
    async with ProviderServer([SSE_HEAD, content]) as server:
        error = await refused(backend_at(server.url))
    assert words in str(error)
    assert error.retryable is retryable


@pytest.mark.parametrize(
    ("content", "retryable", "words"),
    [
        (anthropic_events(), True, "answered with nothing"),
        (anthropic_events("half", reason="max_tokens"), False, "Raise max_tokens"),
        (anthropic_events("half", reason="refusal"), False, "withheld its answer"),
        (anthropic_events("half").partition(b"event: message_delta")[0], True, "broke off half way"),
        (
            event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error"),
            True,
            "(529): Overloaded.",
        ),
        (event({"type": "error", "error": {"type": "authentication_error", "message": "x"}}), False, "ANTHROPIC_KEY"),
        (event({"type": "message_start", "message": 7}) + event({"type": 7}), True, "broke off half way"),
    ],
    ids=range(7),
)
async def test_an_anthropic_stream_that_is_no_answer(content: bytes, retryable: bool, words: str) -> None:
    turn = [SSE_HEAD, content]
    async with ProviderServer(turn, turn) as server:  # a refused key is tried in the other header as well
        error = await refused(backend_at(server.url, "anthropic"))
    assert words in str(error)
    assert error.retryable is retryable


async def test_a_server_that_falls_silent_is_given_up_on() -> None:
    async with ProviderServer([HANG], [SSE_HEAD, openai_chunk({"content": "half"}), HANG]) as server:
        for _ in range(2):
            error = await refused(backend_at(server.url, read_timeout=0.1))
            assert "sent nothing for 0.1 s" in error.message
            assert "read_timeout" in error.way_out
            assert error.retryable


@pytest.mark.parametrize("code", [200, 500])
async def test_a_server_that_drips_for_ever_is_given_up_on(code: int) -> None:
    head = f"HTTP/1.1 {code} Said\r\ncontent-type: text/event-stream\r\n\r\n".encode()
    async with ProviderServer([head, Forever(b": wait\n\n", 0.02)]) as server:
        error = await refused(backend_at(server.url, total_timeout=0.3))
    assert "took longer than 0.3 s" in error.message
    assert error.retryable


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ([SSE_HEAD, Forever(openai_chunk({"content": "x" * 3000}))], "characters"),
        ([SSE_HEAD, Forever(b": " + b"x" * 3000 + b"\n\n")], "bytes"),
        ([SSE_HEAD, Forever(b"data: " + b"x" * 3000)], "bytes"),
        ([SSE_HEAD, Forever(b"data: " + b"x" * 3000 + b"\n")], "bytes"),
        ([SSE_HEAD, b"{", Forever(b" " * 3000)], "bytes"),
    ],
    ids=["text", "envelope", "line", "event", "object"],
)
async def test_an_answer_without_end_is_cut_off(turn: list[Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_http, "MOST_TEXT", 200_000)
    monkeypatch.setattr(llm_http, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(llm_http, "MOST_EVENT_BYTES", 500_000)
    async with ProviderServer(turn) as server:
        error = await refused(backend_at(server.url))
    assert "is longer than" in error.message
    assert words in error.message
    assert not error.retryable


async def test_an_explanation_without_end_is_cut_off() -> None:
    head = b"HTTP/1.1 503 Said\r\ncontent-type: text/plain\r\n\r\n"
    async with ProviderServer([head, Forever(b"x" * 4096)]) as server:
        error = await refused(backend_at(server.url))
    assert "(503): xxx" in error.message
    assert error.retryable


async def test_a_redirect_is_not_followed() -> None:
    async with ProviderServer() as other:
        location = f"http://user:{SECRET}@127.0.0.1:{other.port}/v1?key={SECRET}"
        async with ProviderServer([status(307, {"location": location})]) as server:
            error = await refused(backend_at(server.url), is_echo=True)
    assert f"redirect to 127.0.0.1:{other.port} (307)" in error.message
    assert not error.retryable
    assert other.requests == []


async def test_nobody_at_the_address() -> None:
    async with ProviderServer() as server:
        url = server.url
    error = await refused(backend_at(url))
    assert "cannot be reached" in error.message
    assert f"Is the server running at {url}/v1?" in error.way_out
    assert error.retryable


async def test_https_where_none_is_spoken() -> None:
    async with ProviderServer() as server:
        error = await refused(backend_at(server.url.replace("http:", "https:")))
    assert "No secure connection" in error.message
    assert not error.retryable


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://127.0.0.1",
        "http://",
        "http://[::1",
        "http://a b",
        "http://a\tb",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://127.0.0.1/?key=x",
        "http://\u2025",
    ],
)
async def test_an_address_that_is_none(url: str) -> None:
    error = await refused(backend_at(url))
    assert not error.retryable
    assert "base_url" in str(error)


async def test_user_and_password_in_the_address_go_nowhere() -> None:
    async with ProviderServer() as server:
        error = await refused(backend_at(server.url.replace("//", f"//user:{SECRET}@")))
    assert f"({server.url.replace('//', '//•••@')}/v1)" in error.way_out
    assert server.requests == []


async def test_a_proxy_from_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ProviderServer([openai_answer("by proxy")], [status(407)]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert (await answered(backend_at("http://model.invalid")))[0] == "by proxy"
    assert proxy.requests[0].target == "http://model.invalid/v1/chat/completions"


@pytest.mark.parametrize("status_line", ["403 Forbidden", "503 Service Unavailable"])
async def test_an_answer_that_a_proxy_signs_is_no_fault_of_the_key_or_model(
    status_line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = http_response(status_line, "<html>ERROR</html>", **{"X-Squid-Error": "ERR_ACCESS_DENIED 0"})
    with RawHub(answer=lambda head: answer) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        error = await refused(backend_at("http://model.invalid"))
    assert f"The proxy at 127.0.0.1:{proxy.port} on the way to openai at model.invalid refused or failed" in str(error)
    assert status_line in str(error)
    assert "key" not in str(error)


async def test_a_proxy_that_does_not_speak_tls_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawHub() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"https://127.0.0.1:{proxy.port}")
        error = await refused(backend_at("http://model.invalid"))
    assert f"The proxy at 127.0.0.1:{proxy.port} on the way to openai at model.invalid refused or failed" in str(error)


async def test_a_socks_proxy_is_used_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ProviderServer([openai_answer("by socks")]) as server:
        with SocksServer() as proxy:
            monkeypatch.setenv("ALL_PROXY", proxy.url.replace("socks5", "socks"))
            assert (await answered(backend_at(server.url)))[0] == "by socks"
            assert proxy.asked == [server.url.split("/")[2]]
        assert "proxy" not in str(await _refused_by(SocksServer(), server, monkeypatch))
        for other in (SocksServer(answer=2), SocksServer(answer=77)):
            error = await _refused_by(other, server, monkeypatch)
            assert f"The proxy at 127.0.0.1:{other.port} on the way to openai at" in str(error)


async def _refused_by(proxy: SocksServer, server: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> BackendError:
    with proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        return await refused(backend_at(server.url))


@pytest.mark.parametrize(
    ("name", "value"), [("ALL_PROXY", f"gopher://user:{SECRET}@127.0.0.1:1"), ("HTTP_PROXY", "socks4://127.0.0.1:1")]
)
async def test_a_proxy_that_cannot_be_used_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    async with ProviderServer() as server:
        error = await refused(backend_at(server.url))
    assert name in error.way_out
    assert not error.retryable


# --- whose fault it is ---


async def test_a_server_that_is_away_concerns_whatever_is_asked() -> None:
    async with ProviderServer() as server:
        url = server.url
    with pytest.raises(BackendError) as caught:
        async for _ in backend_at(url).stream(ASKED):
            pass
    assert (caught.value.shared, caught.value.brief) == (MODEL, "cannot be reached")


@pytest.mark.parametrize("exceptions", ["::1/128", "[::1]", "127.0.0.0/8, fd00::/8", "localhost,127.0.0.1"])
async def test_exceptions_from_the_proxy_never_stop_a_call(exceptions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", exceptions)
    async with (
        ProviderServer([openai_answer("direct")]) as server,
        ProviderServer([openai_answer("by proxy")]) as proxy,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        expected = "direct" if "127" in exceptions else "by proxy"
        assert (await answered(backend_at(server.url)))[0] == expected


async def test_a_proxy_that_is_dead_or_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://ada:{SECRET}@127.0.0.1:{free_port()}")
    error = await refused(backend_at("http://model.invalid"))
    assert re.match(
        r"The proxy at 127\.0\.0\.1:\d+ on the way to openai at model\.invalid refused or failed", str(error)
    )
    with ProxyServer(connect="403 Forbidden", forward="502 Bad Gateway") as proxy:
        at = f"the proxy at 127.0.0.1:{proxy.port}"
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        error = await refused(backend_at("https://model.invalid"))
        assert f"T{at[1:]} on the way to openai at model.invalid refused or failed: 403 Forbidden." in str(error)
        error = await refused(backend_at("http://model.invalid"))
        assert f"The answer came from {at}, which may have given it itself." in str(error)
    with ProxyServer(authorization="Basic eDp5") as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        for url in ("http://model.invalid", "https://model.invalid"):
            assert "refused or failed: 407 Proxy Authentication Required" in str(await refused(backend_at(url)))
