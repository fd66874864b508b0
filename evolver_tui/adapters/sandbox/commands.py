"""How a program is started in a box of each tier: command lines, and what a box shows of the machine."""

from __future__ import annotations

import marshal
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evolver_tui.adapters.sandbox.folders import make_folder, remove_folder
from evolver_tui.adapters.sandbox.system_calls import system_call_filter
from evolver_tui.core.bytecode import compiled
from evolver_tui.core.errors import SandboxError
from evolver_tui.engine.sandbox import SCRATCH, BoxedProgram, RunLimits, Tier

_MIB = 1 << 20
_GUARD, _UNHELD = Path(__file__).with_name("guard.py"), Path(__file__).with_name("unheld.py")
_STARTER = "start.pyc"
"""One of these in the folder of a run, where the program may read it and never write."""
_USERS = range(61_184, 65_520)
"""Whom root's programs run as: numbers that no account has, which systemd keeps for such users."""
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/etc/ld.so.cache")
_DATES = ("/etc/localtime", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/urandom")
_SINCE_COUNTING_PER_NAMESPACE = (5, 14)
"""The kernel that counts a user's threads in each user namespace apart."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start, and with what."""

    folder: Path
    """Made for this run: whoever starts it removes it."""
    command: list[str]
    environment: dict[str, str]


def launch(tier: Tier, program: BoxedProgram, limits: RunLimits, channel: int, python: str) -> Launch:
    """Lay a program out and say how to start it in a box of a tier, with its socket at descriptor `channel`.

    Raises:
        OSError: it cannot be laid out.
        SandboxError: there is no bubblewrap for tier `full`, or no filter of system calls for this machine.
    """
    folder = make_folder({**program.files, _STARTER: compiled(_UNHELD if tier == "none" else _GUARD)})
    python = os.path.realpath(python)
    try:
        settings = {
            "program": str(folder / program.main),
            "arguments": program.arguments,
            "channel": channel,
            "folder": str(folder / SCRATCH),
            "limits": _resource_limits(limits, _running_threads(tier)),
            **({} if tier == "none" else _settings_of_guard(tier, folder, python)),
        }
        command = [python, "-I", "-S", "-B", "-X", "utf8", str(folder / _STARTER), marshal.dumps(settings).hex()]
        if tier == "full":
            command = [*_bubblewrap(folder, python, os.geteuid() == 0), *command]
    except (OSError, SandboxError):
        remove_folder(folder)
        raise
    return Launch(folder, command, _environment(program, folder / SCRATCH))


def _settings_of_guard(tier: Tier, folder: Path, python: str) -> dict[str, Any]:
    """What the guard has to know beyond what every program is started with."""
    return {
        "readable": [*shown_paths(python), str(folder), "/proc/self/status"],
        "writable": [str(folder / SCRATCH)],
        "devices": _DEVICES,
        "filter": _filter(),
        "user": _give_to_program(folder),
        "parent": os.getpid() if tier == "guard" else None,
    }


def _environment(program: BoxedProgram, scratch: Path) -> dict[str, str]:
    return {
        "LANG": "C.UTF-8",
        "PYTHONIOENCODING": "utf-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        **program.environment,
    }


def _give_to_program(folder: Path) -> int | None:
    """Let root's program reach its folder, and write into its scratch folder. Returns whom it runs as, if not as us.

    That is a user and a group of the same number. Each has another one, since the kernel counts threads by user: one
    that makes many would hold up those beside it.
    """
    if os.geteuid() != 0:
        return None
    user = _USERS[os.stat(folder).st_ino % len(_USERS)]
    os.chown(folder, -1, user)
    folder.chmod(0o750)
    os.chown(folder / SCRATCH, user, user)
    return user


def _filter() -> tuple[bytes, ...]:
    machine = os.uname().machine
    try:
        return system_call_filter(machine)
    except KeyError:
        raise SandboxError(f"The system calls of {machine} are not known.", "Use x86_64 or aarch64.") from None


@cache
def shown_paths(python: str) -> tuple[str, ...]:
    """What of the machine a program may read: the standard library, and what that loads."""
    ours = sysconfig.get_paths(vars={"platbase": sys.base_exec_prefix})  # in place of a virtual environment's
    wanted = (
        *(ours["stdlib"], ours["platstdlib"], str(Path(sys.base_prefix, "lib")), os.path.realpath(python)),
        *(*_LIBRARIES, *_DATES),
    )
    found = dict.fromkeys(path for path in wanted if os.path.exists(path))
    return tuple(path for path in found if not any(path.startswith(f"{other}/") for other in found))


def find_bubblewrap() -> str | None:
    """The program `bwrap`, where it is installed."""
    return shutil.which("bwrap", path=f"{os.defpath}:/usr/local/bin")


def _bubblewrap(folder: Path, python: str, is_root: bool) -> list[str]:
    scratch = folder / SCRATCH
    own = [*_shown((str(folder),), is_root), "--bind", str(scratch), str(scratch)]
    return [*_bubblewrap_without_folder(python, is_root), *own, "--remount-ro", "/", "--chdir", "/", "--"]


@cache
def _bubblewrap_without_folder(python: str, is_root: bool) -> tuple[str, ...]:
    bwrap = find_bubblewrap()
    if bwrap is None:
        raise SandboxError("bubblewrap is not installed.", "Install bubblewrap.")
    # Root needs no user namespace, in which nobody could be made of it: limits on threads do not bind root.
    users = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if is_root else []
    users = users or ["--unshare-user", "--disable-userns"]
    return (
        *(bwrap, *users, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--hostname", "box"),
        *_shown(shown_paths(python), is_root),
        *(argument for device in _DEVICES for argument in ("--dev-bind-try", device, device)),
    )


def _shown(paths: tuple[str, ...], is_root: bool) -> list[str]:
    """Bubblewrap's options for what is shown of the machine."""
    options = []
    if is_root:  # bubblewrap makes them for itself alone
        for parent in dict.fromkeys(each for path in paths for each in reversed(Path(path).parents[:-1])):
            options += ["--perms", "0755", "--dir", str(parent)]
    for path in paths:
        target = os.path.realpath(path)
        is_shown = target != path and any(Path(target).is_relative_to(other) for other in paths)
        options += ["--symlink", target, path] if is_shown else ["--ro-bind", path, path]
    return options


def _resource_limits(limits: RunLimits, running: int | None) -> dict[int, tuple[int, int]]:
    """Kinds to soft and hard limits; one that is lower already stays as it is.

    Args:
        running: threads that the limit on them counts beside the program's own; None sets no such limit.
    """
    import resource  # which not every system has

    wanted = {
        # At the hard limit on processor time the signal would be KILL, which says nothing.
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + 1),
        resource.RLIMIT_AS: (limits.memory_mb * _MIB,) * 2,
        resource.RLIMIT_FSIZE: (limits.file_mb * _MIB,) * 2,
        resource.RLIMIT_NOFILE: (limits.open_files,) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
    if running is not None:
        wanted[resource.RLIMIT_NPROC] = (limits.processes + running,) * 2
    ceilings = {kind: resource.getrlimit(kind)[1] % (1 << 64) for kind in wanted}  # where there is none, the highest
    return {kind: (min(soft, ceilings[kind]), min(hard, ceilings[kind])) for kind, (soft, hard) in wanted.items()}


def _running_threads(tier: Tier) -> int | None:
    """Threads that the limit on them counts beside the program's own; None where nobody knows."""
    if tier == "none":
        return count_threads(os.geteuid()) if sys.platform == "linux" else None
    if os.geteuid() == 0:  # it becomes somebody who has none
        return 0
    release = os.uname().release.split("-")[0].split(".")[:2]
    is_apart = tuple(int(part) for part in release if part.isdecimal()) >= _SINCE_COUNTING_PER_NAMESPACE
    return 0 if tier == "full" and is_apart else count_threads(os.geteuid())


def count_threads(user: int) -> int:
    """Threads that a user has on this machine."""
    threads = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    threads += os.stat(f"/proc/{name}/task").st_nlink - 2
            except OSError:
                continue
    return threads
