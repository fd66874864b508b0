"""What a box is made of: the filter of each machine, how it fails, and how its tier is found."""

from __future__ import annotations

import asyncio
import json
import marshal
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from evolver_tui.adapters.sandbox import guard, system_calls
from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.adapters.sandbox.folders import make_folder, remove_folder
from evolver_tui.adapters.sandbox.tiers import find_standing
from evolver_tui.core.errors import SandboxError
from evolver_tui.engine.sandbox import BoxedProgram, BoxEnd, RunLimits, Serve, Tier

pytestmark = pytest.mark.anyio

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED, KILLED, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
PID = 77


def answer(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter of a machine answers to a system call, as the kernel would run it."""
    pieces = system_calls.system_call_filter(machine)
    program = list(struct.iter_unpack("=HBBI", PID.to_bytes(4, sys.byteorder).join(pieces)))
    found = ARCHITECTURES[machine] if architecture is None else architecture
    data = struct.pack("=iIQ6Q", number, found, 0, *arguments, *(0,) * (6 - len(arguments)))
    register, position = 0, 0
    while True:
        code, if_true, if_false, operand = program[position]
        position += 1
        match code:
            case 0x20:
                register = struct.unpack_from("=I", data, operand)[0]
            case 0x54:
                register &= operand
            case 0x15:
                position += if_true if register == operand else if_false
            case 0x35:
                position += if_true if register >= operand else if_false
            case 0x06:
                return int(operand)


CALLS: dict[str, tuple[int, int]] = {
    "clone": (56, 220), "openat": (257, 56), "socket": (41, 198), "socketpair": (53, 199), "sendto": (44, 206),
    "sendmsg": (46, 211), "kill": (62, 129), "prlimit64": (302, 261), "mmap": (9, 222), "ioctl": (16, 29),
    "fcntl": (72, 25), "prctl": (157, 167), "execve": (59, 221), "ptrace": (101, 117), "clone3": (435, 435),
    "io_uring_setup": (425, 425), "memfd_create": (319, 279), "read": (0, 63), "fchmodat": (268, 53),
    "unshare": (272, 97), "symlinkat": (266, 36), "truncate": (76, 45), "bpf": (321, 280), "setsid": (112, 157),
    "tgkill": (234, 131),
}  # fmt: skip
THREAD = 0x3D0F00


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        ("read", (0,), ALLOWED),
        ("clone", (THREAD,), ALLOWED),
        ("clone", (17,), EPERM),
        ("clone", (THREAD | 0x10000000,), EPERM),
        ("clone3", (), ENOSYS),
        ("execve", (), EPERM),
        ("unshare", (), EPERM),
        ("setsid", (), EPERM),
        ("openat", (0, 0, os.O_RDONLY | os.O_CLOEXEC), ALLOWED),
        ("openat", (0, 0, os.O_RDWR | os.O_CREAT | os.O_TRUNC), ALLOWED),
        ("openat", (0, 0, os.O_RDONLY | os.O_TRUNC), EPERM),
        ("openat", (0, 0, 0x400000 | os.O_RDWR), EPERM),
        ("truncate", (), EPERM),
        ("symlinkat", (), EPERM),
        ("socket", (2, 1), EPERM),
        ("socketpair", (1, 1 | 0x80000), ALLOWED),
        ("socketpair", (1, 2), EPERM),
        ("socketpair", (2, 1), EPERM),
        ("sendto", (3, 0, 1, 0, 0), ALLOWED),
        ("sendto", (3, 0, 1, 0, 0x7F0000000000), EPERM),
        ("sendto", (3, 0, 1, 0, 0x1000), EPERM),
        ("sendmsg", (), EPERM),
        ("kill", (PID, 9), ALLOWED),
        ("kill", (1, 9), EPERM),
        ("kill", ((1 << 64) - 1, 9), EPERM),
        ("tgkill", (PID, 5, 9), ALLOWED),
        ("tgkill", (1, 1, 9), EPERM),
        ("prlimit64", (0, 7, 0, 0x1000), ALLOWED),
        ("prlimit64", (0, 7, 0x7F0000000000, 0), EPERM),
        ("prlimit64", (1, 7, 0, 0), EPERM),
        ("mmap", (0, 4096, 3, 0x22), ALLOWED),
        ("mmap", (0, 4096, 3, 0x21), ALLOWED),
        ("mmap", (0, 4096, 3, 0x01), EPERM),
        ("mmap", (0, 4096, 3, 0x03), EPERM),
        ("ioctl", (0, 0x5401), ALLOWED),
        ("ioctl", (0, 0x5412), EPERM),
        ("fcntl", (0, 1030), ALLOWED),
        ("fcntl", (0, 8), EPERM),
        ("prctl", (15,), ALLOWED),
        ("prctl", (4,), EPERM),
        ("ptrace", (), EPERM),
        ("bpf", (), EPERM),
        ("memfd_create", (), EPERM),
        ("io_uring_setup", (), ENOSYS),
        ("fchmodat", (), 0x00050000),
    ],
)
def test_the_filter_of_each_machine_answers(machine: str, call: str, arguments: tuple[int, ...], expected: int) -> None:
    assert answer(machine, CALLS[call][machine == "aarch64"], *arguments) == expected


def test_the_numbers_of_another_machine_end_the_process() -> None:
    assert answer("x86_64", 0, architecture=0x40000003) == KILLED
    assert answer("x86_64", 0x40000000) == KILLED


@pytest.mark.parametrize(
    ("column", "header"),
    [(1, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (2, "/usr/include/asm-generic/unistd.h")],
    ids=["x86_64", "aarch64"],
)
def test_the_numbers_are_those_of_linux(column: int, header: str) -> None:
    if not Path(header).exists():
        pytest.skip("The kernel's headers are not installed.")
    defined = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", Path(header).read_text())
    numbers = {"newfstatat": "79" if column == 2 else "262", **dict(defined)}
    lists = (system_calls.ALLOWED, system_calls.WITHOUT_EFFECT, system_calls.UNSUPPORTED)
    named = " ".join((*lists, *(name for name, _ in system_calls.conditions())))
    for entry in named.split():
        parts = entry.split(":")
        assert parts[column] == numbers.get(parts[0], "-") or (column == 2 and parts[column] == "-"), entry


def test_a_box_that_cannot_be_closed_ends_before_the_program_begins(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print('ran')")
    settings = {
        "program": str(tmp_path / "main.py"), "arguments": [], "channel": 3, "folder": str(tmp_path / "absent"),
        "readable": [], "writable": [], "devices": [], "limits": {}, "filter": (), "user": None,
        "parent": None,
    }  # fmt: skip
    ours, theirs = socket.socketpair()
    with ours, theirs:
        settings["channel"] = theirs.fileno()
        command = [sys.executable, "-I", "-S", guard.__file__, marshal.dumps(settings).hex()]
        result = subprocess.run(
            command, pass_fds=(theirs.fileno(),), capture_output=True, text=True, check=False, timeout=60
        )
    assert (result.returncode, result.stdout) == (guard.REFUSED, "")
    assert result.stderr.startswith("The box cannot be closed: ")


async def nobody(channel: socket.socket) -> None:
    """Talks to no program."""


async def test_without_a_tier_nothing_runs() -> None:
    sandbox = LocalSandbox(tiers=())
    assert (await sandbox.standing()).tier == "none"
    with pytest.raises(SandboxError, match="nothing would hold it") as refused:
        await sandbox.run(BoxedProgram({"main.py": b"print(1)"}, "main.py"), b"", RunLimits(), nobody)
    assert "Landlock" in refused.value.way_out


def an_end(tier: Tier, told: bytes) -> BoxEnd:
    return BoxEnd(tier, 0, told, b"", False, 0.1, 0.1, 10, None)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (b'{"reached": ["fork"], "broken": []}', "Tier full: a program in it can fork."),
        (b'{"reached": [], "broken": ["start threads"]}', "Tier full: a program in it cannot start threads."),
        (b"", "Tier full: it ended with exit code 0."),
    ],
)
async def test_a_tier_that_the_canary_gets_out_of_or_cannot_live_in_is_not_taken(
    told: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolver_tui.adapters.sandbox.tiers.find_bubblewrap", lambda: "bwrap")

    async def run(tier: Tier, program: BoxedProgram, stdin: bytes, limits: RunLimits, serve: Serve) -> BoxEnd:
        return an_end(tier, told if tier == "full" else b'{"reached": [], "broken": []}')

    standing = await find_standing(("full", "guard"), run)
    assert (standing.tier, standing.reason) == ("guard", reason)
    assert standing.way_out


async def test_what_the_canary_did_outside_counts_whatever_it_says(tmp_path: Path) -> None:
    async def run(tier: Tier, program: BoxedProgram, stdin: bytes, limits: RunLimits, serve: Serve) -> BoxEnd:
        outside = json.loads(program.arguments[0])
        socket.create_connection(("127.0.0.1", outside["tcp"])).close()
        return an_end(tier, b'{"reached": [], "broken": []}')

    standing = await find_standing(("guard",), run)
    assert (standing.tier, standing.reason) == ("none", "Tier guard: a program in it can reach the network.")


def test_a_folder_is_removed_however_deep_and_closed_it_is(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    folder = make_folder({"nodes/a/main.py": b""})
    os.symlink(tmp_path, folder / "scratch" / "link")
    (folder / "scratch" / "closed" / "inner").mkdir(parents=True)
    (folder / "scratch" / "closed").chmod(0)
    place = os.open(folder / "scratch", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    remove_folder(folder)
    assert not folder.exists()
    assert (tmp_path / "kept").exists()


async def test_of_a_run_that_is_cancelled_at_its_start_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = LocalSandbox()
    if (await sandbox.standing()).tier == "none":
        pytest.skip("This machine has no box.")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run = asyncio.create_task(sandbox.run(BoxedProgram({"main.py": b""}, "main.py"), b"", RunLimits(), nobody))
    await asyncio.sleep(0)  # so far that its folder is being made
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert os.listdir(tmp_path) == []
