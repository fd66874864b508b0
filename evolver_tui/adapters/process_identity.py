"""Who a process is, and the proof that it has ended, so that a job left behind by a dead one is taken over at once.

Only a proof shortens a lease. What is merely not seen may live: on another machine of the same name, in another
container, or hidden from this user.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import uuid
from collections.abc import Mapping
from functools import cache
from glob import glob
from pathlib import Path

from evolver_tui.core.worker_identity import WorkerIdentity

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_NETWORK_CARDS = "/sys/class/net/*/device"
_SYSCTLS = ("kern.bootsessionuuid", "kern.hostuuid", "kern.boottime")
"""What tells one run of a system without /proc from every other: macOS has the first, the BSDs the others."""
_NO_MARKS = str.maketrans(":@", "__")


def this_process() -> str:
    """The `WorkerIdentity` of this process, as text."""
    return _identity(os.getpid())


@cache
def _identity(pid: int) -> str:
    return WorkerIdentity.of(_place(), pid, _start_of(pid) or "0").text


def is_here(owner: str) -> bool:
    """Whether `owner` was a process among those that this one sees, so that its end can be noticed."""
    return WorkerIdentity(owner).place == _place()


def is_gone(owner: str) -> bool:
    """Whether it is proven that `owner` has ended.

    False wherever that cannot be known: another host, a name of another form, a process that this user may not look
    at, a system that does not say. Then the lease has to run out.
    """
    worker = WorkerIdentity(owner)
    pid, start = worker.pid, worker.start
    return is_here(owner) and bool(start) and pid.isascii() and pid.isdigit() and _has_ended(int(pid), start)


def has_ended(process: Mapping[str, object]) -> bool:
    """Whether it is proven that the process that the header of a training run tells of has ended.

    False wherever that cannot be known, as in `is_gone`.
    """
    pid, start, boot, namespace = (process.get(name) for name in ("pid", "start", "boot", "namespace"))
    if not isinstance(pid, int) or not 0 < pid < 2**31 or not isinstance(start, str) or not start.isdecimal():
        return False
    try:
        is_ours = boot == Path(_BOOT_ID).read_text().strip() and namespace == os.readlink("/proc/self/ns/pid")
    except OSError:
        return False
    return is_ours and process.get("host") == platform.node() and _has_ended(pid, start)


def _has_ended(pid: int, start: str) -> bool:
    """Whether the process that had this number and began then is proven to be over."""
    if sys.platform == "win32":
        return False  # there, signal 0 would end the process instead of probing it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True  # said by the kernel, which hides no process from a signal
    except (OSError, OverflowError):
        pass
    now_there = _start_of(pid)
    return now_there is not None and now_there != start and "0" not in (start, now_there)


@cache
def _place() -> str:
    """The host's name, and a digest of what tells its processes from all others.

    The name is for people: cloned machines share it. Where the system does not say which run of which machine it is, a
    number of this process's own stands there, which equals no other's.
    """
    run = _run_of_linux() if os.path.exists(_BOOT_ID) else _run_by_sysctl()
    digest = hashlib.sha256((run or uuid.uuid4().hex).encode()).hexdigest()[:16]
    return f"{platform.node().translate(_NO_MARKS)}@{digest}"


def _run_of_linux() -> str:
    """The kernel's run, its network cards, and the namespaces that process numbers and start times belong to.

    Two machines that go on from one snapshot have the run in common, and not the cards. Empty where /proc shows the
    processes of another namespace, or not enough.
    """
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return ""
        boot = Path(_BOOT_ID).read_text().strip()
        cards = sorted(Path(device).with_name("address").read_text().strip() for device in glob(_NETWORK_CARDS))
        numbers = os.readlink("/proc/self/ns/pid")
        clock = os.readlink("/proc/self/ns/time") if os.path.lexists("/proc/self/ns/time") else ""
    except OSError:
        return ""
    return " ".join([boot, numbers, clock, *cards]) if boot else ""


def _run_by_sysctl() -> str:
    return " ".join(filter(None, (_output_of("sysctl", "-n", name) for name in _SYSCTLS)))


def _output_of(*command: str) -> str:
    """What a small program of the system says, in no language and time zone but its own; empty where it fails."""
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=2, check=False, env=environment, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _start_of(pid: int) -> str | None:
    """When a process began, in the system's own terms; "ended" for one that did; None where that is not known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except FileNotFoundError:
        return None if os.path.exists("/proc/self/stat") else _start_by_ps(pid)
    except OSError:
        return None
    if len(fields) < 20:
        return None
    has_ended = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1  # a dead first thread may leave others at work
    return "ended" if has_ended else fields[19].decode()


def _start_by_ps(pid: int) -> str | None:
    words = _output_of("ps", "-o", "stat=,lstart=", "-p", str(pid)).split()
    if not words:
        return None
    return "ended" if words[0].startswith("Z") else "".join(filter(str.isalnum, "".join(words[1:])))
