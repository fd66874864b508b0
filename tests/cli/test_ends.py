"""How `connect` and `worker` end when a service manager, a closed terminal or a hub ends them: in time, in order."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from evolver_tui.wiring import NO_WORK
from tests.support.connect_runs import a_hub, says
from tests.support.hubs import Peer, RawHub
from tests.support.processes import (
    PATIENCE_SECONDS,
    Connect,
    Model,
    environment,
    half_answer,
    in_thread,
    whole_answer,
)
from tests.support.provider_server import ProviderServer, status
from tests.support.routine_process import PLUGINS, install
from tests.support.sessions import running, send, workspace_in

SECONDS_OF_A_SERVICE_MANAGER = 10.0
AT_ONCE = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]


def tasks_named(*names: str, **more: str) -> list[dict[str, Any]]:
    return [{"id": name, "taskName": f"The task {name}", "llmTaskType": "summarize", **more} for name in names]


def states(home: Path) -> list[str]:
    """The jobs' states in their order."""
    with contextlib.closing(sqlite3.connect(home / "data" / "evolver.db")) as database:
        return [state for (state,) in database.execute("select state from job order by seq")]


def queue(home: Path, *names: str) -> None:
    """Have these tasks wait in the queue, and nobody work on them."""

    async def put() -> None:
        async with running(workspace_in(home), work=NO_WORK) as (session, _):
            await send(session, {"tasks": tasks_named(*names)})

    asyncio.run(put())


def ended(process: Connect, number: signal.Signals) -> tuple[int, dict[str, Any]]:
    """Send the signal; exit code and result, in time."""
    before = time.monotonic()
    process.send(number)
    code, result = process.result()
    assert time.monotonic() - before < SECONDS_OF_A_SERVICE_MANAGER
    assert process.names().count("shutdown_requested") == 1
    return code, result


# --- told to end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", AT_ONCE)
def test_what_is_generated_is_given_back_and_the_rest_stays_queued(tmp_path: Path, number: signal.Signals) -> None:
    is_writing, may_answer = threading.Event(), threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        if may_answer.is_set():
            yield from whole_answer(task_id)
            return
        yield half_answer(task_id)
        is_writing.set()
        may_answer.wait(PATIENCE_SECONDS)

    with Model(play) as model, in_thread(a_hub(*tasks_named("one", "two", "three"))) as hub:
        model.configure(tmp_path)
        with Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("task_queued", 3)
            assert is_writing.wait(PATIENCE_SECONDS)
            code, result = ended(process, number)
        assert (code, result["success"], result["tasks_received"], len(result["tasks"])) == (130, True, 3, 3)
        assert states(tmp_path) == ["pending"] * 3
        may_answer.set()
        with Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("task_completed", 3)
            assert process.finish()[0] == 0


def test_who_is_told_to_end_with_nothing_left_to_do_has_done_it(tmp_path: Path) -> None:
    with says() as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("connected")
        code, result = ended(process, signal.SIGTERM)
    assert (code, result["success"]) == (0, True)


def test_nohup_keeps_a_hang_up_away(tmp_path: Path) -> None:
    command = ["nohup", sys.executable, "-m", "evolver_tui", "connect", "--home", str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with in_thread(a_hub(*tasks_named("one"))) as hub:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), text=True, **pipes)  # type: ignore[call-overload]
        process.stdin.write(json.dumps({"hub_url": hub.url}))
        process.stdin.close()
        for line in process.stderr:
            if '"connected"' in line:
                process.send_signal(signal.SIGHUP)
            if '"task_completed"' in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stdin = None
        stdout, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, json.loads(stdout)["success"]) == (0, True)


def test_a_locked_database_does_not_hold_the_end_up(tmp_path: Path) -> None:
    feed = SampleHubSettings(feed=FeedSettings(rate=50.0))
    with in_thread(SampleHub(feed)) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("task_queued", 3)
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "evolver.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            code, result = ended(process, signal.SIGTERM)
    assert (code in (1, 130), result["success"]) == (True, False)
    assert result["error"]


def test_a_routine_that_hangs_does_not_hold_the_end_up(tmp_path: Path) -> None:
    install(tmp_path, '[routines]\nspins = "busy:spins"\n', PLUGINS / "busy.py")
    with (
        in_thread(a_hub(*tasks_named("one", "two", routine="spins", folder=str(tmp_path)))) as hub,
        Connect(tmp_path, {"hub_url": hub.url}) as process,
    ):
        process.until("processing_task", task_id="one")
        code, result = ended(process, signal.SIGTERM)
    assert (code, result["success"]) == (130, True)
    assert states(tmp_path)[1] == "pending"  # the first one's worker was killed, and its lease has to end


def test_a_hub_that_does_not_answer_does_not_hold_the_end_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/taskhub"
        with Connect(tmp_path, {"hub_url": url}) as process:
            connection, _ = silent.accept()
            with connection:
                code, result = ended(process, signal.SIGTERM)
    assert (code, result["success"], "never reached" in result["error"]) == (1, False, True)


@pytest.mark.parametrize("number", AT_ONCE)
def test_a_worker_gives_back_what_it_holds(tmp_path: Path, number: signal.Signals) -> None:
    is_writing, may_end = threading.Event(), threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        yield half_answer(task_id)
        is_writing.set()
        may_end.wait(PATIENCE_SECONDS)

    queue(tmp_path, "one")
    with Model(play) as model:
        model.configure(tmp_path)
        worker = subprocess.Popen(
            [sys.executable, "-m", "evolver_tui", "worker", "--home", str(tmp_path)],
            env=environment(tmp_path),
            cwd=tmp_path,
            stderr=subprocess.PIPE,
        )
        assert is_writing.wait(PATIENCE_SECONDS)
        worker.send_signal(number)
        _, told = worker.communicate(timeout=SECONDS_OF_A_SERVICE_MANAGER)
        may_end.set()
    assert (worker.returncode, b"Traceback" in told) == (130, False)
    assert states(tmp_path) == ["pending"]


# --- no success ----------------------------------------------------------------------------------------------------


def test_a_run_in_which_every_task_failed_is_no_success(tmp_path: Path) -> None:
    refusals = [[status(413, {}, {"error": {"message": "This is too long."}})]] * 2
    with in_thread(ProviderServer(*refusals)) as server:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "config.toml").write_text(
            f'[backend]\nkind = "openai"\nmodel = "m"\nbase_url = "{server.url}/v1"\n'
        )
        with in_thread(a_hub(*tasks_named("one", "two"))) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("task_completed", 2)
            code, result = process.finish()
    assert (code, result["success"]) == (1, False)
    assert result["error"].startswith("Every task failed.")
    assert "too long" in result["error"]


def test_a_run_in_which_nothing_was_a_task_is_no_success(tmp_path: Path) -> None:
    with says(["gibberish"], [17]) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("callback_error", 2)
        code, result = process.finish()
    assert (code, result["success"], result["total_messages"], len(result["errors"])) == (1, False, 2, 2)


def closes(close: dict[str, object] | None) -> RawHub:
    """A hub that sends a task and then ends the connection, with or without a word."""

    def talk(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 1, "target": "TaskHub", "arguments": tasks_named("one")})
        if close is not None:
            peer.send({"type": 7, **close})
            peer.read_to_end()

    return RawHub(talk)


def test_a_hub_that_ends_the_link_for_good_after_tasks_came_makes_it_no_success(tmp_path: Path) -> None:
    with closes({"error": "Go away."}) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        code, result = process.result()  # by itself
    assert (code, result["success"], result["tasks_received"]) == (1, False, 1)
    assert "Go away." in result["error"]
    assert process.told("task_completed", task_id="one")


def test_a_link_that_is_lost_when_the_run_ends_makes_it_no_success(tmp_path: Path) -> None:
    hub = closes(None)
    with hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("task_completed", task_id="one")
        hub.__exit__(None, None, None)
        process.until("connection_failed")
        code, result = process.finish()
    assert (code, result["success"]) == (1, False)
    assert "was lost and not back" in result["error"]


# --- what was received ---------------------------------------------------------------------------------------------


MESSAGES: Sequence[Sequence[object]] = [
    [{"tasks": tasks_named("one", "two")}], [tasks_named("three")[0], "more"], [[]], ["päivä \ud800 \U0001f600"],
    [{"tasks": [{"id": "nested", "deep": {"list": [1, {"a": "line\nend"}], "empty": {}}}]}],
]  # fmt: skip


def test_the_output_file_is_what_json_makes_of_the_whole_list(tmp_path: Path) -> None:
    output = tmp_path / "received.json"
    config = {"auto_generate_workflows": False, "output_file": str(output)}
    with says(*MESSAGES) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        process.until("message_received", len(MESSAGES))
        assert not output.exists()
        _, result = process.finish()
    said = [message[0] if len(message) == 1 else list(message) for message in MESSAGES]
    assert output.read_text(encoding="utf-8") == json.dumps(said, indent=2)
    assert result["total_messages"] == len(MESSAGES)
    assert list(tmp_path.glob(".received.json*")) == []


def test_what_a_killed_run_received_lies_beside_the_file_and_an_older_one_stays(tmp_path: Path) -> None:
    output = tmp_path / "received.json"
    output.write_text("before")
    config = {"auto_generate_workflows": False, "output_file": str(output)}
    with says(*MESSAGES) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        process.until("message_received", len(MESSAGES))
        process.kill()
    assert output.read_text() == "before"
    (left,) = tmp_path.glob(".received.json.session_*.unfinished")
    assert len(json.loads(left.read_text() + "]")) == len(MESSAGES)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_gets_full_is_told_at_once_and_leaves_whole_messages(tmp_path: Path, disk: Path) -> None:
    output = disk / "received.json"
    tasks = [{**task, "content": "x" * 9_000} for task in tasks_named(*"abcdefghij")]
    config = {"auto_generate_workflows": False, "output_file": str(output)}
    with in_thread(a_hub(*tasks)) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        told = process.until("error")
        process.until("task_stored", len(tasks))
        code, result = process.finish()
    (left,) = disk.glob(".received.json.*.unfinished")
    kept = json.loads(left.read_text() + "]")
    assert "No space left on device" in told["error"]
    assert str(left) in told["error"]
    assert (code, result["success"], result["error"]) == (1, False, told["error"])
    assert len(result["tasks"]) == len(tasks)
    assert 1 <= len(kept) < len(tasks)
    assert not output.exists()


def test_a_disk_without_room_for_one_message_is_left_as_it_was(tmp_path: Path, disk: Path) -> None:
    tasks = [{**task, "content": "x" * 100_000} for task in tasks_named("one")]
    config = {"auto_generate_workflows": False, "output_file": str(disk / "received.json")}
    with in_thread(a_hub(*tasks)) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        process.until("task_stored")
        _, result = process.finish()
    assert result["error"] == f"{disk}/received.json cannot be written: No space left on device."
    assert list(disk.iterdir()) == []


def test_a_full_folder_for_temporary_files_holds_no_task_up(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(disk))
    tasks = tasks_named(*(f"task-{n * 7919 % 10_000}" for n in range(8_000)))
    config = {"auto_generate_workflows": False}
    with in_thread(a_hub(*tasks, batch=2_000)) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        process.until("task_stored", len(tasks))
        code, result = process.finish()
    full = "The tasks and errors of this result are not complete: No space left on device"
    assert (code, result["success"], result["error"]) == (1, False, f"{full} in {disk}.")
    assert 1 <= len(result["tasks"]) < result["tasks_received"] == len(tasks)


def test_memory_does_not_grow_with_what_is_received(tmp_path: Path) -> None:
    big = [{**task, "content": "x" * 1_000_000} for task in tasks_named(*(f"task-{n}" for n in range(60)))]
    config = {"auto_generate_workflows": False, "output_file": str(tmp_path / "received.json")}

    def megabytes(process: Connect) -> float:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    with in_thread(a_hub(*big)) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        process.until("task_stored", 20)
        before = megabytes(process)
        process.until("task_stored", 60)
        grown = megabytes(process) - before
        _, result = process.finish()
    assert result["tasks_received"] == 60
    assert grown < 40  # all of them, once, are 40 MB in these 40 messages


@pytest.mark.parametrize("number", AT_ONCE)
def test_who_is_told_to_end_before_it_has_begun_says_so(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "evolver_tui", "connect", "--home", str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), **pipes)  # type: ignore[call-overload]
    process.stdin.write(b"{")
    process.stdin.flush()
    wait_until_it_is_read(process.stdin.fileno())
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert json.loads(stdout) == {"error": "Interrupted before it had begun.", "success": False}


@pytest.mark.parametrize("unread", ["stdout", "stderr"])
def test_who_is_told_to_end_does_so_although_nobody_reads_what_it_tells(tmp_path: Path, unread: str) -> None:
    command = [sys.executable, "-m", "evolver_tui", "connect", "--home", str(tmp_path)]
    read = tmp_path / "read"
    tasks = tasks_named(*(f"task-{n}" for n in range(1_000)))
    with read.open("w") as file, in_thread(a_hub(*tasks, batch=1_000)) as hub:
        streams = {"stdin": subprocess.PIPE, "stdout": file, "stderr": file, unread: subprocess.PIPE}
        process = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), **streams)  # type: ignore[call-overload]
        config = {"hub_url": hub.url, "auto_generate_workflows": False}
        process.stdin.write(json.dumps(config).encode())
        process.stdin.close()
        process.stdin = None
        if unread == "stderr":
            wait_until_it_is_full(process.stderr.fileno())
        else:
            while read.read_text().count("task_stored") < len(tasks):
                time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        code = process.wait(SECONDS_OF_A_SERVICE_MANAGER)
        process.communicate()
    assert code == 1
    if unread == "stdout":
        assert len(states(tmp_path)) == len(tasks)
    else:
        assert json.loads(read.read_text())["error"] == "Its end took too long and was cut off."


def wait_until_it_is_full(pipe: int) -> None:
    """Wait until nobody can write into a pipe: what it holds grows no more."""
    held, before = bytearray(4), -1
    while (now := int.from_bytes(held, sys.byteorder)) != before or not now:
        before = now
        time.sleep(0.5)
        fcntl.ioctl(pipe, termios.FIONREAD, held)


def wait_until_it_is_read(pipe: int) -> None:
    """Wait until nothing is left in a pipe: the process at its other end has begun to read."""
    left = bytes(4)
    while int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, left), sys.byteorder):
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_asks_again_and_again_cuts_no_end_off(tmp_path: Path, number: signal.Signals) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "evolver_tui", "worker", "--home", str(tmp_path)],
        stderr=subprocess.PIPE, env=environment(tmp_path),
    )  # fmt: skip
    assert worker.stderr is not None
    assert b"session.started" in worker.stderr.readline()
    while worker.poll() is None:
        worker.send_signal(number)
        time.sleep(0.005)
    told = worker.stderr.read()
    worker.stderr.close()
    assert worker.returncode == 0
    assert b"session.ended" in told
    assert b"Traceback" not in told
