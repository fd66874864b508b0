"""Server-Sent Events and long polling: the same promises as by a WebSocket, and when each is taken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from evolver_tui.adapters.signalr import requests
from evolver_tui.core.errors import ConfigError
from tests.support.hubs import ASPNET_HUB, RawHub, http_response, hub_process, negotiated
from tests.support.links import PATIENCE, ending, linked, quiet
from tests.support.request_hub import HANDSHAKE, Asked, Reply, RequestHub, task_record

pytestmark = pytest.mark.anyio

Write = Callable[[bytes], object]


def event(data: str) -> bytes:
    """An event as ASP.NET writes it."""
    return f"data: {data}\r\n\r\n".encode()


def streaming(*pieces: bytes, then: Callable[[], object] = lambda: None) -> Callable[[Write], None]:
    """Writes a handshake and then each of these at once."""

    def stream(write: Write) -> None:
        write(b":\r\n\r\n" + event(HANDSHAKE))
        for piece in pieces:
            write(piece)
        then()

    return stream


# --- Server-Sent Events


async def test_events_are_read_however_they_are_written_and_cut() -> None:
    whole = event(task_record("ä")) + b": comment\n\nevent: x\nid: 7\nretry: 9\ndata:" + task_record("b").encode()
    whole += b"\n\n" + event(task_record("c") + task_record("d")) + b"data: " + task_record("e")[:9].encode()
    whole += b"\n\ndata: " + task_record("e")[9:].encode() + b"\n\n"
    hold = threading.Event()
    stream = streaming(*(bytes([byte]) for byte in whole), then=lambda: hold.wait(PATIENCE))
    with RequestHub("ServerSentEvents", stream=stream) as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids == ["ä", "b", "c", "d", "e"])
            assert it.link.state.transport == "Server-Sent Events"
            assert it.link.state.reason == ""
            assert it.heard.problems == []
        assert await asyncio.to_thread(hub.said_goodbye.wait, PATIENCE)
        hold.set()
        handshake, *_ = hub.of("POST")
        assert handshake.body == '{"protocol": "json", "version": 1}\x1e'
        assert handshake.path == "/taskhub?id=t"


async def test_the_end_of_a_stream_is_a_lost_connection() -> None:
    with RequestHub("ServerSentEvents", stream=streaming(event(task_record("a")))) as hub:
        assert await ending(hub.url) == "waiting: The hub broke off the connection."


async def test_a_close_record_in_a_stream_means_what_it_means_elsewhere() -> None:
    close = event('{"type":7,"error":"Enough"}\x1e')
    with RequestHub("ServerSentEvents", stream=streaming(close)) as hub:
        assert (await ending(hub.url)).startswith('ended: The hub closed the connection: "Enough".')


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 2000, b"data: xxxx\n" * 500, event("x" * 2000)])
async def test_an_event_that_is_too_large_ends_the_connection(piece: bytes) -> None:
    hold = threading.Event()
    stream = streaming(piece, then=lambda: hold.wait(PATIENCE))
    with RequestHub("ServerSentEvents", stream=stream) as hub:
        reason = await ending(hub.url, frame_limit=1000)
        hold.set()
    assert reason.startswith("waiting: The hub sent a message of ")
    assert "the limit is 1,000" in reason


async def test_a_silent_stream_is_noticed() -> None:
    hold = threading.Event()
    stream = streaming(then=lambda: hold.wait(PATIENCE))
    with RequestHub("ServerSentEvents", stream=stream) as hub:
        assert await ending(hub.url, server_timeout=0.3) == "waiting: The hub has been silent for 0.3 seconds."
        hold.set()


async def test_what_is_no_event_stream_is_said_to_be_so() -> None:
    with RequestHub("ServerSentEvents") as hub:
        reason = await ending(hub.url)
    assert "negotiated, but answered 200 with something else than an event stream" in reason


async def test_a_request_that_fails_ends_a_stream_that_goes_on() -> None:
    hold = threading.Event()
    stream = streaming(then=lambda: hold.wait(PATIENCE))
    answers = iter([Reply(), Reply(404, b"No Connection with that ID")])
    with RequestHub("ServerSentEvents", stream=stream, send=lambda asked: next(answers)) as hub:
        reason = await ending(hub.url)
        hold.set()
    assert "does not know this connection any more (404)" in reason


# --- long polling


async def test_polls_bring_what_the_hub_has_to_say_and_the_connection_is_deleted_at_the_end() -> None:
    with RequestHub("LongPolling") as hub:
        async with linked(hub.url) as it:
            hub.polls.put(Reply(body=HANDSHAKE.encode()))
            hub.polls.put(Reply())
            hub.polls.put(Reply(body=(task_record("a") + task_record("b")).encode()))
            await it.heard.until(lambda: it.heard.ids == ["a", "b"])
            assert it.link.state.transport == "long polling"
            assert it.link.state.ping_ms is not None
            async with asyncio.timeout(1):  # while a poll waits
                await it.link.close()
        assert await asyncio.to_thread(hub.left.wait, PATIENCE)
        assert hub.said_goodbye.is_set()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(204), "waiting: The hub closed the connection."),
        (Reply(404, b"No Connection with that ID"), "waiting: The hub at 127.0.0.1:PORT does not know this connection"),
        (Reply(503), "waiting: 127.0.0.1:PORT is not ready (503 Service Unavailable)."),
        (Reply(504), "waiting: 127.0.0.1:PORT is not ready (504 Gateway Timeout)."),  # at once: it did not wait
        (Reply(401), "ended: The hub at 127.0.0.1:PORT asks for a token (401)."),
        (Reply(418), "waiting: 127.0.0.1:PORT broke off the connection: it answered 418."),
        (Reply(body=b"x" * 2000), "waiting: The hub sent a message of 1,001 bytes or more; the limit is 1,000."),
        (
            Reply(body=b"xx", headers={"Content-Length": "9", "Connection": "close"}),
            "waiting: 127.0.0.1:PORT broke off the connection.",
        ),
    ],
)
async def test_an_answer_to_a_poll_that_ends_the_connection(reply: Reply, reason: str) -> None:
    with RequestHub("LongPolling") as hub:
        hub.polls.put(Reply(body=(HANDSHAKE + task_record("a")).encode()))
        hub.polls.put(reply)
        told = await ending(hub.url, frame_limit=1000)
        assert told.startswith(reason.replace("PORT", hub.url.split(":")[2].split("/")[0]))


@pytest.mark.parametrize("status", [408, 504, 524])
async def test_a_poll_that_a_proxy_cuts_short_is_made_again(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_LONG_SECONDS", 0.0)
    with RequestHub("LongPolling") as hub:
        async with linked(hub.url) as it:
            hub.polls.put(Reply(body=HANDSHAKE.encode()))
            hub.polls.put(Reply(status, b"<html>Gateway Time-out</html>"))
            hub.polls.put(Reply(body=task_record("a").encode()))
            await it.heard.until(lambda: it.heard.ids == ["a"])
            assert it.heard.phases == ["connecting", "connected"]


async def test_a_poll_may_wait_while_pings_are_answered_and_no_longer() -> None:
    frozen, hold = threading.Event(), threading.Event()
    pings: list[str] = []

    def send(asked: Asked) -> Reply:
        pings.append(asked.body)
        if frozen.is_set():
            hold.wait(PATIENCE)
        return Reply()

    with RequestHub("LongPolling", send=send) as hub:
        async with linked(hub.url, server_timeout=0.3, ping_interval=0.05, delays=(60.0,)) as it:
            hub.polls.put(Reply(body=HANDSHAKE.encode()))
            assert await asyncio.to_thread(hub.wait_until, lambda: len(pings) > 12)
            assert it.heard.phases == ["connecting", "connected"]
            frozen.set()
            state = await it.heard.state("waiting")
            assert state.reason == "The hub has been silent for 0.3 seconds."
            hold.set()


async def test_a_busy_listener_is_polled_for_until_so_much_is_held_and_loses_nothing() -> None:
    busy, free = threading.Event(), threading.Event()

    def take() -> None:
        busy.set()
        free.wait(PATIENCE)

    with RequestHub("LongPolling") as hub:
        async with linked(hub.url, take=take) as it:
            hub.polls.put(Reply(body=(HANDSHAKE + task_record("first")).encode()))
            assert await asyncio.to_thread(busy.wait, PATIENCE)
            half = "x" * 600_000
            for number in range(5):
                hub.polls.put(Reply(body=(task_record(f"{number}{half}")).encode()))
            # The third makes it too much; no fourth is asked for.
            assert await asyncio.to_thread(hub.wait_until, lambda: hub.polls.qsize() == 2)
            asked = len(hub.of("GET"))
            assert it.heard.ids == []
            assert hub.polls.qsize() == 2
            assert len(hub.of("GET")) == asked
            free.set()
            await it.heard.until(lambda: len(it.heard.ids) == 6)
            assert [task_id[:1] for task_id in it.heard.ids] == ["f", *"01234"]


# --- tokens and cookies


@pytest.mark.parametrize("offer", ["ServerSentEvents", "LongPolling"])
async def test_an_answer_that_breaks_off_ends_nothing_that_its_status_does_not(offer: str) -> None:
    hold = threading.Event()
    broken = Reply(body=b"zz\r\n", headers={"Transfer-Encoding": "chunked", "Connection": "close"})
    stream = streaming(then=lambda: hold.wait(PATIENCE)) if offer == "ServerSentEvents" else None
    with RequestHub(offer, stream=stream, send=lambda asked: broken) as hub:
        hub.polls.put(Reply(body=HANDSHAKE.encode()))
        async with linked(hub.url, ping_interval=0.01) as it:
            await it.heard.until(lambda: it.link.state.ping_ms is not None)
            pings = len(hub.of("POST"))
            assert await asyncio.to_thread(hub.wait_until, lambda: len(hub.of("POST")) >= pings + 3)
            assert it.heard.phases == ["connecting", "connected"]
        hold.set()


async def test_a_refusal_that_breaks_off_is_tried_again() -> None:
    broken = Reply(503, b"zz\r\n", {"Transfer-Encoding": "chunked", "Connection": "close"})
    with RequestHub("LongPolling", first_poll=lambda asked: broken) as hub:
        assert (await ending(hub.url)).startswith("waiting: 127.0.0.1:")


async def test_a_token_that_cannot_be_had_any_more_ends_the_connection_with_the_reason() -> None:
    def token() -> str:
        if len(asked_for) == 1:
            raise ConfigError("The secrets cannot be read.", "Mend the file.")
        asked_for.append("")
        return "first"

    asked_for: list[str] = []
    with RequestHub("LongPolling", send=lambda asked: Reply(401)) as hub:
        async with linked(hub.url, token=token) as it:
            await it.heard.state("ended")
            assert it.link.state.reason == "The secrets cannot be read. Mend the file."
            assert it.heard.phases == ["connecting", "ended"]


async def test_a_token_that_has_run_out_is_asked_for_anew_within_a_connection() -> None:
    tokens = iter(["first", "second", "third"])
    valid = "first"

    def send(asked: Asked) -> Reply:
        return Reply(200 if asked.headers["authorization"] == f"Bearer {valid}" else 401)

    with RequestHub("LongPolling", send=send) as hub:
        async with linked(hub.url, token=lambda: next(tokens), ping_interval=0.05) as it:
            hub.polls.put(Reply(body=HANDSHAKE.encode()))
            await it.heard.state("connected")
            valid = "second"
            hub.polls.put(Reply(401))
            hub.polls.put(Reply(body=task_record("a").encode()))
            await it.heard.until(lambda: it.heard.ids == ["a"])
            assert it.heard.phases == ["connecting", "connected"]


async def test_cookies_of_the_hub_go_back_with_every_request_of_that_connection() -> None:
    visits = iter(range(9))

    def negotiate(asked: Asked) -> Reply:
        assert "cookie" not in asked.headers  # each connection begins anew
        return hub.negotiated(**{"Set-Cookie": f"node={next(visits)}; Path=/; HttpOnly"})

    first_poll = Reply(headers={"Set-Cookie": "later=1"})
    with RequestHub("LongPolling", negotiate=negotiate, first_poll=lambda asked: first_poll) as hub:
        async with linked(hub.url) as it:
            hub.polls.put(Reply(body=HANDSHAKE.encode()))
            hub.polls.put(Reply(204))
            await it.heard.state("connecting", 1)
            cookies = [one.headers["cookie"] for one in hub.of("GET") + hub.of("POST")]
        assert cookies[0] == "node=0"
        assert set(cookies[1:]) <= {"node=0; later=1", "later=1; node=0"}


@pytest.mark.parametrize(
    ("cookie", "sent"),
    [
        ("ARRAffinity=a; Path=/; HttpOnly; SameSite=None", "ARRAffinity=a"),
        ("AWSALB=x+y/z=; Expires=Wed, 01 Jan 2098 00:00:00 GMT; Path=/", "AWSALB=x+y/z="),
        ("plain=1", "plain=1"),
        ("here=1; Path=/taskhub", "here=1"),
        ("host=1; Domain=127.0.0.1", "host=1"),
        ("elsewhere=1; Path=/other", ""),
        ("other=1; Domain=example.com", ""),
        ("secure=1; Secure", ""),
        ("gone=1; Max-Age=0", ""),
    ],
)
async def test_a_cookie_of_the_negotiation_goes_with_the_websocket_where_it_belongs(cookie: str, sent: str) -> None:
    answer = negotiated().replace(
        b"HTTP/1.1 200 OK\r\n", f"HTTP/1.1 200 OK\r\nSet-Cookie: {cookie}\r\n".encode("latin-1")
    )
    with RawHub(quiet, answer=lambda head: answer) as hub:
        async with linked(hub.url, token=lambda: "mine") as it:
            await it.heard.state("connected")
        upgrade = hub.heads[1]
    found = [line.partition(": ")[2] for line in upgrade.split("\r\n") if line.lower().startswith("cookie:")]
    assert found == ([sent] if sent else [])
    assert "Authorization: Bearer mine" in upgrade


async def test_a_cookie_for_a_host_of_one_word_comes_back() -> None:
    def negotiate(asked: Asked) -> Reply:
        return hub.negotiated(**{"Set-Cookie": "node=a; Domain=localhost; Path=/"})

    with RequestHub("LongPolling", negotiate=negotiate) as hub:
        async with linked(hub.url.replace("127.0.0.1", "localhost")) as it:
            hub.polls.put(Reply(body=HANDSHAKE.encode()))
            await it.heard.state("connected")
        assert {one.headers.get("cookie") for one in hub.of("GET")} == {"node=a"}


async def test_two_cookies_and_a_redirect_on_the_way_are_kept_too() -> None:
    with RawHub(quiet) as target:
        location = f"/taskhub/negotiate?negotiateVersion=1&at={target.port}"
        answers = iter(
            [
                http_response("307 Temporary Redirect", Location=location, **{"Set-Cookie": "a=1; Path=/"}),
                negotiated().replace(b"OK\r\n", b"OK\r\nSet-Cookie: b=2; Path=/\r\nset-cookie: c=3; path=/\r\n"),
            ]
        )
        target._answer = lambda head: next(answers)
        async with linked(target.url) as it:
            await it.heard.state("connected")
        assert "cookie: a=1\r\n" in f"{target.heads[1]}\r\n".lower()
        assert "cookie: a=1; b=2; c=3\r\n" in f"{target.heads[2]}\r\n".lower()


# --- which transport


@pytest.mark.parametrize("status", [200, 302, 400, 403, 405, 426, 501, 502])
async def test_a_websocket_that_is_not_let_through_gives_way_at_once_and_is_told(status: int) -> None:
    hold = threading.Event()
    stream = streaming(event(task_record("a")), then=lambda: hold.wait(PATIENCE))
    offers = ("WebSockets", "ServerSentEvents", "LongPolling")
    with RequestHub(*offers, stream=stream, upgrade=lambda: Reply(status)) as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids == ["a"])
            assert it.heard.phases == ["connecting", "connected"]
            assert it.link.state.transport == "Server-Sent Events"
            assert f"answered {status} when WebSockets should have been opened" in it.link.state.reason
        hold.set()
        assert sum("/negotiate" in one.path for one in hub.asked) == 2


async def test_a_stream_that_a_proxy_holds_back_gives_way_to_long_polling_and_is_left_out_the_next_time() -> None:
    hold = threading.Event()

    def held_back(write: Write) -> None:
        hold.wait(PATIENCE)

    with RequestHub("ServerSentEvents", "LongPolling", stream=held_back) as hub:
        async with linked(hub.url, connect_timeout=0.9) as it:
            hub.polls.put(Reply(body=HANDSHAKE.encode()))
            await it.heard.state("connected", 0)
            assert it.link.state.transport == "long polling"
            assert "was silent when Server-Sent Events should have been opened" in it.link.state.reason
            hub._polled = False
            hub.polls.put(Reply(204))
            hub.polls.put(Reply(body=HANDSHAKE.encode()))
            await it.heard.state("connected", 1)
            assert it.link.state.reason == ""
        streams = [one for one in hub.of("GET") if one.headers["accept"] == "text/event-stream"]
        assert len(streams) == 1
        hold.set()


async def test_a_stream_that_is_held_back_is_named_where_there_is_no_other_way() -> None:
    hold = threading.Event()
    with RequestHub("ServerSentEvents", stream=lambda write: hold.wait(PATIENCE)) as hub:
        reason = await ending(hub.url, connect_timeout=0.5)
        hold.set()
    assert "was silent when Server-Sent Events should have been opened" in reason
    assert "proxy_buffering off" in reason


async def test_when_no_way_is_open_all_are_named_and_tried_again() -> None:
    refuse = Reply(400)
    offers = ("WebSockets", "ServerSentEvents", "LongPolling")
    with RequestHub(*offers, upgrade=lambda: refuse, first_poll=lambda asked: refuse) as hub:
        hub.polls.put(refuse)
        reason = await ending(hub.url)
    assert reason.startswith("waiting: ")
    for way in ("WebSockets", "Server-Sent Events", "long polling"):
        assert f"when {way} should have been opened" in reason
    assert reason.endswith("which get through without.")


@pytest.mark.skipif(not ASPNET_HUB, reason="EVOLVER_TEST_ASPNET_HUB is not set")
@pytest.mark.parametrize(
    ("offers", "transport"),
    [("ws,sse,lp", "WebSockets"), ("sse,lp", "Server-Sent Events"), ("lp", "long polling")],
)
async def test_the_best_that_a_real_hub_offers_is_taken(offers: str, transport: str) -> None:
    with hub_process(f"aspnet:{offers}") as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: len(it.heard.ids) == 3)
            assert it.link.state.transport == transport
