"""What tells this process from every other, so that a reader can know when a training has died."""

from __future__ import annotations

import os
from typing import Any


def this_process() -> dict[str, Any]:
    """Its host, number and start; on Linux the run of the system and the namespace that these belong to."""
    found: dict[str, Any] = {"host": _host(), "pid": os.getpid()}
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return found  # /proc shows the processes of another namespace
        with open("/proc/self/stat", "rb") as stat:
            start = stat.read().rpartition(b")")[2].split()[19].decode()
        with open("/proc/sys/kernel/random/boot_id") as boot:
            boot_id = boot.read().strip()
        return found | {"start": start, "boot": boot_id, "namespace": os.readlink("/proc/self/ns/pid")}
    except (OSError, ValueError, IndexError):
        return found


def _host() -> str:
    try:
        return os.uname().nodename
    except AttributeError:  # not everywhere
        return os.environ.get("COMPUTERNAME", "")
