"""Hubs for any test: the sample hub and an ASP.NET Core hub as processes, and a server that misbehaves on demand."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHubSettings, run_sample_hub

ASPNET_HUB = os.environ.get("EVOLVER_TEST_ASPNET_HUB", "")
"""The start command of an ASP.NET Core hub; empty where there is none."""

REPOSITORY = Path(__file__).parents[2]

THREE_TASKS: Sequence[Mapping[str, Any]] = (
    {"id": "one", "taskName": "Summarize", "llmTaskType": "summarize"},
    {"id": "two", "taskName": "Generate", "llmTaskType": "generate", "priority": "high"},
    {"id": "three", "taskName": "Translate", "llmTaskType": "translate"},
)


def free_port() -> int:
    """A port of 127.0.0.1 at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class HubProcess:
    """A hub in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self.url = url

    def freeze(self) -> None:
        """Stop it without a word: its sockets stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Ask it to end; returns its exit code."""
        self._process.send_signal(signal_number)
        return self._process.wait(timeout=10)


@contextlib.contextmanager
def hub_process(
    kind: str,
    *,
    port: int = 0,
    tasks: Sequence[Mapping[str, Any]] = THREE_TASKS,
    rate: float = 0,
    batch: int = 1,
    token: str = "",
    keep_alive: float = 15,
) -> Iterator[HubProcess]:
    """A running hub that sends each task once. `kind` is "sample", "aspnet", or "aspnet:" and its transports."""
    with tempfile.TemporaryDirectory() as folder:
        tasks_file = Path(folder) / "tasks.json"
        tasks_file.write_text(json.dumps({"tasks": tasks}))
        if kind == "sample":
            options = {"port": port, "rate": rate, "batch": batch, "token": token, "keep_alive": keep_alive}
            command = [sys.executable, "-m", "tests.support.hubs", str(tasks_file), json.dumps(options)]
        else:
            command = [*shlex.split(ASPNET_HUB), "--urls", f"http://127.0.0.1:{port}", "--tasks", str(tasks_file)]
            command += ["--rate", str(rate), "--batch", str(batch), "--keepalive", str(keep_alive)]
            command += ["--token", token] if token else []
            command += ["--transports", transports] if (transports := kind.partition(":")[2]) else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        try:
            assert process.stdout is not None
            yield HubProcess(process, json.loads(process.stdout.readline())["hub_url"])
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


class Peer:
    """The server's end of one WebSocket, byte by byte."""

    def __init__(self, connection: socket.socket, unread: bytes) -> None:
        self.connection = connection
        self._unread = unread

    def send_frame(self, payload: bytes, first: int = 0x81) -> None:
        """Send one frame; `first` is its first byte."""
        length = len(payload)
        if length < 126:
            header = struct.pack(">BB", first, length)
        elif length < 65536:
            header = struct.pack(">BBH", first, 126, length)
        else:
            header = struct.pack(">BBQ", first, 127, length)
        self.connection.sendall(header + payload)

    def send(self, *records: object) -> None:
        """Send records in one frame; what is not text is turned into JSON."""
        texts = [one if isinstance(one, str) else json.dumps(one) for one in records]
        self.send_frame("".join(text + "\x1e" for text in texts).encode())

    def send_task(self, task_id: str) -> None:
        """Call TaskHub with one task."""
        self.send({"type": 1, "target": "TaskHub", "arguments": [{"tasks": [{"id": task_id}]}]})

    def read_exactly(self, count: int) -> bytes:
        """So many bytes. Raises EOFError when the client has gone."""
        while len(self._unread) < count:
            chunk = self.connection.recv(65536)
            if not chunk:
                raise EOFError
            self._unread += chunk
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken

    def read_frame(self) -> tuple[int, bytes]:
        """A frame's opcode and payload."""
        first, second = self.read_exactly(2)
        assert second & 0x80, "a client's frame has to be masked"
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(self.read_exactly(2 if length == 126 else 8))
        mask, payload = self.read_exactly(4), self.read_exactly(length)
        return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))

    def read_record(self, kind: int) -> dict[str, Any]:
        """The next hub message of this type; others are passed over."""
        while True:
            opcode, payload = self.read_frame()
            for record in payload.split(b"\x1e")[:-1] if opcode == 1 else []:
                message: dict[str, Any] = json.loads(record)
                if message.get("type") == kind:
                    return message

    def read_opcode(self, wanted: int) -> bytes:
        """The payload of the next frame with this opcode; others are passed over."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == wanted:
                return payload

    def shake_hands(self) -> None:
        """Accept the client's handshake."""
        self.read_frame()
        self.send({})

    def read_to_end(self) -> None:
        """Wait until the client has gone."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self.read_exactly(1)


NEGOTIATED = {
    "negotiateVersion": 1,
    "connectionId": "c",
    "connectionToken": "t",
    "availableTransports": [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}],
}


def http_response(status: str, body: str = "", **headers: str) -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close", "", body]).encode()


def negotiated(**changes: object) -> bytes:
    """A good answer to a negotiation, with changes; None takes a field away."""
    reply = {name: value for name, value in {**NEGOTIATED, **changes}.items() if value is not None}
    return http_response("200 OK", json.dumps(reply))


class RawHub:
    """A server that answers negotiations with `answer(head)` and gives each WebSocket to the next script.

    Scripts run in a thread for each connection; the last one serves all further connections. A script's failure is
    raised when the hub is left.
    """

    def __init__(
        self,
        *scripts: Callable[[Peer], None],
        answer: Callable[[str], bytes] = lambda head: negotiated(),
        upgrade: Callable[[str], bytes] | None = None,
    ) -> None:
        self._scripts = list(scripts)
        self._answer = answer
        self._upgrade = upgrade
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self.heads: list[str] = []
        """Every request head that came."""
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/taskhub"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        if kind is None and self._failures:
            raise self._failures[0]

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._converse(connection)
        except (EOFError, OSError):
            pass
        except BaseException as failure:  # noqa: BLE001 - it is raised again in the test's own thread
            self._failures.append(failure)

    def _converse(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            received += chunk
            if not chunk or received[0] == 0x16:
                connection.sendall(http_response("400 Bad Request"))
                return
        head, _, rest = received.partition(b"\r\n\r\n")
        self.heads.append(head.decode())
        if head.startswith(b"POST"):
            connection.sendall(self._answer(head.decode()))
        elif self._upgrade is not None:
            connection.sendall(self._upgrade(head.decode()))
        else:
            connection.sendall(_switch(head.decode()))
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            script(Peer(connection, rest))


def _switch(head: str) -> bytes:
    (key,) = (line.split(": ")[1] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    accept = base64.b64encode(digest).decode()
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade"
    return f"HTTP/1.1 101 x\r\n{upgrade}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()


def _main() -> int:
    options = json.loads(sys.argv[2])
    feed = FeedSettings(rate=options.pop("rate"), batch=options.pop("batch"))
    return run_sample_hub(SampleHubSettings(feed=feed, **options), Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(_main())
