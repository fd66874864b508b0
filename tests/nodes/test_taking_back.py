"""An approval is taken back out of the library: byte for byte, once, wherever the process dies; nodes are removed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.errors import ApprovalWithdrawn, NodeError, NodeReplaced
from evolver_tui.core.node import NodeVersion
from evolver_tui.core.node_use import UsedBy
from tests.support.saving_process import NODE, approved, code_of, runs_of, save

ROOT = Path(__file__).parents[2]


@pytest.fixture
def library(tmp_path: Path) -> NodeFiles:
    return NodeFiles(tmp_path / "nodes", lambda: 1_795_000_000.0)


def digest(folder: Path) -> dict[str, str]:
    """Every file below a folder, and each folder, with what it holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def with_edit(library: NodeFiles) -> None:
    save(library, 1, runs=runs_of(1), approval_id="first")
    (library.root / NODE / "main.py").write_text("print('by hand')\n")


def with_other_examples(library: NodeFiles) -> None:
    save(library, 1, runs=runs_of(3), approval_id="first")
    (library.root / NODE / "examples" / "50-mine.json").write_text('{"input": {}, "output": {}}')


def by_hand_alone(library: NodeFiles) -> None:
    (library.root / NODE).mkdir(parents=True)
    (library.root / NODE / "main.py").write_text("print('nobody approved this')\n")


BEFORE: dict[str, Callable[[NodeFiles], object]] = {
    "a version with examples": lambda library: save(library, 1, runs=runs_of(1), approval_id="first"),
    "a version without": lambda library: save(library, 1),
    "changed by hand": with_edit,
    "a person's example": with_other_examples,
    "made by hand alone": by_hand_alone,
    "nothing": lambda library: None,
}


@pytest.mark.parametrize("before", BEFORE)
def test_the_folder_is_byte_for_byte_what_it_was_before_the_approval(library: NodeFiles, before: str) -> None:
    BEFORE[before](library)
    save(library, 7, node_id="neighbour")
    was = digest(library.root / NODE)
    rows = library.index()
    saved = save(library, 2, runs=runs_of(2), approval_id="second")
    assert digest(library.root / NODE) != was
    assert library.withdraw(NODE, approved(2, "second"), "ada") == saved.node_version
    assert digest(library.root / NODE) == was
    assert library.index() == rows
    assert library.withdraw(NODE, approved(2, "second"), "ada") is None
    assert digest(library.root / NODE) == was


@pytest.mark.parametrize("maker", ["", "somebody else's"])
def test_what_lay_there_before_an_approval_of_the_same_bytes_stays(library: NodeFiles, maker: str) -> None:
    """A library that came with a repository, or that another database works with as well."""
    save(library, 1, approval_id=maker)
    was = digest(library.root / NODE)
    assert save(library, 1, approval_id="mine").version == 1
    assert library.withdraw(NODE, approved(1, "mine"), "ada") is None
    assert digest(library.root / NODE) == was
    assert library.latest(NODE) is not None


def test_an_approval_that_was_taken_back_is_not_saved_by_whoever_was_slow(library: NodeFiles) -> None:
    save(library, 1)
    was = digest(library.root / NODE)
    assert library.withdraw(NODE, approved(2, "second"), "ada") is None
    with pytest.raises(ApprovalWithdrawn, match="taken back"):
        save(library, 2, approval_id="second")
    assert digest(library.root / NODE) == was
    assert save(library, 2, approval_id="third").version == 2


def test_what_was_approved_again_is_not_taken_out_for_the_first_approval(library: NodeFiles) -> None:
    save(library, 1, approval_id="first")
    again = save(library, 1, approval_id="again")  # the first one was taken back in the database, and not here yet
    assert again.version == 1
    assert library.withdraw(NODE, approved(1, "first"), "ada") is None
    assert library.code(NODE) == code_of(1)
    assert library.withdraw(NODE, approved(1, "again"), "ada") == NodeVersion(NODE, 1)
    assert library.latest(NODE) is None


def test_what_another_version_replaced_stays_and_the_way_out_is_said(library: NodeFiles) -> None:
    save(library, 1, approval_id="first")
    save(library, 2, approval_id="second")
    was = digest(library.root / NODE)
    with pytest.raises(NodeReplaced, match=f"{NODE} v2 took the place of {NODE} v1 since"):
        library.withdraw(NODE, approved(1, "first"), "ada")
    assert digest(library.root / NODE) == was
    library.rollback(NODE, 1, "ada")
    with pytest.raises(NodeReplaced, match="v3 took the place"):
        library.withdraw(NODE, approved(1, "first"), "ada")


def test_what_was_changed_by_hand_after_the_approval_is_kept(library: NodeFiles) -> None:
    save(library, 1, approval_id="first")
    save(library, 2, approval_id="second")
    (library.root / NODE / "main.py").write_text("print('mine')\n")
    library.withdraw(NODE, approved(2, "second"), "ada")
    assert library.code(NODE) == code_of(1)
    (copy,) = library.kept(NODE)
    assert Path(copy.path).read_text() == "print('mine')\n"


@pytest.mark.parametrize("before", ["changed by hand", "made by hand alone", "nothing"])
def test_a_process_killed_anywhere_in_taking_back_leaves_what_another_attempt_finishes(
    library: NodeFiles, before: str
) -> None:
    BEFORE[before](library)
    was = digest(library.root / NODE)
    save(library, 2, runs=runs_of(2), approval_id="second")
    command = [sys.executable, "-m", "tests.support.saving_process", "withdraw", str(library.root), "2"]
    killed = int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert killed > 10
    for point in range(1, killed + 1):
        copy = NodeFiles(library.root.with_name(f"{library.root.name}-{point}"), lambda: 0.0)
        copy.withdraw(NODE, approved(2, "second"), "ada")
        assert digest(copy.root / NODE) == was, point
        with pytest.raises(ApprovalWithdrawn):
            save(copy, 2, approval_id="second")
        assert not (copy.root / ".saving").exists()
        shutil.rmtree(copy.root)


def test_a_removed_node_comes_back_as_it_was_until_it_is_purged(library: NodeFiles) -> None:
    save(library, 1, runs=runs_of(1))
    save(library, 2)
    was = digest(library.root / NODE)
    assert library.remove(NODE, "ada").version == 2
    assert library.latest(NODE) is None
    assert not library.index()
    with pytest.raises(NodeError, match="no node named"):
        library.remove(NODE, "ada")
    (kept,) = library.removed()
    assert (kept.node_id, kept.version, kept.by, kept.is_whole) == (NODE, 2, "ada", True)
    assert library.bring_back(NODE).version == 2
    assert digest(library.root / NODE) == was
    assert library.removed() == ()
    library.remove(NODE, "ada")
    save(library, 3)
    with pytest.raises(NodeError, match="There is a node named"):
        library.bring_back(NODE)
    library.remove(NODE, "bob")
    assert library.bring_back(NODE).version == 1, "the latest one: version 1 of the node that was made since"
    assert library.purge(NODE) == 1
    assert library.purge() == 0
    library.remove(NODE, "bob")
    assert library.purge() == 1
    with pytest.raises(NodeError, match="No node named"):
        library.bring_back(NODE)


def test_an_approval_knows_the_runs_of_its_own_version_alone(library: NodeFiles) -> None:
    first = save(library, 1, approval_id="first")
    library.uses.note(first, UsedBy.CHAT)
    library.uses.note(first, UsedBy.COMMAND)
    second = save(library, 2, approval_id="second")
    standing = library.standing_of(NODE, approved(2, "second"))
    assert standing is not None
    assert (standing.made, standing.current, standing.use.runs) == (second.node_version, second.node_version, 0)
    library.uses.note(second, UsedBy.COMMAND)
    standing = library.standing_of(NODE, approved(2, "second"))
    assert standing is not None
    assert standing.use.runs == 1
    assert standing.use.last == library._now()
    (library.root / ".uses").unlink()
    (library.root / ".uses").mkdir()
    with pytest.raises(NodeError, match="cannot be read"):
        library.standing_of(NODE, approved(2, "second"))
