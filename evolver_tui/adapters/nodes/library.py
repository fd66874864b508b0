"""The library of approved nodes, as a folder of plain files.

    <root>/<id>/versions/<n>/main.py, node.json     every approved version; such a folder appears whole, by one rename
    <root>/<id>/main.py, node.json                  copies of the current version, for people and other programs
    <root>/<id>/versions/<n>/examples/, <root>/<id>/examples/     what it was seen to do; see `example_files`
    <root>/<id>/versions/<n>-edited-<sha8>/main.py  a main.py that was changed by hand when version n was current
    <root>/<id>/set-aside.json                      nobody runs the node until a person reinstates it
    <root>/index.json, .index-behind                for other programs, and what it lacks; made of the rest
    <root>/.saving/                                 what a save prepares; while it exists that save is not finished

The version folders are the truth. A process that dies before the rename leaves the old version, one that dies after it
leaves the other; the copies beside may then still be the old ones, which a reader sees by their digest and the next
write mends. A main.py whose digest belongs to no version was changed by hand: it is not run, and its bytes are kept in
versions/ before anything takes its place.
"""

from __future__ import annotations

import atexit
import difflib
import hashlib
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from evolver_tui.adapters.nodes import example_files, node_index
from evolver_tui.adapters.nodes.example_files import Files, Scrub
from evolver_tui.adapters.nodes.faults import LOCK, SAVING, speaking_plainly, wait_for_turn
from evolver_tui.adapters.nodes.folder import LARGEST_FILE, NodeFolder, to_bytes, to_json, to_text
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.errors import NodeChanged, NodeError, NodeReplaced
from evolver_tui.core.json_text import strict_json
from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord, NodeVersion, check_node_id
from evolver_tui.core.node_example import KeptExamples
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.times import utc_text
from evolver_tui.engine.author.library import Approval, KeptCopy
from evolver_tui.settings.secrets import scrub_value

_MASKED: Scrub = partial(scrub_value, secrets=())
"""Without what looks like a secret, where nobody says which ones there are."""
_ASIDE = "set-aside.json"
_REMEMBERED = 100
"""Newest versions that are searched for a save that was done already: a repeat follows soon after."""
_REST_SECONDS = 2.0
"""How long the index of a large library may be behind while a program that saved goes on."""
_REST_FACTOR = 50
"""Times what it took: so much of the time at most goes into the index."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything in a library: the current records by id, and a sentence for each folder that cannot be read."""

    records: tuple[NodeRecord, ...]
    problems: tuple[str, ...]


class NodeFiles:
    """Implements the engine's `Library`. Several processes may use one folder: whoever writes holds a file lock.

    Every method raises NodeError for an invalid id and for a folder that cannot be used.
    """

    def __init__(self, root: Path, now: Callable[[], float], scrub: Scrub = _MASKED) -> None:
        """`root` is made by the first save; `now` gives seconds since 1970; `scrub` sees what is kept of runs first."""
        self.root = root
        self._now = now
        self._scrub = scrub
        self._renewal: threading.Timer | None = None
        self._rest_seconds = _REST_SECONDS

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

    def examples(self, node_id: str) -> KeptExamples:
        """What the current version was seen to do, and what a person put beside it for that."""
        with self._reading(node_id) as node:
            current = node.current() if node else None
            return example_files.read_examples(node, current.version) if node and current else KeptExamples(0)

    def edited_sha256(self, node_id: str) -> str:
        """The digest of a main.py that was changed by hand since it was saved; empty where none was."""
        with self._reading(node_id) as node:
            return node.edited_sha256() if node and node.current() else ""

    def set_aside_by(self, node_id: str) -> str:
        """Who set a node aside; empty where it may be run."""
        with self._reading(node_id) as node:
            return _aside_by(node) if node else ""

    def versions(self, node_id: str) -> Sequence[NodeRecord]:
        """Every approved version that can be read, oldest first; empty where there is no such node."""
        with self._reading(node_id) as node:
            return tuple(node.versions()) if node else ()

    def kept(self, node_id: str) -> Sequence[KeptCopy]:
        """Every main.py that was changed by hand before another version took its place, oldest first."""
        with self._reading(node_id) as node:
            found = node.kept() if node else []
        root = self.root.absolute()
        paths = ((version, root / node_id / "versions" / name / "main.py") for version, name in found)
        return tuple(KeptCopy(version, str(path), str(root)) for version, path in paths)

    def list(self) -> Sequence[NodeRecord]:
        """Every node's current record, by id. What cannot be read is left out; `survey` tells of it."""
        return self.survey().records

    def survey(self) -> Survey:
        """Every node's current record, and what cannot be read."""
        with speaking_plainly(self.root, "read"):
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
            old_code.splitlines(),
            new_code.splitlines(),
            str(NodeVersion(node_id, before)),
            str(NodeVersion(node_id, after)),
            lineterm="",
        )
        return "".join(f"{line}\n" for line in lines)

    def index(self) -> Sequence[Mapping[str, Any]]:
        """The rows of index.json, which is made to follow first where it is behind, missing or torn."""
        with speaking_plainly(self.root, "read"):
            try:
                with SafeFolder.open(self.root) as root:
                    rows = node_index.rows(root)
            except FileNotFoundError:
                return ()
        if rows is None:
            with self._writing() as root:
                _renew_index(root)
                rows = node_index.rows(root)
        return rows or ()

    def catch_up(self) -> None:
        """Make index.json follow, if it is behind. What cannot be written is left to the next one."""
        self._renewal = None
        began = time.monotonic()
        with suppress(NodeError), speaking_plainly(self.root, "read"):
            with SafeFolder.open(self.root) as root:
                if node_index.noted(root) is None:
                    return
            with self._writing() as root:
                _renew_index(root)
        self._rest_seconds = max(_REST_SECONDS, _REST_FACTOR * (time.monotonic() - began))

    def follow_soon(self) -> None:
        """Have index.json follow beside other work, if a process that was killed left it behind."""
        with suppress(OSError), SafeFolder.open(self.root) as root:
            if node_index.noted(root) is not None:
                self._begin_to_follow()

    def _let_index_follow(self, root: SafeFolder) -> None:
        """After a save: at once where that takes no time, else soon, or when this process ends."""
        if node_index.is_small(root):
            with suppress(OSError):
                _renew_index(root)
        else:
            self._begin_to_follow()

    def _begin_to_follow(self) -> None:
        if self._renewal is None:
            self._renewal = threading.Timer(self._rest_seconds, self.catch_up)
            self._renewal.daemon = True
            self._renewal.start()
            atexit.unregister(self.catch_up)
            atexit.register(self.catch_up)

    # --- writing -----------------------------------------------------------------------------------------------------

    def save(
        self, draft: NodeDraft, report: CheckReport, approval: Approval, runs: Sequence[NodeRun] = ()
    ) -> NodeRecord:
        """Put a version that came of a hub's task into the library; see `add`."""
        return self.add(draft, report, approval, ("signalr", "generated", approval.task_type or "unknown"), runs)

    def add(
        self,
        draft: NodeDraft,
        report: CheckReport,
        approval: Approval,
        tags: Sequence[str],
        runs: Sequence[NodeRun] = (),
    ) -> NodeRecord:
        """Put a version into the library atomically, tagged `tags` and the approval's, with examples made of `runs`.

        Saving the same bytes for the same task again changes nothing and returns the record of the first time.

        Raises:
            NodeReplaced: another version than the approved one would be replaced; nothing was changed.
            NodeError: the id is invalid or the folder cannot be written; nothing was changed.
            ConfigError: what is secret cannot be found out; nothing was changed.
        """
        check_node_id(draft.node_id)
        code = to_bytes(draft.code)
        if len(code) > LARGEST_FILE:
            raise NodeError(f"{draft.node_id} is larger than {LARGEST_FILE:,} bytes.", "Ask for a smaller node.")
        examples = example_files.to_files(runs, self._scrub)
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
            _put(root, node, record, code, examples)
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
            _put(root, node, record, to_bytes(code), example_files.of_version(node, version))
            return record

    def set_aside(self, node_id: str, by: str) -> bool:
        """Let nobody run a node, whatever version of it, until it is reinstated; False where it is set aside already.

        Raises NodeError for one that is not there.
        """
        check_node_id(node_id)
        with self._writing() as root, _existing(root, node_id) as node:
            if node is None or node.current() is None:
                raise _unknown(node_id)
            if node.folder.has(_ASIDE):
                return False
            node.folder.write(_ASIDE, to_json({"by": by, "at": utc_text(self._now())}))
            node.folder.sync()
            return True

    def reinstate(self, node_id: str) -> str:
        """Let a node be run again; returns who set it aside. Raises NodeError for one that nobody did."""
        check_node_id(node_id)
        with self._writing() as root, _existing(root, node_id) as node:
            if node is None or node.current() is None:
                raise _unknown(node_id)
            by = _aside_by(node)
            if not by:
                raise NodeError(f"{node_id} was not set aside.", "It can be run.")
            node.folder.remove(_ASIDE)
            node.folder.sync()
            return by

    # --- inside ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self, node_id: str) -> Iterator[NodeFolder | None]:
        """The node's folder, or None where there is none."""
        check_node_id(node_id)
        with speaking_plainly(self.root, "read"):
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
        with speaking_plainly(self.root, "written"), SafeFolder.open(self.root, create=True) as root:
            lock = root.lock_file(LOCK)
            try:
                wait_for_turn(lock)
                _recover(root)
                try:
                    yield root
                except OSError:
                    with suppress(OSError):
                        _recover(root)
                    raise
                if root.has(SAVING):
                    root.remove_tree(SAVING)
                if node_index.noted(root) is not None:
                    self._let_index_follow(root)
            finally:
                os.close(lock)


def _since_the_approval(node_id: str, current: NodeRecord | None) -> str:
    if current is None:
        return f"{node_id} has left the library since the approval."
    return f"{current.node_version}, made for task {current.task_id!a}, came into the library since the approval."


def _aside_by(node: NodeFolder) -> str:
    """What cannot be read counts: whoever put it there wanted something."""
    try:
        by = strict_json(node.folder.read(_ASIDE, LARGEST_FILE)).get("by")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, RecursionError, AttributeError):
        by = None
    return by if isinstance(by, str) and by.strip() else "somebody"


def _unknown(node_id: str) -> NodeError:
    return NodeError(f"There is no node named {node_id}.", "See `evolver-tui nodes list`.")


@contextmanager
def _existing(root: SafeFolder, node_id: str) -> Iterator[NodeFolder | None]:
    """The node's folder for a write, or None where there is none yet."""
    # On a file system that ignores case a neighbour in other letters is the very same folder.
    for name in root.names() if root.has(node_id.upper()) else ():
        if name != node_id and name.casefold() == node_id:
            raise NodeError(f"{name!a} lies in the library beside {node_id}.", "Rename one of them.")
    if not root.has(node_id):
        yield None
        return
    with NodeFolder(node_id, root.folder(node_id)) as node:
        yield node


def _put(root: SafeFolder, node: NodeFolder | None, record: NodeRecord, code: bytes, examples: Files) -> None:
    """Commit one version: everything is written and synced in .saving first, then only renamed."""
    node_index.note(root, record.node_id)
    with root.folder(SAVING, create=True) as saving:
        _write_version(saving, "version", code, record, examples)
        _write_files(saving, code, record, examples)
        if node is None:
            with saving.folder("node", create=True) as folder:
                _move_in(saving, NodeFolder(record.node_id, folder), record, examples)
            saving.move("node", root, record.node_id)
        else:
            _keep_what_lies_there(saving, node, record)
            _move_in(saving, node, record, examples)
        root.sync()


def _move_in(saving: SafeFolder, node: NodeFolder, record: NodeRecord, examples: Files) -> None:
    with node.folder.folder("versions", create=True) as versions:
        saving.move("version", versions, str(record.version))
        versions.sync()
    _move_copies(saving, node, examples)


def _move_copies(saving: SafeFolder, node: NodeFolder, examples: Files) -> None:
    saving.move("main.py", node.folder, "main.py")
    saving.move("node.json", node.folder, "node.json")
    example_files.place(saving, node, examples)
    node.folder.sync()


def _keep_what_lies_there(saving: SafeFolder, node: NodeFolder, coming: NodeRecord) -> None:
    """Before `coming` replaces the copies: keep bytes that versions/ will not have."""
    content = node.code_beside()
    digest = hashlib.sha256(content or b"").hexdigest()
    current = node.current()
    if current is not None and not node.has_version_folder(current.version) and node.copies_are(current):
        _write_version(saving, "kept", content or b"", current, example_files.read_files(node.folder)[0])
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
    examples = example_files.of_version(node, record.version)
    if node.copies_are(record) and example_files.are_placed(node, examples):
        return
    code = to_bytes(node.stored(record.version)[1])
    node_index.note(root, record.node_id)
    with root.folder(SAVING, create=True) as saving:
        _keep_what_lies_there(saving, node, record)
        _write_files(saving, code, record, examples)
        _move_copies(saving, node, examples)


def _write_version(saving: SafeFolder, name: str, code: bytes, record: NodeRecord, examples: Files) -> None:
    with saving.folder(name, create=True) as version:
        _write_files(version, code, record, examples)
        version.sync()


def _write_files(folder: SafeFolder, code: bytes, record: NodeRecord, examples: Files) -> None:
    folder.write("main.py", code)
    folder.write("node.json", to_json(record.to_json_value()))
    example_files.write(folder, examples)


def _recover(root: SafeFolder) -> None:
    """Mend what an interrupted save left: copies that lag behind their version. It noted first what it would change."""
    if not root.has(SAVING):
        return
    with root.folder(SAVING) as saving:
        saving.empty()
    for name in node_index.noted(root) or [*_node_names(root)]:
        with suppress(NodeError, FileNotFoundError), root.folder(check_node_id(name)) as folder:
            node = NodeFolder(name, folder)
            record, beside = node.current(), node.code_beside()
            if record is not None and (beside is None or node.is_approved(beside)):
                with suppress(NodeChanged):
                    _renew_copies(root, node, record)
    root.remove_tree(SAVING)


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
    return (name for name in _ids(root) if not root.is_file(name))


def _ids(root: SafeFolder) -> Iterator[str]:
    """What has the right kind of name."""
    for name in root.names():
        with suppress(NodeError):
            check_node_id(name)
            yield name


def _renew_index(root: SafeFolder) -> None:
    def record_of(node_id: str) -> NodeRecord | None:
        with suppress(OSError, NodeError), root.folder(node_id) as folder:
            return NodeFolder(node_id, folder).current()
        return None

    node_index.renew(root, frozenset(_ids(root)), record_of)
