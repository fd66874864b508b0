"""How a job stands to what jobs share."""

from __future__ import annotations


class Probing:
    """What may be used, and who tries what did not work. By itself: everything works."""

    def may_use(self, shared: str) -> bool:
        """Whether something may be used now; otherwise the job is to wait with others that need it."""
        return True

    @property
    def is_probe(self) -> bool:
        """Whether others wait to hear what becomes of this job."""
        return False

    @property
    def is_alone(self) -> bool:
        """Whether it tries what it met itself the last time, since no other job is there to try."""
        return False

    def step_aside(self) -> None:
        """What follows takes a while: others need not wait for it."""

    def works(self, shared: str) -> None:
        """Something was seen to work, by other means than this job's own."""

    async def has_spent(self) -> None:
        """The job spent something of what all of them may spend: look how much is left."""
