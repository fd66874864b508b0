"""Processes that save a node and are killed, or run out of disk, on the way. Run by test_node_files.

python -m tests.support.saving_process kill ROOT VERSIONS [ID]  copies of a library, one killed at each point of a save
python -m tests.support.saving_process withdraw ROOT VERSION    the same of taking back the approval of a version
python -m tests.support.saving_process full ROOT BYTES          a save where no file may grow beyond BYTES
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.errors import NodeError
from evolver_tui.core.node import NodeDraft, NodeRecord, sha256_of
from evolver_tui.core.node_run import NodeRun
from evolver_tui.engine.author.library import Approval, Approved
from evolver_tui.engine.checks.checks import check_draft
from tests.support.runs import a_run

NODE = "summarize_blog_post"
_EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")


def code_of(version: int) -> str:
    """A node that tells its version."""
    return f"import json, sys\ndata = json.load(sys.stdin)\nprint(json.dumps({{'version': {version}, 'in': data}}))\n"


def runs_of(version: int) -> list[NodeRun]:
    """What that node gave when it was tried: a run fewer with each version."""
    return [a_run(f"sample {number}", {"version": version, "in": {"id": "x"}}) for number in range(1, 5 - version)]


def save(
    library: NodeFiles,
    version: int,
    node_id: str = NODE,
    code: str | None = None,
    runs: Sequence[NodeRun] = (),
    approval_id: str = "",
) -> NodeRecord:
    """Approve a version, for a task of its own."""
    draft = NodeDraft(node_id, "Summarize blog post", code_of(version) if code is None else code, (), "simple", "test")
    at = f"2026-11-20T15:45:0{version % 10}.000Z"
    approval = Approval("ada", at, f"task-{version}", "summarize", id=approval_id)
    return library.save(draft, check_draft(draft.code, ()), approval, runs)


def approved(version: int, approval_id: str = "") -> Approved:
    """The approval of a version."""
    return Approved(approval_id, sha256_of(code_of(version)), f"task-{version}")


def kill_everywhere(root: Path, act: Callable[[NodeFiles], object]) -> int:
    """Act on copies of `root` and kill the n-th at its n-th touch of the disk; returns how many were killed."""
    point = 0
    while True:
        point += 1
        copy = root.with_name(f"{root.name}-{point}")
        shutil.copytree(root, copy)
        child = os.fork()
        if child == 0:
            _die_at(point)
            act(NodeFiles(copy, lambda: 0.0))
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.WIFEXITED(status):
            shutil.rmtree(copy)
            return point - 1 if os.WEXITSTATUS(status) == 0 else -1


def _die_at(point: int) -> None:
    seen = 0

    def hook(event: str, _: object) -> None:
        nonlocal seen
        if event not in _EVENTS:
            return
        seen += 1
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def save_on_a_full_disk(root: Path, most: int) -> None:
    """Save where the system refuses to let files grow; prints what is said."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        save(NodeFiles(root, lambda: 0.0), 2)
    except NodeError as error:
        print(error)


if __name__ == "__main__":
    if sys.argv[1] == "kill":
        versions, node_id = int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else NODE
        print(kill_everywhere(Path(sys.argv[2]), lambda lib: save(lib, versions, node_id, runs=runs_of(versions))))
    elif sys.argv[1] == "withdraw":
        version = int(sys.argv[3])
        print(kill_everywhere(Path(sys.argv[2]), lambda lib: lib.withdraw(NODE, approved(version, "second"), "ada")))
    else:
        save_on_a_full_disk(Path(sys.argv[2]), int(sys.argv[3]))
