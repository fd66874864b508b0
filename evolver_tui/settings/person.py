"""What depends on the person in front of the screen: the name and the editor."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from evolver_tui.core.errors import ConfigError
from evolver_tui.settings.config import DeskConfig
from evolver_tui.settings.values import quoted


def reviewer_name(desk: DeskConfig, environ: Mapping[str, str]) -> str:
    """The name that decisions are kept under: the configured one, else the login name, else "unknown"."""
    for name in (desk.reviewer, environ.get("LOGNAME", ""), environ.get("USER", "")):
        if name.strip():
            return name.strip()
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return "unknown"


def editor_command(desk: DeskConfig, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The editor to start, as program and arguments; the file's name comes last.

    Raises:
        ConfigError: the command cannot be read, or there is no such program on the search path.
    """
    import shlex

    way_out = "Name an editor in the config ([desk] editor), in VISUAL or in EDITOR."
    search = environ.get("PATH")
    for command in (desk.editor, environ.get("VISUAL", ""), environ.get("EDITOR", "")):
        if not command.strip():
            continue
        try:
            parts = shlex.split(command)
        except ValueError:
            parts = []
        if not parts or shutil.which(parts[0], path=search) is None:
            raise ConfigError(f"There is no editor {quoted(command)} here.", way_out)
        return tuple(parts)
    for program in ("nano", "vi"):
        if shutil.which(program, path=search):
            return (program,)
    raise ConfigError("There is no editor here.", way_out)
