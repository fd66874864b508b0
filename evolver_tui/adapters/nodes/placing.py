"""How a version comes to lie in a node's folder: everything is prepared in .saving, and then only renamed.

<root>/<id>/versions/<n>/displaced.json     what a save put into versions/ because it took the place of main.py
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from evolver_tui.adapters.nodes import example_files, node_index
from evolver_tui.adapters.nodes.example_files import Files
from evolver_tui.adapters.nodes.faults import SAVING
from evolver_tui.adapters.nodes.folder import LARGEST_FILE, NodeFolder, to_bytes, to_json
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.errors import NodeChanged, NodeError
from evolver_tui.core.json_text import strict_json
from evolver_tui.core.node import NodeRecord, check_node_id

VERSIONS: Final = "versions"
_DISPLACED: Final = "displaced.json"


@dataclass(frozen=True, slots=True)
class Displaced:
    """A main.py that a save keeps in versions/, since versions/ has its bytes nowhere else."""

    name: str
    """Of the folder in versions/ that keeps it."""
    code: bytes
    record: NodeRecord | None = None
    """Its record, where it is a version of a folder that had no versions/; None for one that was changed by hand."""


def put(root: SafeFolder, node: NodeFolder | None, record: NodeRecord, code: bytes, examples: Files) -> None:
    """Commit one version: everything is written and synced in .saving first, then only renamed."""
    node_index.note(root, record.node_id)
    displaced = lying_there(node, record.sha256) if node is not None else None
    with root.folder(SAVING, create=True) as saving:
        with saving.folder("version", create=True) as version:
            write_files(version, code, record, examples)
            if displaced is not None and not _is_kept(node, displaced.name):
                version.write(_DISPLACED, to_json({"name": displaced.name}))
            version.sync()
        write_files(saving, code, record, examples)
        if node is None:
            with saving.folder("node", create=True) as folder:
                _move_in(saving, NodeFolder(record.node_id, folder), record, examples)
            saving.move("node", root, record.node_id)
        else:
            keep(saving, node, displaced)
            _move_in(saving, node, record, examples)
        root.sync()


def _move_in(saving: SafeFolder, node: NodeFolder, record: NodeRecord, examples: Files) -> None:
    with node.folder.folder(VERSIONS, create=True) as versions:
        saving.move("version", versions, str(record.version))
        versions.sync()
    move_copies(saving, node, examples)


def move_copies(saving: SafeFolder, node: NodeFolder, examples: Files) -> None:
    """Let what was prepared be the copies beside versions/."""
    saving.move("main.py", node.folder, "main.py")
    saving.move("node.json", node.folder, "node.json")
    example_files.place(saving, node, examples)
    node.folder.sync()


def lying_there(node: NodeFolder, coming: str) -> Displaced | None:
    """The bytes beside versions/ that have to be kept before those of the digest `coming` take their place."""
    content = node.code_beside()
    digest = hashlib.sha256(content or b"").hexdigest()
    current = node.current()
    if current is not None and not node.has_version_folder(current.version) and node.copies_are(current):
        return Displaced(str(current.version), content or b"", current)
    if content is None or digest in (current and current.sha256, coming) or node.is_approved(content):
        return None
    return Displaced(f"{current.version if current else 0}-edited-{digest[:8]}", content)


def keep(saving: SafeFolder, node: NodeFolder, displaced: Displaced | None) -> None:
    """Put bytes that would be lost into versions/, unless they lie there."""
    if displaced is None or _is_kept(node, displaced.name):
        return
    with saving.folder("kept", create=True) as kept:
        if displaced.record is not None:
            write_files(kept, displaced.code, displaced.record, example_files.read_files(node.folder)[0])
        else:
            kept.write("main.py", displaced.code)
        kept.sync()
    with node.folder.folder(VERSIONS, create=True) as versions:
        saving.move("kept", versions, displaced.name)
        versions.sync()


def _is_kept(node: NodeFolder | None, name: str) -> bool:
    if node is None or not node.folder.has(VERSIONS):
        return False
    with node.folder.folder(VERSIONS) as versions:
        return versions.has(name)


def displaced_by(node: NodeFolder, version: int) -> str:
    """The name in versions/ of what was put there when this version was saved; empty for nothing."""
    if not node.has_version_folder(version):
        return ""
    with node.folder.folder(VERSIONS) as versions, versions.folder(str(version)) as folder:
        try:
            name = strict_json(folder.read(_DISPLACED, LARGEST_FILE)).get("name")
        except (FileNotFoundError, ValueError, RecursionError, AttributeError):
            return ""
    is_name = isinstance(name, str) and (name.isdecimal() or "-edited-" in name) and "/" not in name
    return name if is_name else ""


def renew_copies(root: SafeFolder, node: NodeFolder, record: NodeRecord) -> None:
    """Let the copies beside versions/ be this version's."""
    examples = example_files.of_version(node, record.version)
    if node.copies_are(record) and example_files.are_placed(node, examples):
        return
    code = to_bytes(node.stored(record.version)[1])
    node_index.note(root, record.node_id)
    with root.folder(SAVING, create=True) as saving:
        keep(saving, node, lying_there(node, record.sha256))
        write_files(saving, code, record, examples)
        move_copies(saving, node, examples)


def write_files(folder: SafeFolder, code: bytes, record: NodeRecord, examples: Files) -> None:
    """A version's files, in a folder that has none."""
    folder.write("main.py", code)
    folder.write("node.json", to_json(record.to_json_value()))
    example_files.write(folder, examples)


def recover(root: SafeFolder) -> None:
    """Mend what an interrupted save left: copies that lag behind their version. It noted first what it would change."""
    if not root.has(SAVING):
        return
    with root.folder(SAVING) as saving:
        saving.empty()
    for name in node_index.noted(root) or [*node_names(root)]:
        with suppress(NodeError, FileNotFoundError), root.folder(check_node_id(name)) as folder:
            node = NodeFolder(name, folder)
            record, beside = node.current(), node.code_beside()
            if record is not None and (beside is None or node.is_approved(beside)):
                with suppress(NodeChanged):
                    renew_copies(root, node, record)
    root.remove_tree(SAVING)


def node_names(root: SafeFolder) -> Iterator[str]:
    """What may be a node: the right kind of name, and no plain file. A link is none, and told when it is read."""
    return (name for name in ids(root) if not root.is_file(name))


def ids(root: SafeFolder) -> Iterator[str]:
    """What has the right kind of name."""
    for name in root.names():
        with suppress(NodeError):
            check_node_id(name)
            yield name
