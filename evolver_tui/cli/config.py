"""`evolver-tui config`: the config in force, where it is, what is wrong with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from evolver_tui.cli.arguments import Subparsers, call, workspace_arguments
from evolver_tui.cli.console import actions
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import say


class ConfigOptions(Options):
    """What is asked of the config."""

    what: str


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser("config", parents=[workspace_arguments()], help="the config that is in force")
    parser.add_argument("what", choices=("show", "path", "check"))
    call(run, ConfigOptions, parser)


def run(options: ConfigOptions) -> int:
    """Show the config, its path or its mistakes."""
    from evolver_tui.settings.config import check_config, load_config, show_config
    from evolver_tui.settings.paths import find_paths

    file = find_paths(Path(options.home) if options.home else None, os.environ).config_file
    if options.what == "check":
        problems = check_config(file, actions())
        say("\n".join(problems) or f"{file} can be used.", sys.stdout)
        return ExitCode.WRONG_USAGE if problems else ExitCode.DONE
    print(f"{file}\n" if options.what == "path" else show_config(load_config(file), file, actions()), end="")
    return ExitCode.DONE
