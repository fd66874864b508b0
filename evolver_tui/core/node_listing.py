"""A library seen as a whole: what is known of every node without opening it, and of one once it is."""

from __future__ import annotations

from typing import NamedTuple

from evolver_tui.core.node import NodeRecord


class Retirement(NamedTuple):
    """Who took a node out of the list, and when; it stays in the library."""

    by: str
    at: str = ""
    """ISO 8601, UTC, ending in Z; empty where that cannot be read."""


class ListedNode(NamedTuple):
    """A node as the library's index has it."""

    node_id: str
    version: int
    title: str
    task_type: str
    tags: tuple[str, ...]
    decided_at: str
    sha256: str
    retirement: Retirement | None = None
    """None for one that is in use."""

    @classmethod
    def of(cls, record: NodeRecord, retirement: Retirement | None = None) -> ListedNode:
        """A node by its record."""
        return cls(
            record.node_id, record.version, record.title, record.task_type, record.tags, record.decided_at,
            record.sha256, retirement,
        )  # fmt: skip

    @property
    def words(self) -> str:
        """What a search in names looks at."""
        return " ".join((self.node_id, self.title, self.task_type, *self.tags)).casefold()


class Overview(NamedTuple):
    """Every node of a library, by id."""

    nodes: tuple[ListedNode, ...] = ()
    problems: tuple[str, ...] = ()
    """A sentence for each folder that cannot be read."""


class NodeDetails(NamedTuple):
    """What is known of a node whose folder was opened."""

    record: NodeRecord
    versions: int
    """How many can be read."""
    examples: int
    is_edited: bool = False
    """Whether main.py has other bytes than were approved."""
    set_aside_by: str = ""
    """Who set it aside; empty where it may be run."""
    retirement: Retirement | None = None


class CodeMatch(NamedTuple):
    """Where a text stands in a node's code first."""

    node_id: str
    version: int
    line: int
    """From 1."""
    text: str
    """That line."""
    lines: int
    """How many lines have it."""


def match_in(node_id: str, version: int, code: str, text: str) -> CodeMatch | None:
    """The first line of a program that has a text, whatever its case; None where none has.

    Args:
        text: in the form of `str.casefold`.
    """
    if text not in code.casefold():  # nearly always: no line is looked at
        return None
    found = [(number, line) for number, line in enumerate(code.splitlines(), 1) if text in line.casefold()]
    return CodeMatch(node_id, version, *found[0], len(found)) if found else None
