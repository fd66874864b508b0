"""Tasks that belong together when data is split: what was learned of one must not be asked of another."""

from __future__ import annotations

import hashlib


class TaskGroups:
    """Groups of tasks by id. A group has the name of the task that came first, and by that its side of the split, so
    that a later export puts it on the same."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._tasks: list[str] = []
        self._parents: list[int] = []

    def add(self, task_id: str) -> None:
        """Know a task, as a group of its own until it is joined to another."""
        if task_id not in self._places:
            self._places[task_id] = len(self._tasks)
            self._parents.append(len(self._tasks))
            self._tasks.append(task_id)

    def join(self, one: str, other: str) -> None:
        """Put two tasks, and all that belong to them, into one group."""
        self.add(one)
        self.add(other)
        first, second = sorted((self._root(self._places[one]), self._root(self._places[other])))
        self._parents[second] = first

    def group_of(self, task_id: str) -> str:
        """The first task of a known one's group."""
        return self._tasks[self._root(self._places[task_id])]

    def _root(self, place: int) -> int:
        while self._parents[place] != place:
            self._parents[place] = place = self._parents[self._parents[place]]
        return place


def is_held_back(group: str, share: float) -> bool:
    """Whether a group belongs to the validation's share, 0 to 1, going by a hash of its name."""
    return place_of(group) < share


def place_of(group: str) -> float:
    """The share, 0 to 1, above which a group is held back."""
    digest = hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / 2**64
