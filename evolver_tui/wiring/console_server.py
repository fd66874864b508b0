"""What serves the console to browsers."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from evolver_tui.core.errors import UsageError
from evolver_tui.settings.workspace import Workspace

if TYPE_CHECKING:
    from evolver_tui.adapters.web.console.consoles import Consoles
    from evolver_tui.engine.front import Front

TOKEN_VARIABLE: Final = "EVOLVER_WEB_TOKEN"
"""Where a token can be set; without one it is another one at each start."""


class ServedConsole(NamedTuple):
    """A server, not started, and what opens its page."""

    front: Front
    consoles: Consoles
    token: str


def make_console_server(
    workspace: Workspace, arguments: Sequence[str], host: str, port: int, origins: Sequence[str],
    tell: Callable[[str], None],
) -> ServedConsole:  # fmt: skip
    """What serves the console, to be called within a running loop. Blocks for the token.

    Args:
        arguments: of the consoles.
        origins: of pages that may use it, beside its own.
        tell: hears what happens, as a sentence.

    Raises:
        UsageError: an origin is none, the token cannot be sent, or the extra is not installed.
        ConfigError: a file of secrets cannot be used.
    """
    try:
        from evolver_tui.adapters.web.console.access import console_access
        from evolver_tui.adapters.web.console.consoles import Consoles
        from evolver_tui.adapters.web.console.server import ConsoleServer
    except ImportError as error:
        package = (error.name or "a package").partition(".")[0]
        raise UsageError(
            f"The console in a browser needs {package}, which is not installed.", "pip install 'evolver-tui[web]'"
        ) from None
    from evolver_tui.core.address import show_addresses

    token = workspace.secret(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    if not (token.isascii() and token.isprintable()):
        raise UsageError(f"The token in {TOKEN_VARIABLE} has signs that no browser sends.", "Use letters and digits.")
    access = console_access(host, token, TOKEN_VARIABLE, origins)
    command = [sys.executable, "-m", "evolver_tui", *arguments]
    consoles = Consoles(command, _environ(), tell)
    server = ConsoleServer(
        consoles, access, port, fault=lambda error: tell(f"Something went wrong: {show_addresses(repr(error))}.")
    )
    return ServedConsole(server, consoles, token)


def _environ() -> dict[str, str]:
    """What a console is started with: it stands in a terminal of its own, which knows colours and UTF-8."""
    strange = (TOKEN_VARIABLE, "TMUX", "TMUX_PANE", "STY", "COLUMNS", "LINES", "TERM_PROGRAM", "LC_ALL")
    environ = {name: value for name, value in os.environ.items() if name not in strange}
    return {**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_CTYPE": "C.UTF-8"}
