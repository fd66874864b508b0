"""Programs that a draft is the same as, or nearly: nodes of the library, and drafts that wait beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evolver_tui.core.node import NodeVersion
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.shape import Shape, integer, is_number, is_text

LEAST_LIKE: Final = 0.75
"""The likeness from which one is told of. Nodes of one pattern that do different things stay below 0.5; one more
statement, or another text in a call, takes a tenth from a short one."""


@dataclass(frozen=True, slots=True)
class LikeProgram:
    """One of them."""

    node_id: str
    version: int
    """Of the node; 0 for a draft that waits for a decision."""
    task_id: str
    """The task that it was made for."""
    sha256: str
    likeness: float
    """From `LEAST_LIKE` to 1, as `near_duplicates.likeness` has it; 1 where both do the same."""
    does_the_same: bool = False
    """Whether they differ in names, comments and formatting at most."""

    @property
    def node(self) -> NodeVersion | None:
        """The node; None for a draft that waits."""
        return NodeVersion(self.node_id, self.version) if self.version else None

    @property
    def name(self) -> str:
        """E.g. `summarize_blog_post v3`, or of which task a draft is. It may hold a stranger's text."""
        return str(self.node) if self.version else f"the draft of {self.task_id}"

    def words(self, sha256: str) -> str:
        """How much it is like a draft of this digest, in a few words: e.g. `92 % same as summarize_blog_post v3`."""
        if self.sha256 == sha256:
            return f"the very code of {self.name}"
        if self.does_the_same:
            return f"does the same as {self.name}"
        return f"{min(99, int(self.likeness * 100))} % same as {self.name}"

    def to_json_value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "node_id": self.node_id,
            "version": self.version,
            "task_id": self.task_id,
            "sha256": self.sha256,
            "likeness": round(self.likeness, 3),
            "does_the_same": self.does_the_same,
        }

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> LikeProgram:
        """The inverse of `to_json_value`. Raises KeyError, TypeError, ValueError."""
        return cls(
            str(value["node_id"]), int(value["version"]), str(value["task_id"]), str(value["sha256"]),
            float(value["likeness"]), bool(value["does_the_same"]),
        )  # fmt: skip


def duplicate_forms(like: Sequence[LikeProgram], sha256: str, reuse_key: str = "") -> tuple[str, ...]:
    """What a draft is like in a line, from the longest form to the shortest, safe to draw; empty for nothing.

    Args:
        sha256: of the draft.
        reuse_key: the key that uses a node instead; empty where there is none.
    """
    if not like:
        return ()
    words = [safe_text(each.words(sha256), 160) for each in like]
    key = f", {reuse_key} uses that" if reuse_key and like[0].node is not None else ""
    others = f", {words[1]}" if len(words) > 1 else ""
    return tuple(dict.fromkeys((f"{words[0]}{key}{others}", f"{words[0]}{key}", words[0])))


def node_of(like: Sequence[LikeProgram]) -> tuple[NodeVersion, str] | None:
    """The node that could be used in the place of a draft, the likest one, with its digest; None for none."""
    return next(((each.node, each.sha256) for each in like if each.node is not None), None)


LIKE_SHAPE: Final[dict[str, Shape]] = {
    "node_id": is_text,
    "version": integer(0, 2**31 - 1),
    "task_id": is_text,
    "sha256": is_text,
    "likeness": is_number,
    "does_the_same": lambda value: isinstance(value, bool),
}
