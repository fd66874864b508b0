"""The library's index: one row for each node in use, for other programs; made of the nodes.

    <root>/index.json       {"nodes": [...]}, a row to a line, by id
    <root>/.index-behind    ids of nodes that may have changed since, one a line

A save writes an id, whatever the library's size; the index is made to follow afterwards. The nodes' own records are the
truth: only those that are named in `.index-behind`, or whose folder came or went, are read for that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.node import NodeRecord

INDEX = "index.json"
BEHIND = ".index-behind"
_NEXT = ".index-next"
_LARGEST = 1 << 28
_SMALL = 64 * 1024
_HEAD, _BETWEEN, _TAIL = b'{"nodes": [\n', b",\n", b"\n]}\n"
_TEXT = rb'"(?:[ !#-\[\]-~]|\\["\\bfnrt]|\\u[0-9a-f]{4})*+"'
_ROW = re.compile(
    rb'\{"node_id": "([a-z0-9_]+)", "version": [0-9]{1,18}, "title": %b, "task_type": %b, '
    rb'"tags": \[(?:%b(?:, %b)*+)?\], "sha256": %b, "updated_at": %b\}' % ((_TEXT,) * 6)
)
"""A row as `_row` writes it: whatever is not, was written by somebody else and may be no JSON at all."""


def note(root: SafeFolder, node_id: str) -> None:
    """Say that a node is about to change."""
    root.append(BEHIND, f"\n{node_id}".encode())


def noted(root: SafeFolder) -> list[str] | None:
    """The nodes that may have changed since the index was made; None where nobody keeps account of that."""
    try:
        return root.read(BEHIND, _LARGEST).decode("ascii", "replace").split()
    except FileNotFoundError:
        return None


def is_small(root: SafeFolder) -> bool:
    """Whether making the index anew costs a save nothing that somebody would notice."""
    return root.size(INDEX) <= _SMALL


def rows(root: SafeFolder) -> list[Mapping[str, Any]] | None:
    """The index's rows; None where it is behind, missing or torn."""
    known = None if root.has(BEHIND) else _read(root)
    return None if known is None else [json.loads(row) for row in known.values()]


def known(root: SafeFolder) -> dict[str, tuple[int, str]]:
    """Version and digest of each node that the index has and that did not change since, by id."""
    behind = {*(noted(root) or ())}
    found = {}
    for node_id, row in (_read(root) or {}).items():
        if node_id not in behind:
            value = json.loads(row)
            found[node_id] = int(value["version"]), str(value["sha256"])
    return found


def renew(root: SafeFolder, nodes: Collection[str], record_of: Callable[[str], NodeRecord | None]) -> None:
    """Let the index follow the nodes. Needs the writers' lock.

    Args:
        nodes: the ids of those that are there.
        record_of: reads one; None where it cannot be read.
    """
    known = _read(root) or {}
    changed = set(nodes) - known.keys() | {*(noted(root) or ())}
    kept = {node_id: row for node_id, row in known.items() if node_id in nodes and node_id not in changed}
    records = [record_of(node_id) for node_id in sorted(changed & set(nodes))]
    kept.update({record.node_id: _row(record) for record in records if record is not None})
    content = _joined(kept[node_id] for node_id in sorted(kept))
    root.remove(_NEXT)
    root.write(_NEXT, content)
    root.move(_NEXT, root, INDEX)
    root.sync()
    root.remove(BEHIND)


def _read(root: SafeFolder) -> dict[str, bytes] | None:
    """The index's rows by id, as they stand there; None where it is missing, torn, or of another make."""
    try:
        content = root.read(INDEX, _LARGEST)
    except OSError:
        return None
    if not (content.startswith(_HEAD) and content.endswith(_TAIL)):
        return None
    lines = [line for line in content[len(_HEAD) : -len(_TAIL)].split(_BETWEEN) if line]
    found = {match[1].decode(): line for line in lines if (match := _ROW.fullmatch(line))}
    return found if len(found) == len(lines) else None


def _joined(lines: Iterable[bytes]) -> bytes:
    return _HEAD + _BETWEEN.join(lines) + _TAIL


def row_of(record: NodeRecord) -> Mapping[str, Any]:
    """What the index says of a node."""
    return {
        "node_id": record.node_id,
        "version": record.version,
        "title": record.title,
        "task_type": record.task_type,
        "tags": [*record.tags],
        "sha256": record.sha256,
        "updated_at": record.decided_at,
    }


def _row(record: NodeRecord) -> bytes:
    return json.dumps(row_of(record)).encode()
