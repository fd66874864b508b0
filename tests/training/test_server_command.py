"""`evolver-tui progress serve`: a process of its own, which is killed, started again, and told what it cannot do."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest

from evolver_tui.core.errors import UsageError
from evolver_tui.core.training.record import Record, to_line
from evolver_tui.settings.workspace import find_workspace
from evolver_tui.wiring.progress import make_progress_server
from tests.support.processes import run_command
from tests.support.progress_servers import ProgressProcess, end, events, get, header, point, post

pytestmark = pytest.mark.anyio


def lines(*records: Record) -> bytes:
    return b"".join(map(to_line, records))


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with ProgressProcess(tmp_path) as process:
        for first in range(5):
            body = lines(*([header()] if not first else []), point(first))
            reply = await post(process.url, f"/api/training/records/r1?from={first + bool(first)}", body)
        assert reply.json()["data"] == {"next": 6}
        before = [(await get(process.url, f"/api/training/{path}/r1")).json() for path in ("status", "history")]
    with ProgressProcess(tmp_path) as process:
        assert (await get(process.url, "/api/training/records/r1")).json()["data"] == {"next": 6}
        assert [(await get(process.url, f"/api/training/{path}/r1")).json() for path in ("status", "history")] == before
        process.process.terminate()
        assert await asyncio.to_thread(process.process.wait, 60) == 0
    told = process.errors.read_text()
    assert "progress.server_opened" in told
    assert "progress.server_closed" in told


async def test_run_files_are_served_as_they_grow(tmp_path: Path) -> None:
    runs = tmp_path / "data" / "training"
    runs.mkdir(parents=True)
    (runs / "notes.jsonl").write_text('{"no": "run"}\n')
    (runs / "other.txt").write_bytes(lines(header("other")))
    file = runs / "r1.jsonl"
    with ProgressProcess(tmp_path) as process:
        async with events(process.url, "r1") as reading:
            torn = to_line(point(2))
            file.write_bytes(lines(header(name="mine"), point(1)) + torn[:20])
            assert (await reading.until("progress_update"))[0]["metrics"]["step"] == 1
            with file.open("ab") as more:
                more.write(torn[20:] + b"no JSON\n" + lines(point(3), end()))
            assert (await reading.until("training_completed"))[0]["sessionId"] == "r1"
        told = (await get(process.url, "/api/training/history/r1")).json()["data"]
        assert [each["step"] for each in told] == [1, 2, 3, 3]
        listed = (await get(process.url, "/api/training/sessions")).json()["data"]
        assert [(each["session_id"], each["name"], each["status"]) for each in listed] == [("r1", "mine", "completed")]
    with ProgressProcess(tmp_path) as process:
        async with events(process.url, "r1", "?last_event_id=4") as reading:
            with file.open("ab") as more:
                more.write(lines(header(), point(4)))
            assert (await reading.until("progress_update"))[0]["metrics"]["step"] == 4


async def test_a_folder_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with ProgressProcess(tmp_path, "--folder", "elsewhere", "--folder", "not-there-yet") as process:
        async with events(process.url, "r2") as reading:
            (tmp_path / "not-there-yet").mkdir()
            (tmp_path / "not-there-yet" / "x.jsonl").write_bytes(lines(header("r2"), point(1)))
            await reading.until("progress_update")
        async with events(process.url, "r3") as reading:
            (tmp_path / "elsewhere" / "x.jsonl").write_bytes(lines(header("r3"), point(1)))
            await reading.until("progress_update")


async def test_the_token_of_the_environment_is_asked_for_and_signals_are_json(tmp_path: Path) -> None:
    config = '[training]\ntoken_env = "OUR_TOKEN"\norigins = ["https://good.example"]\n'
    with ProgressProcess(tmp_path, "--json", config=config, OUR_TOKEN="sesame") as process:
        assert (await get(process.url, "/api/training/sessions")).status_code == 401
        reply = await get(
            process.url, "/api/training/sessions", Authorization="Bearer sesame", Origin="https://good.example"
        )
        assert reply.status_code == 200
        process.process.terminate()
        await asyncio.to_thread(process.process.wait, 60)
    told = [json.loads(line)["name"] for line in process.errors.read_text().splitlines()]
    assert told == ["progress.server_opened", "progress.server_closed"]


def test_what_it_cannot_do_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, words in (
            (
                ["--port", port],
                f"The progress server cannot listen at '127.0.0.1', port {port}: Address already in use.",
            ),
            (["--host", "0.0.0.0"], "Set a token (EVOLVER_PROGRESS_TOKEN, or as token_env of [training] says)"),
            (["--host", "no.such.host.invalid", "--port", "0"], "cannot listen at 'no.such.host.invalid', port 0: "),
            (["--port", "x"], "is no number from 0 to 65535"),
        ):
            token = {"EVOLVER_PROGRESS_TOKEN": "sesame"} if "invalid" in str(arguments) else {}
            done = run_command("progress", "serve", *arguments, home=tmp_path, cwd=None, stdin=b"", **token)
            assert done.returncode == 2
            assert words in done.stderr
            assert "Traceback" not in done.stderr


async def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("evolver_tui.adapters.web.progress")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "socketio", None)
    with pytest.raises(
        UsageError, match=r"needs socketio, which is not installed. pip install 'evolver-tui\[server\]'"
    ):
        make_progress_server(find_workspace(str(tmp_path), None, None, {}))
