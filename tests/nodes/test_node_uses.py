"""Which nodes ran in earnest: what is noted, what is not, and what others may have written into the file."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from evolver_tui.adapters.nodes import use_file
from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.runner import NodeRunner
from evolver_tui.adapters.nodes.use_file import USES, NodeUseFile
from evolver_tui.core.node import NodeRecord, Risk
from evolver_tui.core.node_use import MOST_RECENT, NodeUse, Use, UsedBy
from evolver_tui.engine.node_runs import Trial
from tests.support.boxes import SANDBOX
from tests.support.saving_process import NODE, code_of, save

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def version(number: int, sha256: str = "0123456789abcdef") -> NodeRecord:
    return NodeRecord(NODE, "", number, sha256, (), "", (), (), Risk.LOW, "", "", "", "")


FIRST = version(1)


def ticking() -> Iterator[float]:
    return map(float, count(1_795_000_000))


@pytest.fixture
def library(tmp_path: Path) -> NodeFiles:
    seconds = ticking()
    return NodeFiles(tmp_path / "nodes", lambda: next(seconds))


def again(library: NodeFiles) -> NodeUseFile:
    """The same file, read from its beginning."""
    return NodeUseFile(library.root, lambda: 0.0)


def runner_of(library: NodeFiles) -> NodeRunner:
    return NodeRunner(library, {}, None, lambda *_: "", SANDBOX, dry_reply=lambda *_: "")


async def test_a_run_in_earnest_counts_from_its_beginning_and_a_try_never(library: NodeFiles) -> None:
    save(library, 1)
    assert library.uses.of(NODE) == NodeUse(NODE)
    runner = runner_of(library)
    await runner.run(NODE, b"{}")
    await runner.run_node(NODE, {})
    await runner.try_out(Trial(NODE, code_of(1), (), "by hand", {}))
    use = library.uses.of(NODE)
    assert (use.count, use.failed) == (2, 0)
    assert [each.by for each in use.recent] == [UsedBy.CHAT, UsedBy.COMMAND]
    assert use.last_at == use.recent[0].at
    assert again(library).of(NODE) == use


async def test_a_failed_run_is_a_use_that_failed(library: NodeFiles) -> None:
    save(library, 1, code="print('no object')\n")
    await runner_of(library).run(NODE, b"{}")
    assert (library.uses.of(NODE).count, library.uses.of(NODE).failed) == (1, 1)


def test_another_version_of_the_same_number_has_uses_of_its_own(library: NodeFiles) -> None:
    library.root.mkdir()
    library.uses.note(FIRST, UsedBy.CHAT)
    library.uses.note(version(1, "f" * 64), UsedBy.CHAT)
    library.uses.note(FIRST, UsedBy.CHAT)
    use = library.uses.of(NODE)
    assert (use.count, use.of_version(1, FIRST.sha256).runs, use.of_version(1, "f" * 64).runs) == (3, 2, 1)
    assert use.of_version(2, FIRST.sha256).runs == 0


def test_the_file_is_folded_when_it_has_grown_and_says_the_same(
    library: NodeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_file, "_SMALL", 4_000)
    library.root.mkdir()
    for number in range(200):
        library.uses.note(version(1 + number % 3), UsedBy.COMMAND)
        if number % 10 == 0:
            library.uses.note_failure(version(1 + number % 3))
    use = library.uses.of(NODE)
    assert (library.root / USES).stat().st_size < 9_000
    assert (use.count, use.failed, len(use.recent)) == (200, 20, MOST_RECENT)
    assert {number: each.runs for (number, _), each in use.by_version.items()} == {1: 67, 2: 67, 3: 66}
    assert again(library).of(NODE) == use
    assert library.list() == ()


def test_what_a_kill_cut_and_what_strangers_wrote_counts_nothing(library: NodeFiles) -> None:
    library.root.mkdir()
    library.uses.note(FIRST, UsedBy.CHAT)
    with (library.root / USES).open("ab") as file:
        file.write(b"\xff\xfe\n[1]\n" + b"[" * 100_000 + b"\n")
        for value in (
            {"node": NODE, "version": 1, "sha": "../..", "by": "chat", "at": "2026"},
            {"node": "../up", "version": 1, "sha": "0123456789ab", "by": "chat", "at": "2026"},
            {"node": NODE, "version": True, "sha": "0123456789ab", "by": "chat", "at": "2026"},
            {"node": NODE, "version": 1, "sha": "0123456789ab", "by": "chat", "at": "\x1b[2J"},
            {"node": NODE, "version": 1, "sha": "0123456789ab", "at": "2026", "count": -5},
            {"node": NODE, "version": 1, "sha": "0123456789ab", "at": "2026", "count": 1e300},
            {"node": NODE, "version": 10**30, "sha": "0123456789ab", "by": "chat", "at": "2026"},
        ):
            file.write(json.dumps(value).encode() + b"\n")
        file.write(b'{"node": "' + NODE.encode())
    library.uses.note(FIRST, UsedBy.NODE)
    assert library.uses.of(NODE).count == 2
    assert again(library).of(NODE).recent == library.uses.of(NODE).recent
    with (library.root / USES).open("ab") as file:
        file.write(
            json.dumps(
                {"node": NODE, "version": 1, "sha": "0123456789ab", "by": ["\x1b]0;x\x07"], "at": "2027"}
            ).encode()
            + b"\n"
        )
    assert library.uses.of(NODE).recent[0] == Use("2027", 1, UsedBy.OTHER, "0123456789ab")


@pytest.mark.parametrize("planted", ["link", "folder", "pipe"])
async def test_where_no_use_can_be_noted_the_node_runs_all_the_same(
    library: NodeFiles, tmp_path: Path, planted: str
) -> None:
    save(library, 1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    place = library.root / USES
    if planted == "link":
        place.symlink_to(elsewhere)
    elif planted == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    assert (await runner_of(library).run(NODE, b"{}")).succeeded
    assert elsewhere.read_text() == "mine"


def test_a_stopped_process_that_holds_the_file_holds_no_run_up_for_long(
    library: NodeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_file, "_LOCK_SECONDS", 0.0)
    library.root.mkdir()
    library.uses.note(FIRST, UsedBy.CHAT)
    with (library.root / USES).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        library.uses.note(FIRST, UsedBy.CHAT)
    assert library.uses.of(NODE).count == 1


def test_processes_at_once_lose_no_use(library: NodeFiles) -> None:
    library.root.mkdir()
    program = (
        "import sys, time; from pathlib import Path\n"
        "from evolver_tui.adapters.nodes import use_file\n"
        "from tests.nodes.test_node_uses import FIRST, UsedBy\n"
        "use_file._SMALL = 2_000; use_file._LOCK_SECONDS = 60.0\n"
        "uses = use_file.NodeUseFile(Path(sys.argv[1]), time.time)\n"
        "for _ in range(100): uses.note(FIRST, UsedBy.COMMAND)\n"
    )
    begun = [subprocess.Popen([sys.executable, "-c", program, str(library.root)], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in begun] == [0, 0, 0]
    assert library.uses.of(NODE).count == 300
