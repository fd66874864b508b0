"""How often approved nodes ran in earnest: a line for each use, and what many lines come to.

A line is a JSON object with the node, the version and the beginning of its digest, and a time. One with `by` is a use,
told when it begins; one with `"failed": true` says that it failed. Older lines of a version are folded into one that
has a `count`, and how many of them `failed`.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from evolver_tui.core.errors import NodeError
from evolver_tui.core.node import NodeVersion, check_node_id

MOST_RECENT: Final = 10
"""Uses of a node that are kept one by one."""
_MOST_VERSIONS: Final = 1_000
_DIGITS: Final = 12
"""Of a digest: enough to tell versions of one node from each other."""
_LONGEST: Final = 400
"""Characters of a line."""


class UsedBy(StrEnum):
    """Who ran a node."""

    COMMAND = "command"
    CHAT = "chat"
    NODE = "node"
    OTHER = "other"
    """What a line calls otherwise."""


_KNOWN: Final = frozenset(UsedBy)
_DIGEST: Final = re.compile(f"[0-9a-f]{{{_DIGITS}}}")


class Use(NamedTuple):
    """One time that a node ran."""

    at: str
    """ISO 8601, UTC, ending in Z."""
    version: int
    by: UsedBy
    digest: str
    """The beginning of the version's."""


class VersionUse(NamedTuple):
    """How often a version ran."""

    runs: int = 0
    last_at: str = ""
    """ISO 8601, UTC, ending in Z; empty where it never ran."""

    @property
    def last(self) -> float:
        """The same in seconds since 1970; 0 where it never ran."""
        try:
            return datetime.fromisoformat(self.last_at).timestamp()
        except (ValueError, OverflowError):
            return 0.0


@dataclass(slots=True)
class _OfVersion:
    count: int = 0
    failed: int = 0
    last_at: str = ""


@dataclass(frozen=True, slots=True)
class NodeUse:
    """How often a node ran, and when last."""

    node_id: str
    count: int = 0
    failed: int = 0
    last_at: str = ""
    """ISO 8601, UTC, ending in Z; empty where it never ran."""
    by_version: Mapping[tuple[int, str], VersionUse] = field(default_factory=dict)
    """By number and the beginning of its digest: a number may have been another version's, which was taken back."""
    recent: tuple[Use, ...] = ()
    """The latest uses, the last one first."""

    def of_version(self, version: int, sha256: str) -> VersionUse:
        """How often a version with these bytes ran."""
        return self.by_version.get((version, sha256[:_DIGITS]), VersionUse())


class UseCounts:
    """What lines of uses come to, node by node. Lines that are none, and what a stranger wrote, are left out."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[tuple[int, str], _OfVersion]] = {}
        self._recent: dict[str, deque[Use]] = {}

    def add(self, lines: Iterable[bytes]) -> None:
        """Count further lines, in their order."""
        for line in lines:
            self._add(_read(line))

    def of(self, node_id: str) -> NodeUse:
        """What is known of one node."""
        versions = self._versions.get(node_id)
        if not versions:
            return NodeUse(node_id)
        return NodeUse(
            node_id,
            sum(each.count for each in versions.values()),
            sum(each.failed for each in versions.values()),
            max(each.last_at for each in versions.values()),
            {version: VersionUse(each.count, each.last_at) for version, each in versions.items()},
            tuple(reversed(self._recent.get(node_id, ()))),
        )

    def all(self) -> Mapping[str, NodeUse]:
        """What is known of every node that ran, by id."""
        return {node_id: self.of(node_id) for node_id in self._versions}

    def folded(self) -> Iterator[bytes]:
        """As few lines as come to the same: one for what is no longer kept singly of a version, then the latest."""
        for node_id, versions in self._versions.items():
            recent = self._recent.get(node_id, deque())
            for (version, digest), known in versions.items():
                single = sum((use.version, use.digest) == (version, digest) for use in recent)
                yield _line({
                    "node": node_id, "version": version, "sha": digest, "at": known.last_at,
                    "count": known.count - single, "failed": known.failed,
                })  # fmt: skip
            yield from (use_line(NodeVersion(node_id, use.version), use.digest, use.by, use.at) for use in recent)

    def _add(self, told: Mapping[str, Any] | None) -> None:
        if told is None:
            return
        versions = self._versions.setdefault(told["node"], {})
        version = told["version"], told["sha"]
        if version not in versions and len(versions) >= _MOST_VERSIONS:
            return
        known = versions.setdefault(version, _OfVersion())
        if told["failed"] is True:
            known.failed += 1
            return
        known.count += told["count"]
        known.failed += told["failed"]
        known.last_at = max(known.last_at, told["at"])
        if told["by"] is not None:
            recent = self._recent.setdefault(told["node"], deque(maxlen=MOST_RECENT))
            recent.append(Use(told["at"], told["version"], told["by"], told["sha"]))


def use_line(node: NodeVersion, sha256: str, by: UsedBy, at: str) -> bytes:
    """The line that tells of one use, which begins at this time."""
    return _line({
        "node": node.node_id, "version": node.version, "sha": sha256[:_DIGITS], "by": by.value, "at": at,
    })  # fmt: skip


def failure_line(node: NodeVersion, sha256: str, at: str) -> bytes:
    """The line that tells that a use failed."""
    return _line({
        "node": node.node_id, "version": node.version, "sha": sha256[:_DIGITS], "at": at, "failed": True,
    })  # fmt: skip


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def _read(line: bytes) -> Mapping[str, Any] | None:
    """A line's fields, checked; None for what is no line of ours."""
    try:
        value = json.loads(line) if len(line) <= _LONGEST else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    node, version, sha, at, by = (value.get(name) for name in ("node", "version", "sha", "at", "by"))
    count, failed = value.get("count", int(by is not None)), value.get("failed", 0)
    if not (isinstance(node, str) and isinstance(at, str) and len(at) <= 40 and at.isascii() and at.isprintable()):
        return None
    if not (_is_count(version) and version and _is_count(count) and (failed is True or _is_count(failed))):
        return None
    if not (isinstance(sha, str) and _DIGEST.fullmatch(sha)):
        return None
    try:
        check_node_id(node)
    except NodeError:
        return None
    if by is not None:
        by = UsedBy(by) if isinstance(by, str) and by in _KNOWN else UsedBy.OTHER
    return {"node": node, "version": version, "sha": sha, "at": at, "by": by, "count": count, "failed": failed}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000_000
