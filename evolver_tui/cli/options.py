"""What every command is told."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar

from evolver_tui.core.address import Address
from evolver_tui.core.errors import UsageError

if TYPE_CHECKING:
    from evolver_tui.settings.workspace import Workspace


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
        from evolver_tui.settings.workspace import find_workspace

        return find_workspace(self.home, self.nodes, self.database, os.environ, is_demo=self.demo)

    def find_database(self) -> Workspace:
        """The workspace, for what reads its database: a file that was mistyped is not taken for an empty one."""
        from evolver_tui.wiring import lacks_database

        workspace = self.find_workspace()
        if self.database and lacks_database(workspace):
            raise UsageError(
                f"There is no database {workspace.database_file}.",
                "Name one that is there; the console, `connect`, `worker` and `jobs import` make one.",
            )
        return workspace
