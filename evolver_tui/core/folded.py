"""Names as different languages and serializers spell them."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s_.-]+")


def folded(name: str) -> str:
    """A name without its case and separators: `taskName`, `TaskName`, `task_name` and `TASK-NAME` are one."""
    return _SEPARATORS.sub("", name).lower()
