"""What every command is told."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar

from evolver_tui.core.address import Address

if TYPE_CHECKING:
    from evolver_tui.wiring import Workspace


class Options(SimpleNamespace):
    """What was asked for. Each command has a subclass that names what its parser reads."""

    takes_demo: ClassVar[bool] = False
    """Whether the command may work with the demo's database."""

    home: str | None = None
    nodes: str | None = None
    database: Address | None = None
    demo: bool = False

    def find_workspace(self) -> Workspace:
        """The config and the folders. Raises UsageError, ConfigError."""
        from evolver_tui.wiring import find_workspace

        return find_workspace(self.home, self.nodes, self.database, os.environ, is_demo=self.demo)
