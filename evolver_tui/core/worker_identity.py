"""The name by which a worker's process holds jobs."""

from __future__ import annotations

from typing import NamedTuple


class WorkerIdentity(NamedTuple):
    """`host@run:pid:start`, which no other process has, now or later; or any other text that a worker goes by.

    What such a text does not hold is empty.
    """

    text: str

    @classmethod
    def of(cls, place: str, pid: int, start: str) -> WorkerIdentity:
        """The identity of a process.

        Args:
            place: `host@run`: the host's name, and what tells its processes from all others; without a colon.
            start: when it began, in the system's own terms.
        """
        return cls(f"{place}:{pid}:{start}")

    @property
    def place(self) -> str:
        """Where its process number counts: `host@run`."""
        return self.text.partition(":")[0]

    @property
    def host(self) -> str:
        """The host's name; for people, since several hosts may share it."""
        return self.place.partition("@")[0]

    @property
    def pid(self) -> str:
        """The process number."""
        return self.text.partition(":")[2].partition(":")[0]

    @property
    def start(self) -> str:
        """When the process began."""
        return self.text.partition(":")[2].partition(":")[2]

    def __bool__(self) -> bool:
        """Whether it names anybody."""
        return bool(self.text)

    def __str__(self) -> str:
        return self.text

    @property
    def shown(self) -> str:
        """Which process it is, as a part of a sentence."""
        return f"process {self.pid} on {self.host}" if self.pid else self.text or "a worker without a name"


NOBODY = WorkerIdentity("")
