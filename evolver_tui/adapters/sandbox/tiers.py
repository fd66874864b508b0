"""Finds the tier that holds on this machine, by a program that really tries to get out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evolver_tui.adapters.sandbox.commands import find_bubblewrap
from evolver_tui.core.errors import SandboxError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.sandbox import BoxedProgram, BoxEnd, BoxStanding, RunLimits, Serve, Tier

_CANARY = Path(__file__).with_name("canary.py")
_LIMITS = RunLimits(seconds=20, cpu_seconds=10, memory_mb=512, processes=32, disk_mb=16, files=100)
_WAY_OUT_OF_GUARD = "Install bubblewrap, on a system that lets users make namespaces, to have tier full."
_WAY_OUT_OF_NONE = "Run nodes on Linux 5.13 or later with Landlock and seccomp, on x86_64 or aarch64."

Run = Callable[[Tier, BoxedProgram, bytes, RunLimits, Serve], Awaitable[BoxEnd]]
"""Runs a program in a box of a tier."""


async def find_standing(tiers: Sequence[Tier], run: Run) -> BoxStanding:
    """The first of `tiers` from which the canary does not get out and in which it can work."""
    reasons: list[str] = []
    for tier in tiers:
        try:
            problem = await _problem(tier, run)
        except OSError as error:
            problem = f"nobody can try it: {error.strerror or error}."
        if not problem:
            return BoxStanding(tier, " ".join(reasons), _WAY_OUT_OF_GUARD if reasons else "")
        reasons.append(f"Tier {tier}: {problem}")
    return BoxStanding("none", " ".join(reasons) or "There is no tier to try.", _WAY_OUT_OF_NONE)


async def _problem(tier: Tier, run: Run) -> str:
    """Why a tier does not hold, as a sentence; empty when it does."""
    if sys.platform != "linux":
        return f"there is none on {sys.platform}."
    if tier == "full" and find_bubblewrap() is None:
        return "bubblewrap is not installed."
    with _bait() as bait:
        arguments = json.dumps(bait.told)
        program = BoxedProgram({"canary.py": _CANARY.read_bytes()}, "canary.py", (arguments,))
        try:
            end = await run(tier, program, b"", _LIMITS, _hang_up)
            found = json.loads(end.stdout)
            reached, broken = [*found["reached"], *bait.touched()], found["broken"]
        except SandboxError as error:
            return str(error)
        except (ValueError, LookupError, TypeError):
            said = end.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            return safe_text(said, 200) or f"it ended with exit code {end.exit_code}."
    if reached:
        return f"a program in it can {', '.join(reached)}."
    return f"a program in it cannot {', '.join(broken)}." if broken else ""


async def _hang_up(channel: socket.socket) -> None:
    await asyncio.sleep(0)


@dataclass(slots=True)
class _Bait:
    """What a program outside could reach, and how it is seen from here that one did."""

    folder: Path
    told: dict[str, object]
    sockets: list[socket.socket] = field(default_factory=list)

    def touched(self) -> list[str]:
        """What was reached, whatever the program says of it."""
        reached = ["write outside"] if os.listdir(self.folder) != ["secret"] else []
        for each in self.sockets:
            with contextlib.suppress(BlockingIOError):
                if each.type is socket.SOCK_STREAM:
                    each.accept()[0].close()
                else:
                    each.recv(1)
                reached.append("reach the network")
        return reached


@contextlib.contextmanager
def _bait() -> Iterator[_Bait]:
    folder = Path(tempfile.mkdtemp(prefix="evolver-bait-"))
    with contextlib.ExitStack() as opened:
        opened.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "secret").write_bytes(b"secret")
        if os.geteuid() == 0:  # whom the program runs as there has to be held by the box alone
            folder.chmod(0o777)
            (folder / "secret").chmod(0o666)
        sockets = []
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            each = opened.enter_context(socket.socket(socket.AF_INET, kind))
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
            sockets.append(each)
        sockets[0].listen()
        told = {
            "secret": str(folder / "secret"),
            "folder": str(folder),
            "tcp": sockets[0].getsockname()[1],
            "udp": sockets[1].getsockname()[1],
            "pid": os.getpid(),
            "processes": _LIMITS.processes,
        }
        yield _Bait(folder, told, sockets)
