"""`evolver-tui workflow demo`: the whole chain as a process, used as its words say, and ended by Ctrl+C."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import pytest

from tests.support.nats_server import NatsServer
from tests.support.processes import environment, run_command
from tests.support.redis_server import RedisServer
from tests.support.server_process import PATIENCE_SECONDS, find_program

T = TypeVar("T")


class Demo:
    """The demonstration as a process."""

    def __init__(self, home: Path, *more: str, **environ: str) -> None:
        command = [sys.executable, "-m", "evolver_tui", "workflow", "demo", "--port", "0", *more]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home,
            env=environment(home, **environ),
        )  # fmt: skip
        self.output, self.words = "", ""
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in ("output", "words")]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        stream = self.process.stdout if name == "output" else self.process.stderr
        assert stream is not None
        for line in stream:
            with self._news:
                setattr(self, name, getattr(self, name) + line)
                self._news.notify_all()

    def wait_until(self, is_true: Callable[[], T]) -> T:
        """Wait until this is true of what it wrote."""
        with self._news:
            self._news.wait_for(is_true, 2 * PATIENCE_SECONDS)
        value = is_true()
        assert value, self.output + self.words
        return value

    def until_ready(self) -> None:
        """Wait until it has said all."""
        self.wait_until(lambda: "Ctrl+C ends everything." in self.output or self.process.poll() is not None)
        assert "Ctrl+C ends everything." in self.output, self.words

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGTERM)


def test_the_commands_that_it_prints_work_and_everything_ends_with_ctrl_c(tmp_path: Path) -> None:
    find_program("nats-server")
    find_program("redis-server")
    find_program("curl")
    with Demo(tmp_path) as demo:
        demo.until_ready()
        listening, asking = (["sh", "-c", f"exec {it}"] for it in re.findall(r"curl (?:.*\\\n)*.*", demo.output))
        reader = subprocess.Popen(listening, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert reader.stdout is not None
        assert reader.stdout.readline() == "event: connected\n"
        accepted = json.loads(subprocess.run(asking, capture_output=True, check=True).stdout)
        assert accepted["status"] == "accepted"
        lines = []
        for line in reader.stdout:
            lines.append(line)
            if "message_complete" in line:
                break
        chunks = [json.loads(line.removeprefix("data: ")) for line in lines if '"chunk_id"' in line]
        text = "".join(chunk["chunk"] for chunk in chunks)
        assert "I received your message: 'Hello, how are you?'" in text
        assert chunks[-1]["metadata"]["offline"] is True
        reader.kill()
        reader.wait()
        ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", demo.output)]
        assert demo.end() == 0
        assert "Traceback" not in demo.words
        assert "Everything is being ended." in demo.words
        for port in set(ports):
            assert not is_listening(port)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_nothing_outlives_it_where_it_is_killed(tmp_path: Path) -> None:
    find_program("nats-server")
    find_program("redis-server")
    with Demo(tmp_path, "--instances", "1") as demo:
        demo.until_ready()
        demo.process.kill()
        for reader in demo._readers:  # until the last process that holds a stream is gone
            reader.join(PATIENCE_SECONDS)
            assert not reader.is_alive()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for port in {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", demo.output)}:
            while is_listening(port):
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_it_ends_when_a_part_of_it_does(tmp_path: Path) -> None:
    find_program("nats-server")
    find_program("redis-server")
    with Demo(tmp_path, "--instances", "1") as demo:
        demo.until_ready()
        children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children")
        if not children.exists():
            pytest.skip("this system does not tell a process's children")
        by_name = {Path(f"/proc/{pid}/comm").read_text().strip(): int(pid) for pid in children.read_text().split()}
        os.kill(by_name["redis-server"], signal.SIGKILL)
        assert demo.process.wait(PATIENCE_SECONDS) == 1
        demo.wait_until(lambda: "The demonstration is over: redis-server ended." in demo.words)


def test_servers_that_are_named_are_used_where_there_are_no_programs(tmp_path: Path) -> None:
    """Nothing else is on the search path then."""
    program = "import evolver_tui.adapters.private_servers as servers\nservers._MORE_PLACES = ()\n"
    program += "import sys\nfrom evolver_tui.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", program, "workflow", "demo", "--port", "0", "--instances", "1"]
    without = {**environment(tmp_path), "PATH": str(tmp_path)}
    missing = subprocess.run(arguments, env=without, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert missing.returncode == 2
    assert "nats-server is not installed here, and no NATS elsewhere is named." in missing.stderr
    assert "Install it (apt install nats-server" in missing.stderr
    with NatsServer() as nats, RedisServer() as redis:
        half = {**without, "NATS_URL": nats.url}
        missing = subprocess.run(arguments, env=half, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "redis-server is not installed here, and no Redis elsewhere is named." in missing.stderr
        whole = {**half, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
        running = subprocess.Popen(arguments, env=whole, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        lines = [line for line in iter(running.stdout.readline, "Ctrl+C ends everything.\n") if line]
        assert lines[0] == f"NATS     {nats.url}\n"
        assert lines[1] == f"Redis    127.0.0.1:{redis.port}\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_SECONDS) == 0
        assert nats.is_running
        assert redis.is_running


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(("--instances", "0"), "'0' is no number from 1 to 9"), (("--port", "x"), "'x' is no number from 0 to 65535")],
)
def test_what_cannot_be_meant_so_is_refused(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    done = run_command("workflow", "demo", *arguments, home=tmp_path)
    assert done.returncode == 2
    assert why in done.stderr


def test_a_port_that_is_taken_is_told_of_and_nothing_is_left(tmp_path: Path) -> None:
    find_program("nats-server")
    find_program("redis-server")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_command("workflow", "demo", "--port", port, home=tmp_path)
    assert done.returncode == 1
    assert port in done.stderr
    assert "The gateway ended at its start." in done.stderr
    assert "Traceback" not in done.stderr
