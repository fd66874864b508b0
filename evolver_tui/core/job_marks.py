"""What rules, or people, put on a job beside what its task says: tags, another priority, and who has to review it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from evolver_tui.core.task_fields import PRIORITIES

MOST_TAGS: Final = 20
LONGEST_TAG: Final = 40
MOST_NOTES: Final = 10
LONGEST_NOTE: Final = 300


class JobMarks(NamedTuple):
    """The marks of one job."""

    tags: tuple[str, ...] = ()
    """In the order in which they came; at most `MOST_TAGS`, and later ones are left out."""
    priority: str = ""
    """Another one than its task's; empty for none."""
    needs_review: bool = False
    """Whether its draft waits for a person, whatever else would approve it."""
    notes: tuple[str, ...] = ()
    """Who marked it and how, a sentence each, the latest last."""

    def to_json_value(self) -> dict[str, Any]:
        """What is not as it is of itself."""
        found = {
            "tags": list(self.tags),
            "priority": self.priority,
            "needs_review": self.needs_review,
            "notes": list(self.notes),
        }
        return {key: value for key, value in found.items() if value}

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> JobMarks:
        """The inverse of `to_json_value`; of what somebody else wrote, what fits."""
        priority = value.get("priority")
        return cls(
            tags=tuple(dict.fromkeys(_texts(value.get("tags"), LONGEST_TAG)))[:MOST_TAGS],
            priority=str(priority) if priority in PRIORITIES else "",
            needs_review=value.get("needs_review") is True,
            notes=_texts(value.get("notes"), LONGEST_NOTE)[-MOST_NOTES:],
        )


def _texts(value: object, longest: int) -> tuple[str, ...]:
    found = value if isinstance(value, list) else []
    return tuple(each[:longest] for each in found if isinstance(each, str) and each)


class MarkChange(NamedTuple):
    """What is to become of a job's marks; what is empty stays as it is."""

    tags: tuple[str, ...] = ()
    """To be added."""
    priority: str = ""
    needs_review: bool = False
    note: str = ""
    """Who wants it and what, in a sentence; kept where something changes by it, or where it is all there is to say."""

    def of(self, marks: JobMarks, priority: str) -> JobMarks:
        """The marks as they are after it; the same ones where it changes nothing.

        Args:
            priority: what the job's is now.
        """
        changed = JobMarks(
            tags=tuple(dict.fromkeys((*marks.tags, *self.tags)))[:MOST_TAGS],
            priority=self.priority if self.priority and self.priority != priority else marks.priority,
            needs_review=marks.needs_review or self.needs_review,
            notes=marks.notes,
        )
        says_more = bool(self.tags or self.priority or self.needs_review)
        if not self.note or (changed == marks and (says_more or self.note[:LONGEST_NOTE] in marks.notes)):
            return changed
        return JobMarks(
            changed.tags, changed.priority, changed.needs_review, (*marks.notes, self.note[:LONGEST_NOTE])[-MOST_NOTES:]
        )
