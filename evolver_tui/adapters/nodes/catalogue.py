"""Reads a library as a whole. What is known of every node comes from its index; only what is named is opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from evolver_tui.adapters.nodes import node_marks
from evolver_tui.adapters.nodes.example_files import read_examples
from evolver_tui.adapters.nodes.folder import LARGEST_FILE, NodeFolder, to_text
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.errors import NodeError
from evolver_tui.core.node import check_node_id
from evolver_tui.core.node_listing import ListedNode, NodeDetails, Overview


def overview(root: SafeFolder, rows: Iterable[Mapping[str, Any]]) -> Overview:
    """Every node: those of the index's rows as they stand there, all others by their folders."""
    names = root.names()
    there = frozenset(names)
    listed = [
        ListedNode(
            row["node_id"], row["version"], row["title"], row["task_type"], tuple(row["tags"]), row["updated_at"],
            row["sha256"],
        )
        for row in rows
        if row["node_id"] in there
    ]  # fmt: skip
    known = {each.node_id for each in listed}
    more, problems = _unlisted(root, [name for name in names if name not in known])
    return Overview(tuple(sorted((*listed, *more))), tuple(problems))


def _unlisted(root: SafeFolder, names: Iterable[str]) -> tuple[list[ListedNode], list[str]]:
    """What the index leaves out: retired nodes, and what cannot be read."""
    found: list[ListedNode] = []
    problems: list[str] = []
    for name in names:
        try:
            check_node_id(name)
        except NodeError:
            continue  # no node's name
        try:
            if root.is_file(name):
                continue
            with NodeFolder(name, root.folder(name)) as node:
                record = node.current()
                if record is not None:
                    found.append(ListedNode.of(record, node_marks.retirement(node, record.version)))
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror or error}.")
        except NodeError as error:
            problems.append(str(error))
    return found, problems


def details(node: NodeFolder) -> NodeDetails | None:
    """What its folder says of a node; None where nothing was approved. Raises OSError, NodeError."""
    record = node.current()
    if record is None:
        return None
    return NodeDetails(
        record,
        versions=len(node.versions()),
        examples=len(read_examples(node, record.version).examples),
        is_edited=bool(node.edited_sha256()),
        set_aside_by=node_marks.aside_by(node),
        retirement=node_marks.retirement(node, record.version),
    )


def codes(root: SafeFolder, nodes: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int, str]]:
    """The code of versions, for reading alone: it is not held against its digest. What cannot be read is left out."""
    for node_id, version in nodes:
        with suppress(OSError), root.folder(node_id) as folder:
            try:
                with folder.folder("versions") as versions, versions.folder(str(version)) as stored:
                    content = stored.read("main.py", LARGEST_FILE)
            except FileNotFoundError:  # a copy from elsewhere, without versions
                content = folder.read("main.py", LARGEST_FILE)
            yield node_id, version, to_text(content)
