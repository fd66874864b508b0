"""All hostile nodes in boxes: none reaches its goal, as root or not, while honest ones work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile_nodes import BENIGN, EPILOGUE, HOSTILE, PREAMBLE

ROOT = Path(__file__).parents[2]
A_USER = 54321
"""Whom root becomes for these tests; nobody of that number has to be there."""
_SEES_PYTHON = "import sys, ctypes, sqlite3; sys.exit(sys.version_info < (3, 11))"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with the program in it that every user may read."""
    folder = Path(tempfile.mkdtemp(prefix="evolver-box-test-", dir="/tmp"))
    folder.chmod(0o755)
    no_caches = shutil.ignore_patterns("__pycache__")
    for name in ("evolver_tui", "nodes"):
        shutil.copytree(ROOT / name, folder / name, ignore=no_caches)
    (folder / "tests" / "support").mkdir(parents=True)
    for name in ("hostile_nodes.py", "box_process.py"):
        shutil.copyfile(ROOT / "tests" / "support" / name, folder / "tests" / "support" / name)
    shutil.copyfile(ROOT / "node_runtime.py", folder / "node_runtime.py")
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def python_for(user: int | None) -> str:
    """An interpreter that a user may start: root's own often lies where nobody else gets."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if not subprocess.run([python, "-c", _SEES_PYTHON], user=user, cwd="/", capture_output=True).returncode:
                return python
        except OSError:
            continue
    pytest.skip("There is no Python 3.11 that an ordinary user may start.")


@pytest.mark.parametrize("who", ["root", "ordinary user"])
@pytest.mark.parametrize("tier", ["guard", "full"])
def test_no_hostile_node_reaches_its_goal_and_honest_ones_work(tier: str, who: str, place: Path) -> None:
    is_root = os.geteuid() == 0
    if who == "root" and not is_root:
        pytest.skip("These tests do not run as root.")
    if tier == "full" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed.")
    user = A_USER if is_root and who != "root" else None
    temporary = Path(tempfile.mkdtemp(dir=place))
    if user is not None:
        os.chown(temporary, user, user)
    result = subprocess.run(
        [python_for(user), "-B", str(place / "tests/support/box_process.py"), tier, str(place / "nodes")],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(place),
            "TMPDIR": str(temporary),
            "EVOLVER_TEST_SECRET": "secret",
        },
        user=user, group=user, extra_groups=None if user is None else [], cwd="/", capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    if told["standing"][0] == "none":
        pytest.skip(f"This machine has no tier {tier}: {told['standing'][1]}")
    assert told["reached"] == []
    assert told["failed"] == {}
    assert told["left"] == []
    assert set(told["limits"]) == set(HOSTILE)
    met = {name: limit for name, limit in told["limits"].items() if limit is not None}
    assert {
        "fills the disk": "disk_mb",
        "fills the disk out of sight": "disk_mb",
        "makes many files": "files",
        "makes folders in folders": "files",
        "computes for ever": "cpu_seconds",
        "sleeps for ever": "seconds",
        "answers with a nest": "output_bytes",
        "calls tools for ever": "tool_calls",
    }.items() <= met.items()


def test_there_are_many_of_them() -> None:
    assert len(HOSTILE) >= 40
    assert len(BENIGN) >= 10


REACHED_WITHOUT_A_BOX = (
    "reads a file", "lists a folder", "makes a file", "reads by a symbolic link", "changes a mode", "changes a time",
    "reads a secret of the environment", "reads another's environment", "connects by TCP",
    "connects to a socket of a path", "listens", "forks by raw call", "starts a program", "takes memory by a file",
    "takes memory by a mapped file", "makes a file that is too large", "poisons its own code",
)  # fmt: skip


@pytest.mark.parametrize("name", REACHED_WITHOUT_A_BOX)
def test_without_a_box_such_a_node_does_reach_its_goal(name: str, tmp_path: Path) -> None:
    """So that a failure within a box is the box's doing. Nodes that would harm this machine are left out."""
    import socket

    (tmp_path / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
        unix.listen()
        names = {
            "OUT": str(tmp_path),
            "PID": os.getpid(),
            "TCP": tcp.getsockname()[1],
            "UNIX": str(tmp_path / "socket"),
        }
        body = "\n".join(f"    {line}" for line in HOSTILE[name].splitlines())
        preamble = PREAMBLE + "".join(f"{key} = {value!r}\n" for key, value in names.items())
        (tmp_path / "main.py").write_text(f"{preamble}def goal():\n{body}\n{EPILOGUE}")
        result = subprocess.run(
            [sys.executable, str(tmp_path / "main.py")], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "EVOLVER_TEST_SECRET": "x", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert '{"reached": true}' in result.stdout, result.stderr
