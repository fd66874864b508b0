"""Who a process is, so that a job left behind by a dead one is taken over at once."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache


def this_process() -> str:
    """`host:pid:start`, which no other process has, now or later."""
    return _identity(os.getpid())


@cache
def _identity(pid: int) -> str:
    return f"{_host()}:{pid}:{_start_of(pid) or '0'}"


def is_here(owner: str) -> bool:
    """Whether `owner` was a process of this host, so that its end can be noticed."""
    return owner.partition(":")[0] == _host()


def is_gone(owner: str) -> bool:
    """Whether `owner` was a process of this host and has ended.

    False wherever that cannot be known: another host, a name of another form, a system that does not say. Then the
    lease has to run out.
    """
    host, _, rest = owner.partition(":")
    pid_text, _, start = rest.partition(":")
    if host != _host() or not start or not (pid_text.isascii() and pid_text.isdigit()):
        return False
    if sys.platform == "win32":
        return False  # there, signal 0 would end the process instead of probing it
    pid = int(pid_text)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    now_there = _start_of(pid)
    return now_there is not None and now_there != start and start != "0"


@cache
def _host() -> str:
    """The host's name and, where there is one, its process namespace: two containers may share a name and a file."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    digits = "".join(filter(str.isdigit, namespace))
    return f"{platform.node().replace(':', '_')}@{digits}"


def _start_of(pid: int) -> str | None:
    """When a process began, in the system's own terms; "ended" for one that did; None where that is not known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except FileNotFoundError:
        return "ended" if os.path.exists("/proc/self/stat") else _start_by_ps(pid)
    except OSError:
        return None
    return "ended" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _start_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        words = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    if not words:
        return None
    return "ended" if words[0].startswith("Z") else "".join(filter(str.isalnum, "".join(words[1:])))
