"""What the commands have in common that are asked about a session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evolver_tui.core.errors import UsageError

if TYPE_CHECKING:
    from evolver_tui.settings.workspace import Workspace


@contextmanager
def hinting_at_the_demo(workspace: Workspace) -> Iterator[None]:
    """Where a session is looked for that is not here, say that the demo has sessions of its own. Raises UsageError."""
    from evolver_tui.engine.export import SessionUnknown
    from evolver_tui.wiring import demo_hint

    try:
        yield
    except SessionUnknown as error:
        raise UsageError(error.message, f"{error.way_out} {demo_hint(workspace)}".rstrip()) from None
