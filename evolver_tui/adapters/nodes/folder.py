"""One node's folder in the library: which versions it has, and whether main.py is one of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from types import TracebackType

from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.errors import NodeChanged, NodeError
from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.core.node import NodeRecord

LARGEST_FILE = 1 << 20
"""Bytes of a main.py or node.json that are read or saved."""

_EDITED = re.compile(r"(0|[1-9][0-9]{0,8})-edited-[0-9a-f]{8}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


def to_bytes(code: str) -> bytes:
    """Code as it lies on disk: the bytes that its digest is made of."""
    return code.encode("utf-8", "surrogatepass")


def to_text(content: bytes) -> str:
    """The inverse of `to_bytes`; bytes that are no UTF-8 are replaced, which no digest survives."""
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("utf-8", "replace")


def to_json(value: Mapping[str, object]) -> bytes:
    """A JSON file's bytes: ASCII, so that nothing in it is hidden from a reader."""
    return (json.dumps(value, indent=2, ensure_ascii=True) + "\n").encode()


class NodeFolder:
    """Reads one open node folder. Methods raise OSError, and NodeError for what cannot be understood."""

    def __init__(self, node_id: str, folder: SafeFolder) -> None:
        self.node_id = node_id
        self.folder = folder

    def current(self) -> NodeRecord | None:
        """The record of the newest version; None where nothing was approved yet.

        A folder without versions/ (a copy from elsewhere) has one version: the node.json beside main.py.
        """
        numbers = self.numbers()
        if numbers:
            return self._record_of(numbers[-1])
        return self._record_beside()

    def stored(self, version: int) -> tuple[NodeRecord, str]:
        """A version's record and code. Raises NodeError where it is missing, NodeChanged for other bytes."""
        numbers = self.numbers()
        if version in numbers:
            record = self._record_of(version)
            with self.folder.folder("versions") as versions, versions.folder(str(version)) as folder:
                content = folder.read("main.py", LARGEST_FILE)
        else:
            beside = None if numbers else self._record_beside()
            if beside is None or beside.version != version:
                raise NodeError(f"{self.node_id} has no version {version}.", f"It has {_listed(numbers)}.")
            record, content = beside, self.code_beside() or b""
        if _digest(content) != record.sha256:
            raise NodeChanged(
                f"Version {version} of {self.node_id} has other bytes than those approved.", "Approve it again."
            )
        return record, to_text(content)

    def versions(self, newest: int | None = None) -> list[NodeRecord]:
        """Every version whose record can be read, or only so many of the newest; oldest first."""
        records = []
        for number in self.numbers()[-newest if newest else 0 :]:
            try:
                records.append(self._record_of(number))
            except NodeError:
                continue
        if not records and (beside := self._record_beside()) is not None:
            records.append(beside)
        return records

    def kept(self) -> list[tuple[int, str]]:
        """What was changed by hand and then replaced, oldest first: the version it came from, and its folder's name."""
        if not self.folder.has("versions"):
            return []
        with self.folder.folder("versions") as versions:
            matches = [match for name in versions.names() if (match := _EDITED.fullmatch(name))]
            found = sorted((int(match[1]), versions.changed_at(match[0]), match[0]) for match in matches)
        return [(version, name) for version, _, name in found]

    def next_version(self) -> int:
        """One more than any version the folder has, readable or not."""
        beside = self._record_beside() if not self.numbers() else None
        return max([*self.numbers(), beside.version if beside else 0]) + 1

    def has_version_folder(self, version: int) -> bool:
        """Whether versions/ keeps this version."""
        return version in self.numbers()

    def code_beside(self) -> bytes | None:
        """The bytes of the main.py that people see; None where it is missing."""
        try:
            return self.folder.read("main.py", LARGEST_FILE)
        except FileNotFoundError:
            return None

    def is_approved(self, content: bytes) -> bool:
        """Whether these bytes are those of any version."""
        digest = _digest(content)
        return any(record.sha256 == digest for record in self.versions())

    def edited_sha256(self) -> str:
        """The digest of a main.py that somebody changed by hand; empty where it is missing or approved."""
        content = self.code_beside()
        return "" if content is None or self.is_approved(content) else _digest(content)

    def copies_are(self, record: NodeRecord) -> bool:
        """Whether main.py and node.json are copies of this version."""
        content = self.code_beside()
        if content is None or _digest(content) != record.sha256:
            return False
        try:
            return self._record_beside() == record
        except NodeError:
            return False

    def numbers(self) -> list[int]:
        """The versions that versions/ has, readable or not, oldest first."""
        if not self.folder.has("versions"):
            return []
        with self.folder.folder("versions") as versions:
            return sorted(int(name) for name in versions.names() if _VERSION.fullmatch(name))

    def _record_of(self, version: int) -> NodeRecord:
        with self.folder.folder("versions") as versions, versions.folder(str(version)) as folder:
            return self._record(folder, version)

    def _record_beside(self) -> NodeRecord | None:
        return self._record(self.folder) if self.folder.has("node.json") else None

    def _record(self, folder: SafeFolder, version: int | None = None) -> NodeRecord:
        try:
            value = strict_json(folder.read("node.json", LARGEST_FILE))
        except Equivocal as error:
            raise NodeError(f"A node.json of {self.node_id} {error}.", "Restore the folder.") from None
        except (ValueError, RecursionError, FileNotFoundError):
            raise NodeError(f"A node.json of {self.node_id} is missing or no JSON.", "Restore the folder.") from None
        record = NodeRecord.from_json_value(value)
        if record.node_id != self.node_id or version not in (None, record.version):
            raise NodeError(f"A node.json of {self.node_id} tells of another node.", "Restore the folder.")
        return record

    def __enter__(self) -> NodeFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.folder.close()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _listed(numbers: list[int]) -> str:
    return "the versions " + ", ".join(map(str, numbers)) if numbers else "none"
