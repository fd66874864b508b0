"""What leaves the library, and where it stays until somebody purges it.

    <root>/.removed/<id>.<n>/removed.json    what it was, who took it out, and when
    <root>/.removed/<id>.<n>/node/           a whole node's folder, or
    <root>/.removed/<id>.<n>/version/        one version's, of a node that has others
    <root>/.withdrawn                        the approvals that were taken back, one a line
    <root>/.relied                           who made a version, and a later approval that found it there, a line each

Taking an approval back lets a node's folder be what it was before its save, byte for byte. The rename into .removed is
the moment at which it counts; a process that dies before it leaves the version where it was, with copies that the next
write mends. An approval that stands in .withdrawn is not saved any more, by however slow a worker; both hold the lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from evolver_tui.adapters.nodes import example_files, node_index
from evolver_tui.adapters.nodes.faults import SAVING
from evolver_tui.adapters.nodes.folder import LARGEST_FILE, NodeFolder, to_json
from evolver_tui.adapters.nodes.placing import VERSIONS, displaced_by, keep, lying_there
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.errors import NodeError, NodeReplaced
from evolver_tui.core.json_text import strict_json
from evolver_tui.core.node import NodeRecord
from evolver_tui.engine.author.library import Approved, RemovedNode

_REMOVED: Final = ".removed"
_WITHDRAWN: Final = ".withdrawn"
_RELIED: Final = ".relied"
_WHOLE: Final = "node"
_LARGEST: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Removal:
    """Who takes something out, and when, as ISO 8601."""

    by: str
    at: str
    approval: str = ""


# --- approvals that were taken back


def withdrawn(root: SafeFolder) -> frozenset[str]:
    """The approvals that were taken back here."""
    try:
        return frozenset(root.read(_WITHDRAWN, _LARGEST).decode("ascii", "replace").split())
    except FileNotFoundError:
        return frozenset()


def mark_withdrawn(root: SafeFolder, approval: str) -> None:
    """From now on nothing is saved for this approval. A torn line before it is ended by the line break."""
    if approval:
        root.append(_WITHDRAWN, f"\n{approval}".encode("ascii", "replace"))


def note_reliance(root: SafeFolder, maker: str, later: str) -> None:
    """A later approval of the same bytes for the same task found the version there that another one had made."""
    if maker and later and later not in _relying(root, maker):
        root.append(_RELIED, f"\n{maker} {later}".encode("ascii", "replace"))


def _relying(root: SafeFolder, maker: str) -> frozenset[str]:
    """The approvals that found an approval's version there."""
    try:
        lines = root.read(_RELIED, _LARGEST).decode("ascii", "replace").splitlines()
    except FileNotFoundError:
        return frozenset()
    pairs = (line.split() for line in lines)
    return frozenset(pair[1] for pair in pairs if len(pair) == 2 and pair[0] == maker)


def made_by(root: SafeFolder, node: NodeFolder, approved: Approved, taken_back: frozenset[str]) -> NodeRecord | None:
    """The version that goes with an approval; None where it made none, that is gone, or somebody else relies on it.

    A version goes with the approval that made it, and once that was taken back with the last one that found it there.
    One that lay there before all of them stays.
    """
    for record in reversed(node.versions()):
        is_same = (record.sha256, record.task_id) == (approved.sha256, approved.task_id)
        if is_same and record.approval and "rollback_to" not in record.lineage:
            relying = _relying(root, record.approval) | {record.approval}
            if approved.id in relying and relying - taken_back == {approved.id}:
                return record
    return None


def withdraw(root: SafeFolder, node: NodeFolder | None, approved: Approved, removal: Removal) -> NodeRecord | None:
    """Take out what an approval made; None where there is nothing. It is never saved again.

    Raises:
        NodeReplaced: another version took its place since; nothing was changed.
    """
    taken_back = withdrawn(root)
    record = None
    if approved.id not in taken_back:
        record = made_by(root, node, approved, taken_back) if node is not None else None
        if node is not None and record is not None:
            current = node.current()
            if current is None or current.version != record.version:
                raise NodeReplaced(
                    f"{current.node_version if current else 'Another version'} took the place of"
                    f" {record.node_version} since.",
                    f"Take that back first, or write `evolver-tui nodes rollback {record.node_id} VERSION`.",
                )
            _take_out(root, node, record, removal)
        if node is not None and root.has(node.node_id):
            _drop_empty_versions(node)
        mark_withdrawn(root, approved.id)
    return record


def _take_out(root: SafeFolder, node: NodeFolder, record: NodeRecord, removal: Removal) -> None:
    """Let the folder be what it was before this version, its newest one, was saved."""
    node_index.note(root, record.node_id)
    displaced = displaced_by(node, record.version)
    earlier = [number for number in node.numbers() if number != record.version]
    if not earlier and not displaced:
        _set_out(root, record, removal, _WHOLE)
        return
    with root.folder(SAVING, create=True) as saving:
        _put_back(saving, node, record, earlier[-1] if earlier else 0, displaced)
        with node.folder.folder(VERSIONS) as versions:
            if displaced and versions.has(displaced):
                versions.remove_tree(displaced)
                versions.sync()
        _set_out(root, record, removal, "version", node)


def _drop_empty_versions(node: NodeFolder) -> None:
    """A folder that had no versions/ has none again."""
    if node.folder.has(VERSIONS):
        with node.folder.folder(VERSIONS) as versions:
            is_empty = not versions.names()
        if is_empty:
            node.folder.remove_tree(VERSIONS)
            node.folder.sync()


def _put_back(saving: SafeFolder, node: NodeFolder, going: NodeRecord, before: int, displaced: str) -> None:
    """Let the copies be those of the version before (0: there was none), or what was changed by hand then.

    What was changed by hand since is kept.
    """
    beside = node.code_beside()
    is_back = beside is not None and displaced.endswith(f"-edited-{hashlib.sha256(beside).hexdigest()[:8]}")
    if not is_back:
        keep(saving, node, lying_there(node, going.sha256))
    code = beside if is_back else None
    if code is None:
        code = _file_in_versions(node, displaced, "main.py") if "-edited-" in displaced else None
    if code is None and before:
        code = _file_in_versions(node, str(before), "main.py")
    if code is not None:
        saving.write("main.py", code)
        saving.move("main.py", node.folder, "main.py")
    record_file = _file_in_versions(node, str(before), "node.json") if before else None
    if record_file is not None:
        saving.write("node.json", record_file)
        saving.move("node.json", node.folder, "node.json")
    elif "-edited-" in displaced:
        node.folder.remove("node.json")
    examples = example_files.of_version(node, before) if before else {}
    example_files.write(saving, examples)
    example_files.place(saving, node, examples)
    example_files.drop_if_empty(node)
    node.folder.sync()


def _file_in_versions(node: NodeFolder, version: str, name: str) -> bytes | None:
    """A file that versions/ keeps; None where it has no such folder."""
    if not node.folder.has(VERSIONS):
        return None
    with node.folder.folder(VERSIONS) as versions:
        if not versions.has(version):
            return None
        with versions.folder(version) as folder:
            return folder.read(name, LARGEST_FILE)


# --- what was taken out


def remove(root: SafeFolder, record: NodeRecord, removal: Removal) -> None:
    """Take a whole node out, with all its versions."""
    node_index.note(root, record.node_id)
    _set_out(root, record, removal, _WHOLE)


def _set_out(root: SafeFolder, record: NodeRecord, removal: Removal, what: str, node: NodeFolder | None = None) -> None:
    """Move a node, or a version of `node`, out of the library by one rename."""
    with root.folder(_REMOVED, create=True) as removed:
        number = max([0, *(number for _, number, _ in _names(removed, record.node_id))]) + 1
        with removed.folder(f"{record.node_id}.{number}", create=True) as place:
            told = {"version": record.version, "by": removal.by, "at": removal.at, "approval": removal.approval}
            place.write("removed.json", to_json({"node_id": record.node_id, **told}))
            place.sync()
            removed.sync()
            if node is None:
                root.move(record.node_id, place, what)
            else:
                with node.folder.folder(VERSIONS) as versions:
                    versions.move(str(record.version), place, what)
                    versions.sync()
            place.sync()
    root.sync()


def bring_back(root: SafeFolder, node_id: str) -> NodeRecord:
    """Put the node that was taken out last back as it was. Raises NodeError."""
    if root.has(node_id):
        raise NodeError(
            f"There is a node named {node_id} in the library.", "Remove that first, or leave the other where it is."
        )
    if root.has(_REMOVED):
        with root.folder(_REMOVED) as removed:
            for name, _, _ in reversed([*_names(removed, node_id)]):
                with removed.folder(name) as place:
                    if not place.has(_WHOLE):
                        continue
                    with place.folder(_WHOLE) as folder:
                        record = NodeFolder(node_id, folder).current()
                    if record is None:
                        continue
                    node_index.note(root, node_id)
                    place.move(_WHOLE, root, node_id)
                    root.sync()
                removed.remove_tree(name)
                return record
    raise NodeError(f"No node named {node_id} was removed.", "See `evolver-tui nodes list --removed`.")


def listed(root: SafeFolder) -> Iterator[RemovedNode]:
    """Everything that was taken out, by name, what was taken out last coming last."""
    if not root.has(_REMOVED):
        return
    with root.folder(_REMOVED) as removed:
        for name, _, node_id in _names(removed):
            with suppress(OSError, ValueError, RecursionError, AttributeError), removed.folder(name) as place:
                told = strict_json(place.read("removed.json", LARGEST_FILE))
                is_whole = place.has(_WHOLE)
                if is_whole or place.has("version"):
                    version = int(told.get("version", 0))
                    yield RemovedNode(node_id, version, str(told.get("by", "")), str(told.get("at", "")), is_whole)


def purge(root: SafeFolder, node_id: str) -> int:
    """Delete for good what was taken out of a node, or of all for an empty id; returns how many that were."""
    if not root.has(_REMOVED):
        return 0
    with root.folder(_REMOVED) as removed:
        names = [name for name, _, _ in _names(removed, node_id)]
        for name in names:
            removed.remove_tree(name)
        removed.sync()
    return len(names)


def _names(removed: SafeFolder, node_id: str = "") -> Iterator[tuple[str, int, str]]:
    """Each place, its number and its node's id: of one node, or of all; by id and number."""
    found = []
    for name in removed.names():
        owner, dot, number = name.rpartition(".")
        if dot and number.isdecimal() and len(number) < 10 and removed.is_folder(name) and node_id in ("", owner):
            found.append((owner, int(number), name))
    return ((name, number, owner) for owner, number, name in sorted(found))
