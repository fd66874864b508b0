"""`evolver-tui config`: the config in force, where it is, what is wrong with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from evolver_tui.cli.arguments import Subparsers, call, workspace_arguments
from evolver_tui.cli.console import actions
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import say, write_a_file


class ConfigOptions(Options):
    """What is asked of the config."""

    what: str
    online: bool = False


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    shared = workspace_arguments()
    config = commands.add_parser("config", parents=[shared], help="the config that is in force")
    verbs = config.add_subparsers(metavar="VERB", required=True)
    for what, help_text in (
        ("show", "every setting with what it means"),
        ("path", "where its file is"),
        ("check", "what is wrong with it"),
    ):
        parser = verbs.add_parser(what, parents=[shared], help=help_text)
        if what == "check":
            parser.add_argument("--online", action="store_true", help="ask the model for one word as well")
        call(run, ConfigOptions, parser, what=what)


def run(options: ConfigOptions) -> int:
    """Show the config, its path or its mistakes."""
    from evolver_tui.settings.config import check_config, load_config, show_config
    from evolver_tui.settings.paths import find_paths

    file = find_paths(Path(options.home) if options.home else None, os.environ).config_file
    if options.what == "check":
        problems = check_config(file, actions())
        say("\n".join(problems) or f"{file} can be used.", sys.stdout)
        if problems:
            return ExitCode.WRONG_USAGE
        return _try_model(options) if options.online else ExitCode.DONE
    write_a_file()
    if options.what == "path" and sys.stdout.isatty():
        say(str(file), sys.stdout)
    else:  # what show_config makes is safe to draw, and a script needs a path as it is
        print(f"{file}\n" if options.what == "path" else show_config(load_config(file), file, actions()), end="")
    return ExitCode.DONE


def _try_model(options: ConfigOptions) -> int:
    """Ask the model for one word, and say what came of it."""
    from evolver_tui.cli.trial import try_model

    sentences, problem = try_model(options.find_workspace())
    say("\n".join(sentences if problem is None else (str(problem), *sentences)), sys.stdout)
    return ExitCode.DONE if problem is None else ExitCode.FAILED
