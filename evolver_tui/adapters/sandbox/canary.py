"""A program that tries to get out of the box it runs in, and to work in it, and tells what it could do.

Runs as `__main__` in a box. Its argument is one JSON object: `secret` and `folder` (a file and a folder outside of the
box that this user may read and write), `tcp` and `udp` (ports of 127.0.0.1 where somebody listens), `pid` (a process
outside), `processes` (how many threads it may have). On stdout it tells `{"reached": [...], "broken": [...]}`.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any


def main(outside: dict[str, Any]) -> None:
    """Try everything; what raises did not work."""
    escapes: dict[str, Callable[[], object]] = {
        "read a file": lambda: _read(outside["secret"]),
        "write a file": lambda: _write(os.path.join(outside["folder"], "new")),
        "change a file's mode": lambda: _change_mode(outside["secret"]),
        "read another process's environment": lambda: _read(f"/proc/{outside['pid']}/environ"),
        "signal another process": lambda: os.kill(outside["pid"], 0),
        "connect by TCP": lambda: socket.create_connection(("127.0.0.1", outside["tcp"]), 1),
        "send by UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(
            b"x", ("127.0.0.1", outside["udp"])
        ),
        "start a process": _fork,
        "start a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "start many threads": lambda: _start_threads(outside["processes"] + 64),
        "share memory with a file": _share_memory,
    }
    work: dict[str, Callable[[], object]] = {
        "write a file of its own": _write_unnamed,
        "start a few threads": lambda: _start_threads(4),
        "make a pair of sockets": socket.socketpair,
        "load an extension": lambda: __import__("decimal"),
    }
    reached = [name for name, attempt in escapes.items() if _works(attempt)]
    broken = [name for name, attempt in work.items() if not _works(attempt)]
    sys.stdout.write(json.dumps({"reached": reached, "broken": broken}))
    sys.stdout.flush()
    os._exit(0)


def _works(attempt: Callable[[], object]) -> bool:
    with contextlib.suppress(Exception):
        attempt()
        return True
    return False


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _write(path: str) -> None:
    with open(path, "xb") as file:
        file.write(b"x")


def _write_unnamed() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x")


def _change_mode(path: str) -> None:
    os.chmod(path, 0o604)
    if os.stat(path).st_mode & 0o777 != 0o604:
        raise PermissionError


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _start_threads(count: int) -> None:
    threading.stack_size(64 * 1024)
    done = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            started.append(thread)
    finally:
        done.set()
        for thread in started:  # those that are still there count against whatever is tried next
            thread.join()


def _share_memory() -> None:
    with open("shared", "w+b") as file:
        file.truncate(mmap.PAGESIZE)
        mmap.mmap(file.fileno(), mmap.PAGESIZE)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
