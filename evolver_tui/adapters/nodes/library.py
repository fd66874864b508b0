"""The library of approved nodes, as a folder of plain files.

    <root>/<id>/versions/<n>/main.py, node.json     every approved version; such a folder appears whole, by one rename
    <root>/<id>/main.py, node.json                  copies of the current version, for people and other programs
    <root>/<id>/versions/<n>-edited-<sha8>/main.py  a main.py that was changed by hand when version n was current
    <root>/index.json                               one row a node, for other programs; made of the rest
    <root>/.saving/                                 what a save prepares; while it exists that save is not finished

The version folders are the truth. A process that dies before the rename leaves the old version, one that dies after it
leaves the other; the copies beside may then still be the old ones, which a reader sees by their digest and the next
write mends. A main.py whose digest belongs to no version was changed by hand: it is not run, and its bytes are kept in
versions/ before anything takes its place.
"""

from __future__ import annotations

import difflib
import errno
import fcntl
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evolver_tui.adapters.nodes.folder import LARGEST_FILE, NodeFolder, to_bytes, to_json, to_text
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.errors import NodeChanged, NodeError, NodeReplaced
from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord, NodeVersion, check_node_id
from evolver_tui.core.times import utc_text
from evolver_tui.engine.author.library import Approval

_LARGEST_INDEX = 1 << 26
_REMEMBERED = 100
"""Newest versions that are searched for a save that was done already: a repeat follows soon after."""
_SAVING = ".saving"
_ROW_KEYS = {"node_id", "version", "title", "task_type", "tags", "sha256", "updated_at"}

_WAYS_OUT = {
    errno.ENOSPC: "Make room on that disk, then retry.",
    errno.EDQUOT: "Make room on that disk, then retry.",
    errno.EFBIG: "Files may not grow here: lift that limit, then retry.",
    errno.EACCES: "Choose another folder with --nodes, or allow writing to it.",
    errno.EPERM: "Choose another folder with --nodes, or allow writing to it.",
    errno.EROFS: "Choose another folder with --nodes.",
    errno.ENOTDIR: "A link or a file lies where a folder belongs: remove it.",
    errno.ELOOP: "A link lies where a file belongs: remove it.",
    errno.EEXIST: "A file lies where a folder belongs: remove it, or choose another folder with --nodes.",
}


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything in a library: the current records by id, and a sentence for each folder that cannot be read."""

    records: tuple[NodeRecord, ...]
    problems: tuple[str, ...]


class NodeFiles:
    """Implements the engine's `Library`. Several processes may use one folder: whoever writes holds a file lock.

    Every method raises NodeError for an invalid id and for a folder that cannot be used.
    """

    def __init__(self, root: Path, now: Callable[[], float]) -> None:
        """`root` is made by the first save; `now` gives seconds since 1970."""
        self.root = root
        self._now = now

    @property
    def place(self) -> str:
        """Host and folder: what tells this library from others."""
        return f"{platform.node()}:{self.root.absolute()}"

    # --- reading -----------------------------------------------------------------------------------------------------

    def latest(self, node_id: str) -> NodeRecord | None:
        """The current version's record, or None where there is no such node."""
        with self._reading(node_id) as node:
            return node.current() if node else None

    def read(self, node_id: str, version: int | None = None) -> tuple[NodeRecord, str]:
        """A version's record and code (default: the current one), the code having the record's digest.

        Raises:
            NodeError: there is no such node or version.
            NodeChanged: the bytes on disk are not the approved ones.
        """
        with self._reading(node_id) as node:
            record = node.current() if node else None
            if node is None or record is None:
                raise _unknown(node_id)
            if version is not None:
                return node.stored(version)
            beside = node.code_beside()
            if beside is not None and hashlib.sha256(beside).hexdigest() == record.sha256:
                return record, to_text(beside)
            if beside is not None and not node.is_approved(beside):
                raise NodeChanged(
                    f"{node_id}/main.py was changed after version {record.version} was approved.",
                    f"Import it as a version, or restore it: evolver-tui nodes rollback {node_id} {record.version}.",
                )
            return node.stored(record.version)

    def code(self, node_id: str, version: int | None = None) -> str:
        """A version's code (default: the current one). Raises NodeError, NodeChanged."""
        return self.read(node_id, version)[1]

    def verify(self, node_id: str) -> NodeRecord:
        """The current record, if main.py still has approved bytes. Raises NodeError, NodeChanged."""
        return self.read(node_id)[0]

    def versions(self, node_id: str) -> Sequence[NodeRecord]:
        """Every approved version that can be read, oldest first; empty where there is no such node."""
        with self._reading(node_id) as node:
            return tuple(node.versions()) if node else ()

    def list(self) -> Sequence[NodeRecord]:
        """Every node's current record, by id. What cannot be read is left out; `survey` tells of it."""
        return self.survey().records

    def survey(self) -> Survey:
        """Every node's current record, and what cannot be read."""
        with self._speaking_plainly("read"):
            try:
                root = SafeFolder.open(self.root)
            except FileNotFoundError:
                return Survey((), ())
            with root:
                return _survey(root)

    def diff(self, node_id: str, old: int | None = None, new: int | None = None) -> str:
        """A unified diff between two versions (default: the one before the current one, and the current one)."""
        with self._reading(node_id) as node:
            current = node.current() if node else None
            if node is None or current is None:
                raise _unknown(node_id)
            after = current.version if new is None else new
            before = after - 1 if old is None else old
            old_code = node.stored(before)[1] if before > 0 else ""
            new_code = node.stored(after)[1]
        lines = difflib.unified_diff(
            old_code.splitlines(), new_code.splitlines(), str(NodeVersion(node_id, before)), str(NodeVersion(node_id, after)), lineterm=""
        )
        return "".join(f"{line}\n" for line in lines)

    def index(self) -> Sequence[Mapping[str, Any]]:
        """The rows of index.json, which is made again where it is missing or torn."""
        with self._speaking_plainly("read"):
            try:
                with SafeFolder.open(self.root) as root:
                    rows = _read_index(root)
            except FileNotFoundError:
                return ()
        if rows is not None:
            return rows
        with self._writing() as root:
            return _write_index(root, _rows(_survey(root).records))

    # --- writing -----------------------------------------------------------------------------------------------------

    def save(self, draft: NodeDraft, report: CheckReport, approval: Approval) -> NodeRecord:
        """Put a version that came of a hub's task into the library; see `add`."""
        return self.add(draft, report, approval, ("signalr", "generated", approval.task_type or "unknown"))

    def add(self, draft: NodeDraft, report: CheckReport, approval: Approval, tags: Sequence[str]) -> NodeRecord:
        """Put a version into the library atomically, tagged `tags` and the approval's.

        Saving the same bytes for the same task again changes nothing and returns the record of the first time.

        Raises:
            NodeReplaced: another version than the approved one would be replaced; nothing was changed.
            NodeError: the id is invalid or the folder cannot be written; nothing was changed.
        """
        check_node_id(draft.node_id)
        code = to_bytes(draft.code)
        if len(code) > LARGEST_FILE:
            raise NodeError(f"{draft.node_id} is larger than {LARGEST_FILE:,} bytes.", "Ask for a smaller node.")
        with self._writing() as root, _existing(root, draft.node_id) as node:
            for known in reversed(node.versions(_REMEMBERED) if node else []):
                if known.sha256 == draft.sha256 and known.task_id == approval.task_id:
                    return known
            parent = node.current() if node else None
            if approval.replaces not in (None, parent.sha256 if parent else ""):
                raise NodeReplaced(_since_the_approval(draft.node_id, parent), "Review the draft again.")
            record = NodeRecord(
                node_id=draft.node_id,
                title=draft.title,
                version=node.next_version() if node else 1,
                sha256=draft.sha256,
                tags=tuple(dict.fromkeys((*tags, *approval.tags))),
                task_type=approval.task_type,
                tools=report.tools,
                capabilities=report.capabilities,
                risk=report.risk,
                author=draft.author,
                decided_by=approval.decided_by,
                decided_at=approval.decided_at,
                task_id=approval.task_id,
                lineage={"parent": parent.version if parent else None, "derived_from": []},
            )
            _put(root, node, record, code)
            return record

    def rollback(self, node_id: str, version: int, decided_by: str) -> NodeRecord:
        """Make an old version's bytes current again, as a further version; for the current one, restore main.py.

        Raises:
            NodeError: there is no such version, or the folder cannot be written.
            NodeChanged: that version's own bytes were changed.
        """
        check_node_id(node_id)
        with self._writing() as root, _existing(root, node_id) as node:
            current = node.current() if node else None
            if node is None or current is None:
                raise _unknown(node_id)
            old, code = node.stored(version)
            if version == current.version:
                _renew_copies(root, node, current)
                return current
            record = replace(
                old,
                version=node.next_version(),
                decided_by=decided_by,
                decided_at=utc_text(self._now()),
                lineage={**old.lineage, "parent": current.version, "rollback_to": version},
            )
            _put(root, node, record, to_bytes(code))
            return record

    # --- inside ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _speaking_plainly(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            way_out = _WAYS_OUT.get(error.errno or 0, "See what is wrong with that folder, then retry.")
            reason = error.strerror or str(error)
            raise NodeError(f"The node library {self.root} cannot be {verb}: {reason}.", way_out) from None

    @contextmanager
    def _reading(self, node_id: str) -> Iterator[NodeFolder | None]:
        """The node's folder, or None where there is none."""
        check_node_id(node_id)
        with self._speaking_plainly("read"):
            try:
                with SafeFolder.open(self.root) as root:
                    folder = root.folder(node_id)
            except FileNotFoundError:
                yield None
                return
            with NodeFolder(node_id, folder) as node:
                yield node

    @contextmanager
    def _writing(self) -> Iterator[SafeFolder]:
        """The root under the writers' lock, with everything mended that an interrupted save left."""
        with self._speaking_plainly("written"), SafeFolder.open(self.root, create=True) as root:
            lock = root.lock_file(".lock")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                _recover(root)
                try:
                    yield root
                except OSError:
                    with suppress(OSError):
                        _recover(root)
                    raise
                if root.has(_SAVING):
                    root.remove_tree(_SAVING)
            finally:
                os.close(lock)


def _since_the_approval(node_id: str, current: NodeRecord | None) -> str:
    if current is None:
        return f"{node_id} has left the library since the approval."
    return f"{current.node_version}, made for task {current.task_id!a}, came into the library since the approval."


def _unknown(node_id: str) -> NodeError:
    return NodeError(f"There is no node named {node_id}.", "See `evolver-tui nodes list`.")


@contextmanager
def _existing(root: SafeFolder, node_id: str) -> Iterator[NodeFolder | None]:
    """The node's folder for a write, or None where there is none yet."""
    for name in root.names():
        # On a file system that ignores case such a neighbour would be the very same folder.
        if name != node_id and name.casefold() == node_id:
            raise NodeError(f"{name!a} lies in the library beside {node_id}.", "Rename one of them.")
    if not root.has(node_id):
        yield None
        return
    with NodeFolder(node_id, root.folder(node_id)) as node:
        yield node


def _put(root: SafeFolder, node: NodeFolder | None, record: NodeRecord, code: bytes) -> None:
    """Commit one version: everything is written and synced in .saving first, then only renamed."""
    with root.folder(_SAVING, create=True) as saving:
        _write_version(saving, "version", code, record)
        _write_pair(saving, code, record)
        saving.write("index.json", to_json({"nodes": _rows_with(root, record)}))
        if node is None:
            with saving.folder("node", create=True) as folder:
                _move_in(saving, folder, record)
            saving.move("node", root, record.node_id)
        else:
            _keep_what_lies_there(saving, node, record)
            _move_in(saving, node.folder, record)
        saving.move("index.json", root, "index.json")
        root.sync()


def _move_in(saving: SafeFolder, folder: SafeFolder, record: NodeRecord) -> None:
    with folder.folder("versions", create=True) as versions:
        saving.move("version", versions, str(record.version))
        versions.sync()
    saving.move("main.py", folder, "main.py")
    saving.move("node.json", folder, "node.json")
    folder.sync()


def _keep_what_lies_there(saving: SafeFolder, node: NodeFolder, coming: NodeRecord) -> None:
    """Before `coming` replaces the copies: keep bytes that versions/ will not have."""
    content = node.code_beside()
    digest = hashlib.sha256(content or b"").hexdigest()
    current = node.current()
    if current is not None and not node.has_version_folder(current.version) and node.copies_are(current):
        _write_version(saving, "kept", content or b"", current)
        name = str(current.version)
    elif content is None or digest in (current and current.sha256, coming.sha256) or node.is_approved(content):
        return
    else:
        with saving.folder("kept", create=True) as kept:
            kept.write("main.py", content)
        name = f"{current.version if current else 0}-edited-{digest[:8]}"
    with node.folder.folder("versions", create=True) as versions:
        if versions.has(name):
            saving.remove_tree("kept")
        else:
            saving.move("kept", versions, name)
            versions.sync()


def _renew_copies(root: SafeFolder, node: NodeFolder, record: NodeRecord) -> None:
    if node.copies_are(record):
        return
    code = to_bytes(node.stored(record.version)[1])
    with root.folder(_SAVING, create=True) as saving:
        _keep_what_lies_there(saving, node, record)
        _write_pair(saving, code, record)
        saving.move("main.py", node.folder, "main.py")
        saving.move("node.json", node.folder, "node.json")
        node.folder.sync()


def _write_version(saving: SafeFolder, name: str, code: bytes, record: NodeRecord) -> None:
    with saving.folder(name, create=True) as version:
        _write_pair(version, code, record)
        version.sync()


def _write_pair(folder: SafeFolder, code: bytes, record: NodeRecord) -> None:
    folder.write("main.py", code)
    folder.write("node.json", to_json(record.to_json_value()))


def _recover(root: SafeFolder) -> None:
    """Mend what an interrupted save left: copies that lag behind their version, and the index."""
    if not root.has(_SAVING):
        return
    with root.folder(_SAVING) as saving:
        saving.empty()
    records = _survey(root).records
    for record in records:
        with root.folder(record.node_id) as folder:
            node = NodeFolder(record.node_id, folder)
            beside = node.code_beside()
            if beside is None or node.is_approved(beside):
                with suppress(NodeChanged):
                    _renew_copies(root, node, record)
    if _read_index(root) != _rows(records):
        _write_index(root, _rows(records))
    root.remove_tree(_SAVING)


def _survey(root: SafeFolder) -> Survey:
    records: list[NodeRecord] = []
    problems: list[str] = []
    for name in _node_names(root):
        try:
            with root.folder(name) as folder:
                record = NodeFolder(name, folder).current()
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror or error}.")
        except NodeError as error:
            problems.append(str(error))
        else:
            if record is not None:
                records.append(record)
    return Survey(tuple(records), tuple(problems))


def _node_names(root: SafeFolder) -> Iterator[str]:
    """What may be a node: the right kind of name, and no plain file. A link is none, and told when it is read."""
    for name in root.names():
        with suppress(NodeError):
            check_node_id(name)
            if not root.is_file(name):
                yield name


def _rows(records: Sequence[NodeRecord]) -> list[dict[str, Any]]:
    return [
        {
            "node_id": record.node_id,
            "version": record.version,
            "title": record.title,
            "task_type": record.task_type,
            "tags": [*record.tags],
            "sha256": record.sha256,
            "updated_at": record.decided_at,
        }
        for record in records
    ]


def _rows_with(root: SafeFolder, record: NodeRecord) -> list[dict[str, Any]]:
    """The index's rows once `record` is in; folders are read again only where index and folders disagree."""
    rows = _read_index(root)
    if rows is None or {row["node_id"] for row in rows} - {record.node_id} != {*_node_names(root)} - {record.node_id}:
        rows = _rows(_survey(root).records)
    others = [row for row in rows if row["node_id"] != record.node_id]
    return sorted([*others, *_rows([record])], key=lambda row: str(row["node_id"]))


def _read_index(root: SafeFolder) -> list[dict[str, Any]] | None:
    """The index's rows, or None where it is missing or torn."""
    try:
        rows = json.loads(root.read("index.json", _LARGEST_INDEX))["nodes"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    intact = isinstance(rows, list) and all(
        isinstance(row, dict) and row.keys() == _ROW_KEYS and isinstance(row["node_id"], str) for row in rows
    )
    return rows if intact else None


def _write_index(root: SafeFolder, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with root.folder(_SAVING, create=True) as saving:
        saving.write("index.json", to_json({"nodes": rows}))
        saving.move("index.json", root, "index.json")
        root.sync()
    return rows
