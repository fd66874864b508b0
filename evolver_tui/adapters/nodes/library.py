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

import difflib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from evolver_tui.adapters.nodes import catalogue, example_files, node_index, node_marks, removal
from evolver_tui.adapters.nodes.example_files import Scrub
from evolver_tui.adapters.nodes.faults import speaking_plainly
from evolver_tui.adapters.nodes.folder import LARGEST_FILE, NodeFolder, to_bytes, to_text
from evolver_tui.adapters.nodes.library_folder import LibraryFolder, existing, unknown
from evolver_tui.adapters.nodes.placing import node_names, put, renew_copies
from evolver_tui.adapters.nodes.removal import Removal
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.adapters.nodes.use_file import NodeUseFile
from evolver_tui.core.errors import ApprovalWithdrawn, NodeChanged, NodeError, NodeReplaced
from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord, NodeVersion, check_node_id
from evolver_tui.core.node_example import KeptExamples
from evolver_tui.core.node_listing import CodeMatch, NodeDetails, Overview, Retirement, match_in
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.times import utc_text
from evolver_tui.engine.author.library import Approval, Approved, KeptCopy, RemovedNode, VersionStanding
from evolver_tui.settings.secrets import scrub_value

_MASKED: Scrub = partial(scrub_value, secrets=())
"""Without what looks like a secret, where nobody says which ones there are."""
_RESTORE = "evolver-tui nodes restore"
_REMEMBERED = 100
"""Newest versions that are searched for a save that was done already: a repeat follows soon after."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in use: the current records by id, and a sentence for each folder that cannot be read."""

    records: tuple[NodeRecord, ...]
    problems: tuple[str, ...]


class NodeFiles(LibraryFolder):
    """Implements the engine's `Library`. Several processes may use one folder: whoever writes holds a file lock.

    Every method raises NodeError for an invalid id and for a folder that cannot be used.
    """

    def __init__(self, root: Path, now: Callable[[], float], scrub: Scrub = _MASKED) -> None:
        """`root` is made by the first save; `now` gives seconds since 1970; `scrub` sees what is kept of runs first."""
        super().__init__(root, now)
        self.uses = NodeUseFile(root, now)
        """How often nodes ran in earnest."""
        self._scrub = scrub

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
                raise unknown(node_id)
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
            return node_marks.aside_by(node) if node else ""

    def retirement(self, node_id: str) -> Retirement | None:
        """Who retired a node, and when; None for one in use, and for one that is not there."""
        with self._reading(node_id) as node:
            current = node.current() if node else None
            return node_marks.retirement(node, current.version) if node and current else None

    def versions(self, node_id: str) -> Sequence[NodeRecord]:
        """Every approved version that can be read, oldest first; empty where there is no such node."""
        with self._reading(node_id) as node:
            return tuple(node.versions()) if node else ()

    def edited_code(self, node_id: str) -> str | None:
        """A main.py that was changed by hand since it was saved; None where none was."""
        with self._reading(node_id) as node:
            beside = node.code_beside() if node and node.current() else None
            return None if node is None or beside is None or node.is_approved(beside) else to_text(beside)

    def kept(self, node_id: str) -> Sequence[KeptCopy]:
        """Every main.py that was changed by hand before another version took its place, oldest first."""
        with self._reading(node_id) as node:
            found = node.kept() if node else []
        root = self.root.absolute()
        paths = ((version, root / node_id / "versions" / name / "main.py") for version, name in found)
        return tuple(KeptCopy(version, str(path), str(root)) for version, path in paths)

    def list(self) -> Sequence[NodeRecord]:
        """The current record of every node in use, by id. What cannot be read is left out; `survey` tells of it."""
        return self.survey().records

    def survey(self) -> Survey:
        """The current record of every node in use, and what cannot be read."""
        with speaking_plainly(self.root, "read"):
            try:
                root = SafeFolder.open(self.root)
            except FileNotFoundError:
                return Survey((), ())
            with root:
                return _survey(root)

    def overview(self) -> Overview:
        """Every node, retired ones among them, as the index has it; of a folder that cannot be written, as it lies."""
        try:
            rows = self.index()
        except NodeError:
            rows = [node_index.row_of(record) for record in self.survey().records]
        with speaking_plainly(self.root, "read"):
            try:
                with SafeFolder.open(self.root) as root:
                    found = catalogue.overview(root, rows)
            except FileNotFoundError:
                return Overview()
        in_use = sum(each.retirement is None for each in found.nodes)
        if in_use != len(rows):  # nodes that were put there, or taken away, by hand: next time the index has that
            with suppress(NodeError):
                self.renew_index()
        return found

    def details(self, node_id: str) -> NodeDetails | None:
        """What its folder says of a node; None where there is none."""
        with self._reading(node_id) as node:
            return catalogue.details(node) if node else None

    def find_in_code(self, nodes: Sequence[tuple[str, int]], text: str) -> Sequence[CodeMatch]:
        """Which of these versions have a text in their code, whatever its case."""
        wanted = text.casefold()
        matches = (match_in(*each, wanted) for each in self.codes(nodes))
        return [match for match in matches if match is not None]

    def codes(self, nodes: Sequence[tuple[str, int]]) -> Sequence[tuple[str, int, str]]:
        """Node, version and code of these, for reading alone; what cannot be read is left out."""
        with speaking_plainly(self.root, "read"):
            try:
                with SafeFolder.open(self.root) as root:
                    return [*catalogue.codes(root, nodes)]
            except FileNotFoundError:
                return ()

    def diff(self, node_id: str, old: int | None = None, new: int | None = None) -> str:
        """A unified diff between two versions (default: the one before the current one, and the current one)."""
        with self._reading(node_id) as node:
            current = node.current() if node else None
            if node is None or current is None:
                raise unknown(node_id)
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
            ApprovalWithdrawn: it was taken back meanwhile; nothing was changed.
            NodeError: the id is invalid or the folder cannot be written; nothing was changed.
            ConfigError: what is secret cannot be found out; nothing was changed.
        """
        check_node_id(draft.node_id)
        code = to_bytes(draft.code)
        if len(code) > LARGEST_FILE:
            raise NodeError(f"{draft.node_id} is larger than {LARGEST_FILE:,} bytes.", "Ask for a smaller node.")
        examples = example_files.to_files(runs, self._scrub)
        with self._writing() as root, existing(root, draft.node_id) as node:
            taken_back = removal.withdrawn(root)
            if approval.id in taken_back:
                raise ApprovalWithdrawn(draft.node_id)
            for known in reversed(node.versions(_REMEMBERED) if node else []):
                if known.sha256 == draft.sha256 and known.task_id == approval.task_id:
                    if known.approval != approval.id:
                        removal.note_reliance(root, known.approval, approval.id)
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
                lineage={
                    "parent": parent.version if parent else None,
                    "derived_from": [],
                    **({"approval": approval.id} if approval.id else {}),
                },
            )
            put(root, node, record, code, examples)
            return record

    def rollback(self, node_id: str, version: int, decided_by: str) -> NodeRecord:
        """Make an old version's bytes current again, as a further version; for the current one, restore main.py.

        Raises:
            NodeError: there is no such version, or the folder cannot be written.
            NodeChanged: that version's own bytes were changed.
        """
        check_node_id(node_id)
        with self._writing() as root, existing(root, node_id) as node:
            current = node.current() if node else None
            if node is None or current is None:
                raise unknown(node_id)
            old, code = node.stored(version)
            if version == current.version:
                renew_copies(root, node, current)
                return current
            record = replace(
                old,
                version=node.next_version(),
                decided_by=decided_by,
                decided_at=utc_text(self._now()),
                lineage={**_without_approval(old.lineage), "parent": current.version, "rollback_to": version},
            )
            put(root, node, record, to_bytes(code), example_files.of_version(node, version))
            return record

    def set_aside(self, node_id: str, by: str) -> bool:
        """Let nobody run a node, whatever version of it, until it is reinstated; False where it is set aside already.

        Raises NodeError for one that is not there.
        """
        check_node_id(node_id)
        with self._writing() as root, existing(root, node_id) as node:
            if node is None or node.current() is None:
                raise unknown(node_id)
            if node.folder.has(node_marks.SET_ASIDE):
                return False
            node_marks.put(node, node_marks.SET_ASIDE, {"by": by, "at": utc_text(self._now())})
            return True

    def reinstate(self, node_id: str) -> str:
        """Let a node be run again; returns who set it aside. Raises NodeError for one that nobody did."""
        check_node_id(node_id)
        with self._writing() as root, existing(root, node_id) as node:
            if node is None or node.current() is None:
                raise unknown(node_id)
            by = node_marks.aside_by(node)
            if not by:
                raise NodeError(f"{node_id} was not set aside.", "It can be run.")
            node_marks.take(node, node_marks.SET_ASIDE)
            return by

    def retire(self, node_id: str, by: str) -> NodeRecord:
        """Take a node out of the list, and let nobody run it; every version stays. Returns the current one's record.

        A version that is approved later is in use again. Raises NodeError for one that is not there, or is retired.
        """
        check_node_id(node_id)
        with self._writing() as root, existing(root, node_id) as node:
            current = node.current() if node else None
            if node is None or current is None:
                raise unknown(node_id)
            if node_marks.retirement(node, current.version) is not None:
                raise NodeError(f"{node_id} is retired already.", f"To use it again: {_RESTORE} {node_id}.")
            node_index.note(root, node_id)
            mark = {"by": by, "at": utc_text(self._now()), "version": current.version}
            node_marks.put(node, node_marks.RETIRED, mark)
            return current

    def restore(self, node_id: str) -> NodeRecord:
        """Put a retired node back into the list; returns its record. Raises NodeError for one that is not retired."""
        check_node_id(node_id)
        with self._writing() as root, existing(root, node_id) as node:
            current = node.current() if node else None
            if node is None or current is None:
                raise unknown(node_id)
            if node_marks.retirement(node, current.version) is None:
                raise NodeError(f"{node_id} is not retired.", "It is in use.")
            node_index.note(root, node_id)
            node_marks.take(node, node_marks.RETIRED)
            return current

    # --- taking back and removing ------------------------------------------------------------------------------------

    def standing_of(self, node_id: str, approved: Approved) -> VersionStanding | None:
        """How the version stands that an approval made; None where it is not here."""
        with self._reading(node_id) as node:
            if node is None or (current := node.current()) is None:
                return None
            with SafeFolder.open(self.root) as root:
                record = removal.made_by(root, node, approved, removal.withdrawn(root))
            if record is None:
                return None
            use = self.uses.of(node_id).of_version(record.version, record.sha256)
            return VersionStanding(record.node_version, current.node_version, use)

    def withdraw(self, node_id: str, approved: Approved, by: str) -> NodeVersion | None:
        """Let a node be what it was before an approval was saved, which is never saved again; None for nothing.

        What is taken out stays in .removed until it is purged.

        Raises:
            NodeReplaced: another version took its place since; nothing was changed.
            NodeError: the folder cannot be written.
        """
        with self._writing() as root, existing(root, check_node_id(node_id)) as node:
            record = removal.withdraw(root, node, approved, self._removal(by, approved.id))
            return record.node_version if record else None

    def remove(self, node_id: str, by: str) -> NodeRecord:
        """Take a node out with all its versions, which are kept until they are purged. Raises NodeError."""
        with self._writing() as root:
            with existing(root, check_node_id(node_id)) as node:
                record = node.current() if node else None
            if record is None:
                raise unknown(node_id)
            removal.remove(root, record, self._removal(by))
            return record

    def bring_back(self, node_id: str) -> NodeRecord:
        """Put the node of this id that was taken out last back as it was. Raises NodeError."""
        with self._writing() as root:
            return removal.bring_back(root, check_node_id(node_id))

    def removed(self) -> Sequence[RemovedNode]:
        """What was taken out and not purged, by id, the latest of each last."""
        with speaking_plainly(self.root, "read"), suppress(FileNotFoundError), SafeFolder.open(self.root) as root:
            return tuple(removal.listed(root))
        return ()

    def purge(self, node_id: str = "") -> int:
        """Delete for good what was taken out of a node, or of all; returns how many things these were."""
        if not self.root.exists():
            return 0
        with self._writing() as root:
            return removal.purge(root, node_id and check_node_id(node_id))

    def _removal(self, by: str, approval: str = "") -> Removal:
        return Removal(by, utc_text(self._now()), approval)


def _without_approval(lineage: Mapping[str, object]) -> dict[str, object]:
    """A version that is made of an old one came of no approval of a draft."""
    return {key: value for key, value in lineage.items() if key != "approval"}


def _since_the_approval(node_id: str, current: NodeRecord | None) -> str:
    if current is None:
        return f"{node_id} has left the library since the approval."
    return f"{current.node_version}, made for task {current.task_id!a}, came into the library since the approval."


def _survey(root: SafeFolder) -> Survey:
    records: list[NodeRecord] = []
    problems: list[str] = []
    for name in node_names(root):
        try:
            with NodeFolder(name, root.folder(name)) as node:
                record = node.current()
                if record is not None and node_marks.retirement(node, record.version) is not None:
                    continue
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror or error}.")
        except NodeError as error:
            problems.append(str(error))
        else:
            if record is not None:
                records.append(record)
    return Survey(tuple(records), tuple(problems))
