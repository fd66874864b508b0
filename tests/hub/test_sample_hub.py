"""The sample hub, byte by byte, as a command, and with Microsoft's JavaScript client."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings, load_tasks, run_sample_hub
from evolver_tui.adapters.sample_hub.tasks import BUILT_IN_TASKS
from evolver_tui.core.errors import EvolverError, UsageError
from evolver_tui.core.link_state import SAMPLE_TASKS
from evolver_tui.core.task import TASK_TYPES, Task
from tests.support.hub_client import UPGRADE, Client, client, request
from tests.support.hubs import THREE_TASKS, hub_process

pytestmark = pytest.mark.anyio

JS = Path(__file__).parents[1] / "js"


def settings(*, rate: float = 0, count: int | None = 4, batch: int = 1, **others: Any) -> SampleHubSettings:
    """Settings for a hub that is done soon."""
    start_number = others.pop("start_number", 1)
    tasks = others.pop("tasks", None)
    feed = FeedSettings(rate=rate, count=count, batch=batch, start_number=start_number, tasks=tasks)
    return SampleHubSettings(feed=feed, **others)


# --- before the hub protocol


async def test_negotiation_gives_an_id_in_both_versions_and_each_id_opens_one_socket() -> None:
    async with SampleHub(settings()) as hub:
        status, body = await request(hub.url, path="/negotiate?negotiateVersion=1", Content_Length="0")
        reply = json.loads(body)
        assert (status, reply["negotiateVersion"]) == (200, 1)
        assert reply["availableTransports"] == [{"transport": "WebSockets", "transferFormats": ["Text"]}]
        assert reply["connectionToken"] != reply["connectionId"]
        old = json.loads((await request(hub.url, path="/negotiate"))[1])
        assert "connectionToken" not in old
        for connection_id in (reply["connectionToken"], old["connectionId"]):
            async with client(hub.url, f"?id={connection_id}") as one:
                await one.shake_hands()
                assert (await request(hub.url, "GET", f"?id={connection_id}", **UPGRADE))[0] == 409
        assert (await request(hub.url, "GET", f"?id={reply['connectionId']}", **UPGRADE))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "x/negotiate", {}, 404),
        ("GET", "/negotiate", {}, 405),
        ("GET", "?id=unknown", UPGRADE, 404),
        ("GET", "", {}, 400),
        ("GET", "", {"Upgrade": "websocket"}, 426),
        ("GET", "", {**UPGRADE, "X-Control": "\x01"}, 400),
        ("POST", "/negotiate", {"Origin": "http://evil.example"}, 403),
        ("POST", "/negotiate", {"Origin": "http://localhost:3000"}, 200),
        ("POST", "/negotiate", {"Content-Length": "100000000"}, 413),
        ("POST", "/negotiate", {"Transfer-Encoding": "chunked"}, 411),
        ("POST", "/negotiate", {"X-Long": "x" * 100_000}, 431),
    ],
)
async def test_a_request_that_is_wrong_gets_the_status_that_says_so(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with SampleHub(settings()) as hub:
        assert (await request(hub.url, method, path, **headers))[0] == status


async def test_a_hub_with_a_token_asks_for_it() -> None:
    async with SampleHub(settings(token="pass")) as hub:
        assert (await request(hub.url, path="/negotiate"))[0] == 401
        assert (await request(hub.url, path="/negotiate", Authorization="Bearer fail"))[0] == 401
        assert (await request(hub.url, path="/negotiate", Authorization="Bearer pass"))[0] == 200
        assert (await request(hub.url, path="/negotiate?access_token=pass"))[0] == 200
        assert "pass" not in repr(settings(token="pass"))


# --- the hub protocol


@pytest.mark.parametrize(
    ("handshake", "error"),
    [
        ('{"protocol":"messagepack","version":1}', "The protocol 'messagepack' is not spoken here, only 'json'."),
        ('{"protocol":"json","version":9}', "Only version 1 of the JSON protocol is spoken here."),
        ("<xml>", "The handshake is not JSON."),
        ("{}", "The handshake names no protocol."),
    ],
)
async def test_a_handshake_that_cannot_be_agreed_to_is_answered_with_the_reason(handshake: str, error: str) -> None:
    async with SampleHub(settings()) as hub, client(hub.url) as one:
        one.send_frame(handshake.encode() + b"\x1e")
        assert await one.record(None) == {"error": error}
        assert await one.close_code() == 1000


async def test_hub_methods_answer_and_calls_without_an_id_get_no_answer() -> None:
    async with SampleHub(settings()) as hub, client(hub.url) as one:
        await one.shake_hands()
        calls = [
            ("Echo", [{"a": None}]),
            ("ADD", [2, 3]),
            ("Add", [2]),
            ("Add", [2, "x"]),
            ("Fail", ["boom"]),
            ("X", []),
        ]
        one.send({"type": 1, "target": "Echo", "arguments": ["unanswered"]})
        one.send(*({"type": 1, "invocationId": str(n), "target": t, "arguments": a} for n, (t, a) in enumerate(calls)))
        assert [await one.record(3) for _ in calls] == [
            {"type": 3, "invocationId": "0", "result": {"a": None}},
            {"type": 3, "invocationId": "1", "result": 5},
            {"type": 3, "invocationId": "2", "error": "2 arguments are needed, 1 came."},
            {"type": 3, "invocationId": "3", "error": "An argument has to be of type int."},
            {"type": 3, "invocationId": "4", "error": "boom"},
            {"type": 3, "invocationId": "5", "error": "There is no hub method 'X' to invoke."},
        ]


async def test_a_stream_counts_and_stops_when_it_is_cancelled() -> None:
    async with SampleHub(settings()) as hub, client(hub.url) as one:
        await one.shake_hands()
        one.send({"type": 4, "invocationId": "s", "target": "Counter", "arguments": [2, 0]})
        assert [await one.record(2, 3) for _ in range(3)] == [
            {"type": 2, "invocationId": "s", "item": 0},
            {"type": 2, "invocationId": "s", "item": 1},
            {"type": 3, "invocationId": "s"},
        ]
        one.send({"type": 4, "invocationId": "long", "target": "Counter", "arguments": [1000, 60_000]})
        assert (await one.record(2))["item"] == 0
        one.send({"type": 5, "invocationId": "long"}, {"type": 5, "invocationId": "unknown"})
        assert await one.record(2, 3) == {"type": 3, "invocationId": "long"}
        one.send({"type": 4, "invocationId": "no", "target": "Echo", "arguments": []})
        assert (await one.record(3))["error"] == "There is no hub method 'Echo' to stream from."


async def test_fragments_pings_and_messages_of_other_types_are_taken() -> None:
    async with SampleHub(settings(count=1)) as hub, client(hub.url) as one:
        whole = json.dumps({"protocol": "json", "version": 1}).encode() + b"\x1e"
        one.send_frame(whole[:5], 0x01)
        one.send_frame(b"are you there", 0x89)
        one.send_frame(whole[5:], 0x80)
        assert await one.frame() == (0xA, b"are you there")
        assert await one.record(None) == {SAMPLE_TASKS: True}
        others = ({"type": kind, "invocationId": "1", "sequenceId": 1} for kind in (2, 3, 6, 8, 9, 42))
        one.send(*others, {"type": 1, "invocationId": "e", "target": "Echo", "arguments": [7]})
        assert (await one.record(3))["result"] == 7


@pytest.mark.parametrize(
    ("send", "problem"),
    [
        (lambda one: one.send_frame(b"{}\x1e", mask=None), "a client's frames must be masked"),
        (lambda one: one.send_frame(b"{}\x1e", 0x82), "only text is spoken here"),
        (lambda one: one.send_frame(b"{}\x1e", 0x80), "the parts of a message are mixed up"),
        (lambda one: one.send_frame(b"{}\x1e", 0xC1), "no extension was agreed on"),
        (lambda one: one.send_frame(b"{}"), "a record without an end"),
        (lambda one: one.send_frame(b"{no\x1e"), "a record that is not JSON"),
        (lambda one: one.send_frame(b"[]\x1e"), "a record that is not an object"),
        (lambda one: one.send({"type": 1, "target": "Echo"}), "a call without a target or arguments"),
        (lambda one: one.declare(2_000_000), "too large a message"),
    ],
)
async def test_a_client_that_breaks_the_protocol_is_told_and_closed(
    send: Callable[[Client], None], problem: str
) -> None:
    async with SampleHub(settings()) as hub, client(hub.url) as one:
        await one.shake_hands()
        send(one)
        assert await one.record(7) == {"type": 7, "error": f"The client broke the protocol: {problem}."}
        assert await one.close_code() == 1000


async def test_a_client_that_breaks_the_protocol_after_the_hubs_close_hears_nothing_more() -> None:
    async with SampleHub(settings()) as hub, client(hub.url) as one:
        await one.shake_hands()
        closing = asyncio.create_task(hub.close())
        assert await one.record(7) == {"type": 7, "allowReconnect": True}
        assert await one.close_code() == 1000
        one.send_frame(b"{}\x1e", mask=None)
        with pytest.raises(asyncio.IncompleteReadError):
            await one.frame()
        await closing


async def test_the_hub_pings_and_a_silent_client_is_closed_but_may_return() -> None:
    async with SampleHub(settings(keep_alive=0.02, client_timeout=0.3)) as hub, client(hub.url) as one:
        await one.shake_hands()
        assert await one.record(6) == {"type": 6}
        assert await one.record(7) == {
            "type": 7,
            "error": "The client has been silent for too long.",
            "allowReconnect": True,
        }


async def test_shutting_down_lets_clients_return() -> None:
    async with SampleHub(settings()) as hub, client(hub.url) as one:
        await one.shake_hands()
        await one.tasks(4)
        closing = asyncio.create_task(hub.close())
        assert await one.record(7) == {"type": 7, "allowReconnect": True}
        one.send_frame(struct.pack(">H", 1000), 0x88)
        await closing
        assert hub.connections == 0


async def test_a_close_from_the_client_is_answered() -> None:
    async with SampleHub(settings()) as hub:
        async with client(hub.url) as one:
            await one.shake_hands()
            one.send({"type": 7})
            assert await one.close_code() == 1000
        async with client(hub.url) as one:
            await one.shake_hands()
            one.send_frame(struct.pack(">H", 1000), 0x88)
            assert await one.close_code() == 1000


async def test_any_method_of_every_client_can_be_called() -> None:
    async with SampleHub(settings(count=1)) as hub, client(hub.url) as one:
        await one.shake_hands()
        await one.tasks(1)
        hub.send("Notice", "hello", 1)
        assert await one.record(1) == {"type": 1, "target": "Notice", "arguments": ["hello", 1]}


# --- tasks


async def test_the_built_in_tasks_are_varied_and_well_formed() -> None:
    tasks = [Task.from_raw(raw) for raw in BUILT_IN_TASKS]
    assert {task.type for task in tasks} == {*TASK_TYPES, "unknown"}
    assert {task.priority for task in tasks} == {"low", "medium", "high"}
    assert sum(task.is_completed for task in tasks) == 1
    assert any(task.type == "translate" and not task.languages for task in tasks)


async def test_tasks_are_numbered_on_and_go_round() -> None:
    async with SampleHub(settings(count=0, batch=5, start_number=41)) as hub, client(hub.url) as one:
        await one.shake_hands()
        assert (await one.tasks(50))[:50] == [f"task-{number}" for number in range(41, 91)]


async def test_a_files_tasks_keep_their_ids_in_the_first_round() -> None:
    tasks = [{"id": "a", "taskName": "A"}, {"taskName": "B"}, {"id": "c"}]
    async with SampleHub(settings(count=7, batch=2, tasks=tasks)) as hub, client(hub.url) as one:
        await one.shake_hands()
        assert await one.tasks(7) == ["a", None, "c", "a-r2", None, "c-r2", "a-r3"]


async def test_a_client_that_comes_back_gets_what_is_unfinished_first() -> None:
    async with SampleHub(settings(count=6)) as hub:
        async with client(hub.url) as one:
            await one.shake_hands()
            assert await one.tasks(6) == [f"task-{number}" for number in range(1, 7)]
            one.send({"type": 1, "invocationId": "f", "target": "CompleteTask", "arguments": ["task-2"]})
            one.send({"type": 1, "invocationId": "g", "target": "CompleteTask", "arguments": ["task-2"]})
            assert [(await one.record(3))["result"] for _ in range(2)] == [True, False]
            assert hub.unfinished == 4
        async with client(hub.url) as one:
            await one.shake_hands()
            # The second is finished, and the third was completed before it was ever sent.
            assert await one.tasks(4) == ["task-1", "task-4", "task-5", "task-6"]


async def test_without_replay_nothing_is_sent_twice() -> None:
    async with SampleHub(settings(count=4, replay=False)) as hub:
        async with client(hub.url) as one:
            await one.shake_hands()
            await one.tasks(4)
        async with client(hub.url) as one:
            await one.shake_hands()
            one.send({"type": 1, "invocationId": "e", "target": "Echo", "arguments": [7]})
            assert (await one.record(3))["result"] == 7
            assert one.task_ids == []


async def test_only_so_many_tasks_are_remembered() -> None:
    async with SampleHub(settings(count=20_000, batch=100)) as hub:
        async with client(hub.url) as one:
            await one.shake_hands()
            await one.tasks(20_000)
            assert hub.unfinished < 10_000
        async with client(hub.url) as one:
            await one.shake_hands()
            assert (await one.tasks(1))[0] == "task-10001"


async def test_two_clients_get_the_same_tasks() -> None:
    async with SampleHub(settings(rate=200, count=20)) as hub, client(hub.url) as one, client(hub.url) as other:
        await one.shake_hands()
        await other.shake_hands()
        ids = {tuple(await one.tasks(20)), tuple(await other.tasks(20))}
        # The one that came second may have missed the third, which needs no repetition.
        assert {tuple(one for one in some if one != "task-3") for some in ids} == {
            tuple(f"task-{number}" for number in range(1, 21) if number != 3)
        }


# --- the command


async def test_the_command_says_where_it_is_and_ends_in_order() -> None:
    for signal_number, exit_code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        with hub_process("sample") as hub:
            async with client(hub.url) as one:
                await one.shake_hands()
                assert await one.tasks(3) == [task["id"] for task in THREE_TASKS]
                stopping = asyncio.create_task(asyncio.to_thread(hub.stop, signal_number))
                assert await one.record(7) == {"type": 7, "allowReconnect": True}
            assert await stopping == exit_code


def test_a_port_in_use_is_one_sentence_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_sample_hub(SampleHubSettings(port=port)) == 1
    printed = capsys.readouterr()
    assert printed.err == f"evolver-tui: Port {port} of 127.0.0.1 is in use. Choose another port, or 0 for any.\n"
    assert printed.out == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "is not JSON: Expecting property name enclosed in double quotes at line 1, column 2."),
        (b"\xff", "is not UTF-8 text."),
        (b'{"tasks": [' + b"9" * 5_000 + b"]}", "holds a number that is too long to be read."),
        (b"[" * 100_000, "is nested too deeply."),
        (b'{"tasks": [{"id": "a", "id": "b"}]}', "has the key 'id' twice in one object."),
        (b'{"tasks": [{"id": NaN}]}', "holds NaN, which is no JSON value."),
        (b"[]", "holds no list of tasks."),
        (b'{"tasks": []}', "holds an empty list of tasks."),
        (b'{"tasks": [{"id": "a"}, 5]}', "is not a JSON object."),
        (b'{"tasks": [{"name": "x"}]}', "has none of id, taskName, llmTaskType."),
        (None, "cannot be read: No such file or directory."),
    ],
    ids=["torn", "no UTF-8", "long number", "nested", "twice", "NaN", "a list", "empty", "no task", "no names", "none"],
)
def test_a_tasks_file_that_cannot_be_used_is_explained(
    content: bytes | None, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tasks.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        load_tasks(path)
    assert problem in str(refused.value)
    assert str(path) in str(refused.value)
    assert run_sample_hub(SampleHubSettings(), path) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    "make",
    [
        lambda: FeedSettings(rate=-1),
        lambda: FeedSettings(rate=float("nan")),
        lambda: FeedSettings(batch=0),
        lambda: FeedSettings(count=-1),
        lambda: SampleHubSettings(port=70_000),
        lambda: SampleHubSettings(path="taskhub"),
        lambda: SampleHubSettings(host=""),
        lambda: SampleHubSettings(host=" "),
        lambda: SampleHubSettings(host="*"),
        lambda: SampleHubSettings(host="127.0.0.1:80"),
        lambda: SampleHubSettings(host="http://localhost"),
        lambda: SampleHubSettings(host="a..b"),
        lambda: SampleHubSettings(host="x" * 64),
        lambda: SampleHubSettings(host="\x1b[2J"),
        lambda: SampleHubSettings(host="fe80::1%lo"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        make()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_client_finds_the_hub_at_the_url_that_it_names(host: str) -> None:
    async with SampleHub(SampleHubSettings(host=host)) as hub:
        place = urlsplit(hub.url)
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.close()


async def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(EvolverError, match=r"Port 0 of 192\.0\.2\.1 is not to be had"):
        await SampleHub(SampleHubSettings(host="192.0.2.1")).start()


# --- Microsoft's client


async def test_microsofts_client_connects_invokes_streams_and_reconnects() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (JS / "node_modules" / "@microsoft" / "signalr").is_dir():
        pytest.skip("run `npm install` in tests/js first")
    async with SampleHub(settings(count=4)) as hub:
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        command, url = ["node", str(JS / "smoke.mjs")], hub.url

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*command, url], capture_output=True, text=True, timeout=60, env=environment, check=False
            )

        result = await asyncio.to_thread(run)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "tasks": ["task-1", "task-2", "task-3"],
        "echo": {"list": [1, "två", None]},
        "sum": 5,
        "error": "boom",
        "unknown": "There is no hub method 'NoSuchMethod' to invoke.",
        "items": [0, 1, 2],
        "again": ["task-2", "task-4"],
    }
