"""What a person decides about a draft, in the words of LangChain's reviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class DecisionKind(StrEnum):
    """Approve as it is, replace the code, send back or end, answer in words, or take a node that is there instead."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    RESPOND = "respond"
    REUSE = "reuse"


_TEXTS: Final = ("reason", "code", "sha256", "by", "typed_name", "node", "id")


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about one draft.

    A reject with a `reason` is sent back to the author; one without ends the task. An approve names by `sha256` the
    very bytes that were read, and by `replaces` those of the current version whose place they take: empty for a node
    that there is not yet, None where that was not said. One of a draft of high risk carries its node's name as a person
    typed it, `typed_name`. Its `id`, which no other has, lets it be taken back. An edit carries the replacing `code`.
    A reuse names the `node` that is taken instead, as `<node id> v<version>`, and by `sha256` its bytes. `by` is who
    decided: a person's name, or the rule's when nobody was asked.
    """

    kind: DecisionKind
    reason: str = ""
    code: str = ""
    sha256: str = ""
    by: str = ""
    replaces: str | None = None
    typed_name: str = ""
    node: str = ""
    id: str = ""

    def to_json_value(self) -> dict[str, Any]:
        """Only what is set, as JSON."""
        values = {name: getattr(self, name) for name in _TEXTS}
        said = {"replaces": self.replaces} if self.replaces is not None else {}
        return {"kind": self.kind.value, **{name: value for name, value in values.items() if value}, **said}

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Decision:
        """The inverse of `to_json_value`."""
        texts = {name: str(value.get(name, "")) for name in _TEXTS}
        return cls(kind=DecisionKind(value["kind"]), **texts, replaces=value.get("replaces"))


def is_reuse(journal: Mapping[str, Any]) -> bool:
    """Whether the last review of a job's journal ended with a node that was there before."""
    reviews = [value for name, value in journal.items() if name.startswith("review ") and isinstance(value, Mapping)]
    return bool(reviews) and reviews[-1].get("kind") == DecisionKind.REUSE.value
