"""The floor of intake: a bare WebSocket, json.loads and sqlite3, with nothing of the product's around them."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_A_COMMIT = 2_000
_FIELDS = ("id", "taskName", "llmTaskType", "priority")
_RECORD_END = b"\x1e"


def floor_rate(hub_url: str, count: int, database: Path) -> float:
    """Tasks a second of a program that reads all messages, then writes all rows."""
    started = time.monotonic()
    tasks = list(_tasks(hub_url, count))
    _write(database, tasks)
    return count / (time.monotonic() - started)


def _tasks(hub_url: str, count: int) -> Iterator[dict[str, Any]]:
    with _connected(hub_url) as connection:
        received = 0
        for payload in _frames(connection):
            for record in payload.split(_RECORD_END)[:-1]:
                message = json.loads(record)
                if message.get("type") == 1:
                    for task in message["arguments"][0]["tasks"]:
                        received += 1
                        yield task
            if received >= count:
                return


def _connected(hub_url: str) -> socket.socket:
    url = urlsplit(hub_url)
    client = http.client.HTTPConnection(url.netloc)
    client.request("POST", f"{url.path}/negotiate?negotiateVersion=1")
    token = json.loads(client.getresponse().read())["connectionToken"]
    connection = socket.create_connection((url.hostname, url.port))
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET {url.path}?id={token} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    handshake = b'{"protocol":"json","version":1}' + _RECORD_END
    connection.sendall(bytes([0x81, 0x80 | len(handshake), 0, 0, 0, 0]) + handshake)  # masked with zeros
    return connection


def _frames(connection: socket.socket) -> Iterator[bytes]:
    """The payloads of text frames; what else a hub sends in these seconds is passed over."""
    unread = bytearray()
    start = 0
    while chunk := connection.recv(1 << 18):
        unread += chunk
        while len(unread) - start >= 2:
            length, head = unread[start + 1] & 0x7F, 2
            if length >= 126:
                head = 4 if length == 126 else 10
                length = int.from_bytes(unread[start + 2 : start + head])
            if len(unread) < start + head + length:
                break
            if unread[start] & 0x0F == 1:
                yield bytes(unread[start + head : start + head + length])
            start += head + length
        del unread[:start]
        start = 0


def commit_milliseconds(database: Path, seconds: float) -> list[float]:
    """How long each commit of a few rows takes this disk, two hundred times a second."""
    rows = [{"id": str(number), "taskName": "A task", "llmTaskType": "summarize"} for number in range(25)]
    taken: list[float] = []
    with contextlib.closing(_opened(database)) as connection:
        give_up = time.monotonic() + seconds
        while (started := time.monotonic()) < give_up:
            _commit(connection, [{**row, "id": f"{len(taken)}-{row['id']}"} for row in rows])
            spent = time.monotonic() - started
            taken.append(1000 * spent)
            time.sleep(max(0.0, 0.005 - spent))
    return taken


def _write(database: Path, tasks: Sequence[dict[str, Any]]) -> None:
    with contextlib.closing(_opened(database)) as connection:
        for start in range(0, len(tasks), _A_COMMIT):
            _commit(connection, tasks[start : start + _A_COMMIT])


def _opened(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE job (seq INTEGER PRIMARY KEY, task_id TEXT UNIQUE, name TEXT, type TEXT, priority TEXT, "
        "state TEXT, rank INTEGER, raw TEXT)"
    )
    connection.execute("CREATE INDEX job_queue ON job (rank, seq)")
    return connection


def _commit(connection: sqlite3.Connection, tasks: Sequence[dict[str, Any]]) -> None:
    rows = [(*(task.get(name) for name in _FIELDS), "pending", 1, json.dumps(task)) for task in tasks]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO job (task_id, name, type, priority, state, rank, raw) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
    )
    connection.execute("COMMIT")
