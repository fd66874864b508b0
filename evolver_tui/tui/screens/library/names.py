"""What pages and orders of the library's view are called; its actions know them before anything of it is loaded."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

CODE: Final = "Code"
VERSIONS: Final = "Versions"
DIFF: Final = "Diff"
EXAMPLES: Final = "Examples"
RUNS: Final = "Runs"


class Order(StrEnum):
    """What nodes are ordered by."""

    LAST_RUN = "last run"
    NAME = "name"
    APPROVED = "approved"
