"""Those who watch: Socket.IO by its own client for JavaScript, server-sent events, and whoever takes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from evolver_tui.adapters.web.progress import socket_room
from evolver_tui.core.training.record import Point, to_line
from evolver_tui.engine.training.progress_hub import ProgressLimits
from tests.support.progress_servers import (
    AT,
    PATIENCE_SECONDS,
    RunningProgress,
    end,
    event,
    events,
    get,
    header,
    node_client,
    point,
    post,
    progress,
)

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def talking(running: RunningProgress, auth: str = "", **more: Any) -> AsyncIterator[ClientConnection]:
    """A WebSocket that said it speaks Socket.IO, and was told so."""
    async with connect(sockets_url(running), proxy=None, max_size=None, **more) as connection:
        assert (await heard(connection)).startswith("0{")
        await connection.send(f"40{auth}")
        yield connection


def sockets_url(running: RunningProgress) -> str:
    return f"ws://127.0.0.1:{running.port}/socket.io/?EIO=4&transport=websocket"


async def heard(connection: ClientConnection) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return str(await connection.recv())


async def to_the_end(connection: ClientConnection) -> None:
    while True:
        await heard(connection)


async def until_told(connection: ClientConnection, name: str) -> Any:
    """The data of the next event of this name."""
    while True:
        text = await heard(connection)
        if text.startswith(f'42["{name}"'):
            return json.loads(text[2:])[1]


async def emit(connection: ClientConnection, name: str, *data: Any) -> None:
    await connection.send("42" + json.dumps([name, *data]))


# --- as the contract has it


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_socket_ios_own_client_sees_a_training_from_its_beginning_to_its_end(
    tmp_path: Path, transport: str
) -> None:
    async with progress(tmp_path) as running, node_client(running.url, transport, "r1") as client:
        assert await client.hears("transport") == transport
        assert set(await client.hears("connection_established")) == {"client_id"}
        assert await client.hears("ack") == {"success": True, "sessionId": "r1", "known": False}
        await running.post(
            "r1", header(config={"epochs": 2}), point(50), event("model_completed", 100), point(1, 1.0, 1), end()
        )
        status = await client.hears("session_status", 2)
        assert (status["session_id"], status["status"], status["models_completed"]) == ("r1", "completed", 3)
        told = [name for name, _ in client.told if name not in ("transport", "connection_established", "ack")]
        assert told == [
            "training_started", "session_status", "progress_update", "progress_update", "model_completed",
            "progress_update", "progress_update", "training_completed", "session_status",
        ]  # fmt: skip
        (started,) = client.of("training_started")
        assert started == {"sessionId": "r1", "config": {"epochs": 2}, "timestamp": 1764000000}
        (completed,) = client.of("model_completed")
        assert completed == {"sessionId": "r1", "modelIndex": 0, "currentModel": 1, "totalModels": 3}
        first, ended, second, last = client.of("progress_update")
        assert (first["metrics"]["loss"], first["status"]) == (1.5, "running")
        assert (ended["metrics"]["event"], ended["metrics"]["modelCompleted"]) == ("model_completed", True)
        assert second["metrics"]["currentModel"] == 2
        assert last["metrics"]["event"] == "training_completed"
        assert "loss" not in last["metrics"]
        client.emit("get_session_history", {"sessionId": "r1", "limit": 2})
        history = await client.hears("session_history")
        assert history["sessionId"] == "r1"
        assert [each.get("event", each.get("loss")) for each in history["history"]] == [1.0, "training_completed"]
        client.emit("get_session_history", {"sessionId": "r1", "since": 0, "model": 1})
        assert len((await client.hears("session_history", 2))["history"]) == 2
        client.emit("unsubscribe_session", {"sessionId": "r1"})
        await client.hears("ack", 4)
        before = len(client.told)
        await running.post("r1", header(), first=5)
        client.emit("get_session_history", {"sessionId": "r1", "limit": 0})
        await client.hears("session_history", 3)
        assert [name for name, _ in client.told[before:] if name != "ack"] == ["session_history"]


async def test_whoever_comes_late_is_told_how_it_stands(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        await running.post("r1", header(), point(49, 2.0), Point(50, AT, {"rate": 0.5}), event("checkpoint", 50))
        async with node_client(running.url, "websocket", "r1") as client:
            assert (await client.hears("session_status"))["status"] == "running"
            metrics = (await client.hears("progress_update"))["metrics"]
            assert (metrics["step"], metrics["loss"], metrics["sequence"]) == (50, 2.0, 2)
            assert metrics["values"] == {"rate": 0.5}, "and nothing that was measured elsewhere"
            assert (await client.hears("ack"))["known"] is True


async def test_what_cannot_be_asked_is_told_as_an_error(tmp_path: Path) -> None:
    async with progress(tmp_path) as running, talking(running) as connection:
        for data, words in (
            ([{}], "sessionId required"),
            ([], "sessionId required"),
            (["r1"], "sessionId required"),
            ([None, 1, 2], "sessionId required"),
            ([{"sessionId": 7}], "sessionId has to be 1 to 128"),
            ([{"sessionId": "../x"}], "sessionId has to be 1 to 128"),
            ([{"sessionId": "x" * 10_000}], "sessionId has to be 1 to 128"),
            ([{"sessionId": "\x1b[2J"}], "sessionId has to be 1 to 128"),
        ):
            for name in ("subscribe_session", "unsubscribe_session", "get_session_history"):
                await emit(connection, name, *data)
                assert (await until_told(connection, "error"))["message"].startswith(words)
        await emit(connection, "get_session_history", {"sessionId": "r1", "limit": "x", "since": -1})
        assert (await until_told(connection, "session_history"))["history"] == []
        for number in range(1_001):
            await emit(connection, "subscribe_session", {"sessionId": f"s{number}"})
        assert "1,000 sessions at most" in (await until_told(connection, "error"))["message"]


# --- not too often, and nothing too late


async def test_a_burst_is_told_as_its_first_and_its_last(tmp_path: Path) -> None:
    async with progress(tmp_path, limits=ProgressLimits(updates_per_second=2)) as running, talking(running) as watching:
        await emit(watching, "subscribe_session", {"sessionId": "r1"})
        await running.post("r1", header(), *(point(step) for step in range(1, 51)))
        steps = [(await until_told(watching, "progress_update"))["metrics"]["step"] for _ in range(2)]
        assert steps == [1, 50]


async def test_an_event_comes_at_once_and_behind_what_was_measured_before_it(tmp_path: Path) -> None:
    limits = ProgressLimits(updates_per_second=0.01)
    async with progress(tmp_path, limits=limits) as running, talking(running) as watching:
        await emit(watching, "subscribe_session", {"sessionId": "r1"})
        await running.post("r1", header(), point(1), point(2), point(3), event("recovery", 3, strategy="memory"))
        told = [(await until_told(watching, "progress_update"))["metrics"] for _ in range(3)]
        assert [each.get("event", each["step"]) for each in told] == [1, 3, "recovery"]
        assert told[2]["payload"] == {"strategy": "memory"}


# --- server-sent events


async def test_a_reader_of_events_goes_on_where_it_was(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        await running.post("r1", header(), point(1), point(2))
        async with events(running.url, "r1") as reading:
            assert (await reading.next())[0] == "session_status"
            name, data, number = await reading.next()
            assert (name, data["metrics"]["step"], number) == ("progress_update", 2, "2")
            await running.post("r1", event("checkpoint", 2), first=3)
            number = ""
            while number != "3":  # what was held back of the points comes first
                data, number = await reading.until("progress_update")
            assert data["metrics"]["event"] == "checkpoint"
        await running.post("r1", point(3), point(4), end(), first=4)
        async with events(running.url, "r1", **{"Last-Event-ID": number}) as reading:
            assert (await reading.next())[0] == "session_status"
            told = [(await reading.until("progress_update"))[0]["metrics"] for _ in range(3)]
            assert [each.get("event", each["step"]) for each in told] == [3, 4, "training_completed"]
        async with events(running.url, "r1", "?last_event_id=5") as reading:
            assert (await reading.until("progress_update"))[1] == "6"
        async with events(running.url, "r1", **{"Last-Event-ID": "x" * 3_000}) as reading:
            assert (await reading.until("progress_update"))[0]["metrics"]["step"] == 4


# --- who may


async def test_a_token_is_asked_for_on_every_way(tmp_path: Path) -> None:
    async with progress(tmp_path, token="sesame") as running:
        for path in ("status/r1", "sessions", "statistics", "events/r1"):
            assert (await get(running.url, f"/api/training/{path}")).status_code == 401
        assert (await post(running.url, "/api/training/records/r1", b"")).status_code == 401
        assert (await get(running.url, "/health")).status_code == 200
        assert (await get(running.url, "/")).status_code == 200
        bearer = {"Authorization": "Bearer sesame"}
        assert (await get(running.url, "/api/training/sessions", **bearer)).status_code == 200
        assert (await get(running.url, "/api/training/sessions?access_token=sesame")).status_code == 401
        assert (await post(running.url, "/api/training/records/r1", to_line(header()), **bearer)).status_code == 200
        async with events(running.url, "r1", "?access_token=sesame") as reading:
            assert (await reading.next())[0] == "session_status"
        for auth in ("", '{"token":"wrong"}', '{"token":7}', '["sesame"]'):
            async with talking(running, auth) as connection:
                refused = await heard(connection)
                assert refused.startswith("44{")
                assert "token" in refused
                await emit(connection, "subscribe_session", {"sessionId": "r1"})
        for auth, headers in (('{"token":"sesame"}', {}), ("", bearer)):
            async with talking(running, auth, additional_headers=headers) as connection:
                await emit(connection, "subscribe_session", {"sessionId": "r1"})
                assert (await until_told(connection, "session_status"))["session_id"] == "r1"
        async with node_client(running.url, "polling", "r1", "sesame") as client:
            await client.hears("session_status")
        async with node_client(running.url, "polling", "r1", "wrong") as client:
            assert "token" in await client.hears("connect_error")


async def test_pages_of_other_sites_are_not_served(tmp_path: Path) -> None:
    async with progress(tmp_path, origins=["https://good.example"]) as running:
        own = running.url
        polling = "/socket.io/?EIO=4&transport=polling"
        for origin, status in ((own, 200), ("https://good.example", 200), ("https://bad.example", 403), ("null", 403)):
            for path in ("/api/training/sessions", polling):
                reply = await get(own, path, Origin=origin)
                assert reply.status_code == status
                is_foreign = origin == "https://good.example"
                assert reply.headers.get("access-control-allow-origin") == (origin if is_foreign else None)
            if status == 200:
                async with talking(running, additional_headers={"Origin": origin}) as connection:
                    assert (await heard(connection)).startswith("40{")
            else:
                with pytest.raises(InvalidStatus, match="403"):
                    async with talking(running, additional_headers={"Origin": origin}):
                        pass
        for path in ("/api/training/sessions", polling):
            assert (await get(own, path, Host="bad.example")).status_code == 403
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(f"ws://127.0.0.1:{running.port}/elsewhere", proxy=None):
                pass


# --- who takes nothing, and who sends what is none


async def test_a_subscriber_that_never_reads_is_let_go_and_costs_nobody_anything(tmp_path: Path) -> None:
    async with progress(tmp_path, limits=ProgressLimits(updates_per_second=100_000)) as running:
        silent = socket.create_connection(("127.0.0.1", running.port))
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        request = f"GET /api/training/events/r1 HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n\r\n"
        silent.sendall(request.encode())
        async with (
            connect(sockets_url(running), proxy=None, max_queue=1) as deaf,
            events(running.url, "r1") as reading,
        ):
            await deaf.send("40")
            await emit(deaf, "subscribe_session", {"sessionId": "r1"})
            await running.post("r1", header())
            await reading.until("session_status")
            line = 1
            while len(running.dropped) < 2:
                await running.post("r1", *(event("large", step, text="x" * 15_000) for step in range(50)), first=line)
                line += 50
                for _ in range(50):
                    await reading.until("progress_update")
            assert sorted(running.dropped) == ["512 events waited for it", "512 messages waited for it"]
            with pytest.raises(ConnectionClosed):
                await to_the_end(deaf)
        silent.close()
        assert await running.data("records/r1") == {"next": line}


async def test_whoever_asks_for_more_and_more_and_never_reads_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_room, "_MOST_WAITING_BYTES", 1_000_000)
    async with progress(tmp_path) as running, talking(running, max_queue=1) as deaf, talking(running) as other:
        many = {f"metric {number}": 0.5 for number in range(100)}
        await running.post("r1", header(), *(Point(step, AT + step, many) for step in range(300)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not running.dropped:
                with contextlib.suppress(ConnectionClosed):
                    await emit(deaf, "get_session_history", {"sessionId": "r1", "limit": 300})
                await running.data("records/r1")
        assert running.dropped[0].endswith("bytes waited for it")
        await emit(other, "get_session_history", {"sessionId": "r1", "limit": 300})
        assert len((await until_told(other, "session_history"))["history"]) == 300
        with pytest.raises(ConnectionClosed):
            await to_the_end(deaf)


@pytest.mark.parametrize(
    "text",
    [
        "42" + "[" * 20_000,
        "4" + "[" * 20_000,
        "42{}",
        "42[]",
        "42[7]",
        "4",
        "",
        "9",
        "x",
        "44",
        "47",
        '451-["subscribe_session",{"_placeholder":true,"num":0}]',
        '459999999999-["x"]',
        "42" + "9" * 200 + '["x"]',
        "40/other,",
        '42["connect",{}]',
        '42["disconnect"]',
        '42["no such event",1]',
    ],
    ids=count(),
)
async def test_what_is_no_socket_io_harms_nobody_else(tmp_path: Path, text: str) -> None:
    async with progress(tmp_path) as running, talking(running) as other:
        await emit(other, "subscribe_session", {"sessionId": "r1"})
        async with talking(running) as connection:
            await connection.send(text)
            await connection.send(b"\x00binary")
            await emit(connection, "subscribe_session", {})
            await running.post("r1", header(), point(1))
            assert (await until_told(other, "progress_update"))["metrics"]["step"] == 1
    assert not running.told("progress.fault")


async def test_what_is_no_engine_io_is_refused(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        base = "/socket.io/"
        for query in ("", "?EIO=3&transport=polling", "?EIO=4&transport=x", "?EIO=4&transport=polling&sid=x"):
            assert (await get(running.url, base + query)).status_code == 400
        opened = (await get(running.url, f"{base}?EIO=4&transport=polling")).text
        sid = json.loads(opened[1:])["sid"]
        for body in (b"x" * 70_000, b"\xff\xfe", b"4" + b"[" * 50_000, b"4\x1e" * 2_000):
            reply = await post(running.url, f"{base}?EIO=4&transport=polling&sid={sid}", body)
            assert reply.status_code in (200, 400)
        async with talking(running) as connection:
            await connection.send("x" * 70_000)
            with pytest.raises(ConnectionClosed):
                await to_the_end(connection)


async def test_a_thousand_sessions_at_once_are_served(tmp_path: Path) -> None:
    async with progress(tmp_path, limits=ProgressLimits(sessions=1_000, moments_in_memory=200)) as running:

        async def tell(first: int) -> None:
            for number in range(first, first + 50):
                await running.hub.take_metrics(f"s{number}", {"step": 1, "loss": 1.5})

        await asyncio.gather(*(tell(first) for first in range(0, 1_000, 50)))
        listed = (await get(running.url, "/api/training/sessions")).json()
        assert (len(listed["data"]), listed["total"]) == (100, 1_000)
        await running.hub.take_metrics("one-more", {"step": 1, "loss": 1.5})
        assert len(running.hub.sessions()) == 901
        assert len(await running.data("history/s999")) == 1


async def test_what_came_and_never_says_what_it_is_has_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_room, "_LOOK_SECONDS", 0.05)
    async with progress(tmp_path) as running, talking(running) as speaking:
        await until_told(speaking, "connection_established")
        monkeypatch.setattr(socket_room, "_SECONDS_TO_SPEAK", 0.1)
        await emit(speaking, "subscribe_session", {"sessionId": "r1"})
        opened = (await get(running.url, "/socket.io/?EIO=4&transport=polling")).text
        async with connect(sockets_url(running), proxy=None) as silent:
            await heard(silent)
            with pytest.raises(ConnectionClosed):
                await to_the_end(silent)
        polling = f"/socket.io/?EIO=4&transport=polling&sid={json.loads(opened[1:])['sid']}"
        assert (await get(running.url, polling)).status_code == 400
        await running.post("r1", header(), point(1))
        assert (await until_told(speaking, "progress_update"))["metrics"]["step"] == 1
