"""The box that holds a program nobody trusts: the promise that `adapters/sandbox` keeps for whoever runs nodes."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, Protocol

from evolver_tui.settings.sandbox_config import SandboxConfig

Tier = Literal["full", "guard", "none"]
"""How a program is held: by namespaces of its own with the guard inside, by the guard alone, or not at all."""

LimitName = Literal[
    "seconds", "cpu_seconds", "memory_mb", "file_mb", "disk_mb", "files", "open_files", "processes", "output_bytes",
    "tool_calls", "tool_bytes",
]  # fmt: skip
"""What a run can use up, as the config's section [sandbox] names it."""

SCRATCH = "scratch"
"""The program's working folder, below the one that is made for its run."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run of a program may take."""

    seconds: float = 600.0
    cpu_seconds: int = 60
    memory_mb: int = 1024
    """Address space."""
    file_mb: int = 64
    """Of each file it writes."""
    disk_mb: int = 256
    """Of all that it writes, also what it deleted again."""
    files: int = 2000
    """That lie in its folder at a time, folders included."""
    open_files: int = 64
    processes: int = 64
    """Threads, since there are no processes beyond the first."""
    output_bytes: int = 1 << 20
    """Progress of each of both streams; what comes beyond is read and dropped."""


def run_limits(config: SandboxConfig) -> RunLimits:
    """What the config lets a run take, but for its tools."""
    return RunLimits(**{each.name: getattr(config, each.name) for each in fields(RunLimits)})


@dataclass(frozen=True, slots=True)
class BoxedProgram:
    """A Python program with its files, which are laid out in a folder that is made for the run."""

    files: Mapping[str, bytes]
    """Path in that folder to content. The program may read them beside Python's own files, and change none."""
    main: str
    """Which of them runs as `__main__`; its working folder is an empty one, all that it may write to."""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beyond what Python needs; nothing of this process's own environment is handed on."""


@dataclass(frozen=True, slots=True)
class BoxEnd:
    """How a program ended."""

    tier: Tier
    exit_code: int
    """Negative for the signal that ended it."""
    stdout: bytes
    stderr: bytes
    stdout_is_cut: bool
    seconds: float
    cpu_seconds: float
    memory_mb: float
    """The most that was seen of it at a time, which includes what started it."""
    limit: LimitName | None
    """The limit that ended it, or that cut its output."""


@dataclass(frozen=True, slots=True)
class BoxStanding:
    """What this machine can hold a program with."""

    tier: Tier
    reason: str = ""
    """Why it is not held better, as a sentence; empty at the best."""
    way_out: str = ""
    """What would raise it."""
    runs_unheld: bool = False
    """Whether programs run all the same where nothing holds them, because a person said so."""


CONSENT = "unboxed"
"""The word that a person types to let programs run that nothing holds; nobody types it by accident."""

WHAT_UNHELD_MEANS = (
    "Without a box a node is a program like any other that you start. It can read, change and delete your files, keys "
    "and passwords among them, use the network, start programs, and go on when its run is over. Its time, memory and "
    "output stay limited as far as this system can do that."
)
"""What whoever types that word has to know."""


Serve = Callable[[socket.socket], Awaitable[None]]
"""Talks over our end of the program's socket until it hangs up, and closes it; cancelled when the program has ended."""


class Sandbox(Protocol):
    """Runs programs that cannot get out."""

    async def standing(self) -> BoxStanding:
        """How programs are held here: found once, by a program that really tries to get out."""
        ...

    def watch(self, on_change: Callable[[BoxStanding], None]) -> None:
        """Call `on_change` with the standing once it is found, and whenever it is another."""
        ...

    def allow_unheld(self) -> None:
        """Run programs from here on although nothing holds them: only this object, and only when a person said so.

        Raises:
            SandboxError: a box is there, or nobody has looked for one yet.
        """
        ...

    async def run(self, program: BoxedProgram, stdin: bytes, limits: RunLimits, serve: Serve) -> BoxEnd:
        """Run a program to its end, or to a limit's. Cancelling ends it with all that it started.

        The program has `stdin` on its standard input and one socket at descriptor 3, whose other end `serve` gets.

        Raises:
            NothingHolds: nothing here can hold it, and nobody said that it runs all the same.
            SandboxError: no process can be started.
        """
        ...
