"""Nodes: the small programs that the author writes, and what is known about each."""

from __future__ import annotations

import hashlib
import keyword
import re
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from evolver_tui.core.check_codes import HIGH, phrase_of
from evolver_tui.core.errors import NodeError
from evolver_tui.core.spending import Spent

_NODE_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NODE_VERSION = re.compile(rf"({_NODE_ID.pattern}) v([1-9][0-9]{{0,8}})")
_DEVICE_NAMES = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}
_RESERVED = _DEVICE_NAMES | {"index", "versions", "node_runtime", "nodes", "main", "test_main"}


def check_node_id(node_id: str) -> str:
    """`node_id`, if it can name a folder and a module anywhere.

    Raises:
        NodeError: it does not match [a-z][a-z0-9_]{0,63}, or is a reserved name.
    """
    if not _NODE_ID.fullmatch(node_id):
        shown = ascii(node_id[:70])
        raise NodeError(f"{shown} cannot name a node.", "Use a to z, 0 to 9 and _, starting with a letter, at most 64.")
    if node_id in _RESERVED or keyword.iskeyword(node_id) or node_id in sys.stdlib_module_names:
        raise NodeError(f"{node_id!r} is a reserved name.", "Choose another id for the node.")
    return node_id


@dataclass(frozen=True, slots=True)
class NodeVersion:
    """A version of a node, shown as `<node id> v<version>`."""

    node_id: str
    version: int

    def __str__(self) -> str:
        return f"{self.node_id} v{self.version}"

    @classmethod
    def read(cls, text: str) -> NodeVersion | None:
        """The inverse of `str`; None for any other text."""
        found = _NODE_VERSION.fullmatch(text)
        return cls(found[1], int(found[2])) if found else None


def slug(text: str, fallback: str = "node") -> str:
    """A valid node id made of `text`, as near to it as the rules allow."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    candidate = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:64].rstrip("_")
    if not candidate or not candidate[0].isalpha():
        candidate = f"{fallback}_{candidate}".rstrip("_")[:64]
    try:
        return check_node_id(candidate)
    except NodeError:
        return f"{candidate[:59]}_node"


def sha256_of(code: str) -> str:
    """The hexadecimal digest that an approval binds."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


class FindingLevel(StrEnum):
    """How much a finding weighs: nothing to do, worth a look, cannot be approved."""

    PASS = "pass"
    NOTE = "note"
    FAIL = "fail"


class Risk(StrEnum):
    """What the capability list adds up to. It informs; it protects from nothing."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check has to say. `line` counts from 1; 0 is the whole node."""

    check: str
    """The reason code; `check_codes.MEANINGS` says what it means."""
    level: FindingLevel
    message: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the checks say about one draft."""

    findings: tuple[Finding, ...]
    capabilities: tuple[str, ...]
    """What the code can reach, e.g. `files`, `network`, `processes`, `environment`, `eval`; sorted."""
    tools: tuple[str, ...]
    """Names that the code passes to call_tool, sorted."""
    risk: Risk

    @property
    def can_be_approved(self) -> bool:
        """Whether no finding forbids it."""
        return all(finding.level is not FindingLevel.FAIL for finding in self.findings)

    @property
    def risky(self) -> tuple[str, ...]:
        """The capabilities that make the risk what it is."""
        high = tuple(each for each in self.capabilities if each in HIGH)
        return high if high and self.risk is Risk.HIGH else self.capabilities

    @property
    def risk_reasons(self) -> tuple[str, ...]:
        """What makes the risk what it is, each as what the node does; empty for a low one."""
        if not self.capabilities and self.risk is Risk.HIGH:
            return ("cannot be read",)
        return tuple(map(phrase_of, self.risky))

    def to_json_value(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "findings": [
                {"check": f.check, "level": f.level.value, "message": f.message, "line": f.line} for f in self.findings
            ],
            "capabilities": list(self.capabilities),
            "tools": list(self.tools),
            "risk": self.risk.value,
        }

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> CheckReport:
        """The inverse of `to_json_value`."""
        findings = tuple(
            Finding(item["check"], FindingLevel(item["level"]), item["message"], item["line"])
            for item in value["findings"]
        )
        return cls(findings, tuple(value["capabilities"]), tuple(value["tools"]), Risk(value["risk"]))


@dataclass(frozen=True, slots=True)
class NodeDraft:
    """Code that was written and not yet decided about."""

    node_id: str
    title: str
    code: str
    tools_used: tuple[str, ...]
    """What the author says it uses; the report has what the code shows."""
    complexity: str
    author: str
    """Backend and model, or "offline", or "edited by <name>"."""
    seconds: float = 0.0
    tokens: int | None = None
    """Tokens the model generated, as its provider counted them; None when nobody counted."""
    sample_inputs: tuple[Mapping[str, Any], ...] = ()
    """What its author proposes to try it with."""
    addressed: tuple[str, ...] = ()
    """How its author says that it met what the draft before was sent back for, a line each."""
    spent: Spent | None = None
    """What writing it took, with repeated answers; None where nobody knows, and after an edit."""

    @property
    def sha256(self) -> str:
        """The digest of `code`."""
        return sha256_of(self.code)

    def to_json_value(self) -> dict[str, Any]:
        """The draft as JSON."""
        value = {**asdict(self), "tools_used": list(self.tools_used), "sample_inputs": list(self.sample_inputs)}
        if self.addressed:
            value["addressed"] = list(self.addressed)
        else:
            del value["addressed"]  # what has none reads as drafts did before there were any
        if self.spent is None:
            del value["spent"]
        return value

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> NodeDraft:
        """The inverse of `to_json_value`."""
        read = {
            "tools_used": tuple(value["tools_used"]),
            "sample_inputs": tuple(value.get("sample_inputs", ())),
            "addressed": tuple(map(str, value.get("addressed", ()))),
        }
        spent = value.get("spent")
        return cls(**{**value, **read, "spent": None if spent is None else Spent.from_json_value(spent)})


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """An approved node: `node.json` beside its `main.py`."""

    node_id: str
    title: str
    version: int
    """1 for the first approval, counted up; `versions/` keeps each."""
    sha256: str
    tags: tuple[str, ...]
    task_type: str
    tools: tuple[str, ...]
    capabilities: tuple[str, ...]
    risk: Risk
    author: str
    decided_by: str
    decided_at: str
    """ISO 8601, UTC, ending in Z."""
    task_id: str
    lineage: Mapping[str, Any] = field(default_factory=dict)
    """`parent`: the version that this one replaced, or null; `derived_from`: node ids; `approval`: which one it was."""

    @property
    def approval(self) -> str:
        """Which approval made it; empty where that was not kept."""
        known = self.lineage.get("approval")
        return known if isinstance(known, str) else ""

    @property
    def node_version(self) -> NodeVersion:
        """Which version of which node this is."""
        return NodeVersion(self.node_id, self.version)

    def to_json_value(self) -> dict[str, Any]:
        """`node.json`'s content."""
        return {
            "node_id": self.node_id,
            "title": self.title,
            "version": self.version,
            "type": "processor",
            "language": "python",
            "sha256": self.sha256,
            "tags": list(self.tags),
            "task_type": self.task_type,
            "tools": list(self.tools),
            "capabilities": list(self.capabilities),
            "fit": {"risk": self.risk.value},
            "author": self.author,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at,
            "task_id": self.task_id,
            "lineage": dict(self.lineage),
        }

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> NodeRecord:
        """The inverse of `to_json_value`.

        Raises:
            NodeError: a field is missing or of the wrong type.
        """
        try:
            return cls(
                node_id=check_node_id(value["node_id"]),
                title=str(value["title"]),
                version=int(value["version"]),
                sha256=str(value["sha256"]),
                tags=tuple(value["tags"]),
                task_type=str(value["task_type"]),
                tools=tuple(value["tools"]),
                capabilities=tuple(value["capabilities"]),
                risk=Risk(value["fit"]["risk"]),
                author=str(value["author"]),
                decided_by=str(value["decided_by"]),
                decided_at=str(value["decided_at"]),
                task_id=str(value["task_id"]),
                lineage=dict(value["lineage"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NodeError(f"node.json cannot be read: {error!r}.", "Restore it from versions/.") from None
