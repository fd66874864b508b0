"""`evolver-tui doctor`: a line for each thing that has to work, with the way out where it does not.

It starts like a command that reads one file, makes and writes nothing, and is over in bounded time whatever hangs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from evolver_tui import __version__
from evolver_tui.cli.arguments import Subparsers, add_json_argument, call, workspace_arguments
from evolver_tui.cli.doctor import machine, workspace
from evolver_tui.cli.doctor.diagnosis import Diagnosis, Examination, State, examine, lacking
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import Result, show
from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import UsageError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.stand_ins import cells

_WIDTH: Final = 80
_LONGEST: Final = 600
"""Characters of one message."""


class DoctorOptions(Options):
    """What is asked of the doctor."""

    json: bool
    online: bool


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor", parents=[workspace_arguments()], help="what works on this machine, and what to do about the rest"
    )
    add_json_argument(parser)
    parser.add_argument(
        "--online", action="store_true", help="ask the hub for a connection and the model for one word as well"
    )
    call(run, DoctorOptions, parser)


def run(options: DoctorOptions) -> int:
    """Look at everything and tell of it."""
    return show(result_of(diagnose(options)), as_json=options.json)


def diagnose(options: DoctorOptions) -> list[Diagnosis]:
    """Every line, in the order in which they are told."""
    environ = dict(os.environ)
    examinations = [
        Examination("python", machine.python),
        Examination("packages", machine.packages),
        Examination("terminal", lambda: machine.terminal(environ)),
        Examination("colours", lambda: machine.colours(environ)),
        Examination("locale", lambda: machine.locale(environ, sys.stdout.encoding)),
    ]
    return examine([*examinations, *_of_workspace(options)])


def _of_workspace(options: DoctorOptions) -> Iterator[Examination]:
    """What lies where the options and the config say. What is wrong with these leaves the rest to be looked at."""
    from evolver_tui.settings.paths import find_paths
    from evolver_tui.settings.workspace import find_workspace

    try:
        paths = find_paths(Path(options.home) if options.home else None, os.environ)
    except UsageError as error:
        yield _told(Diagnosis.of("folders", error))
        return
    except ImportError as error:
        yield _told(lacking("folders", error))
        return
    yield Examination("folders", lambda: workspace.folders(paths))
    config, lines = workspace.read_config(paths)
    yield _told(*lines)
    try:
        place = find_workspace(options.home, options.nodes, options.database, os.environ, config=config)
    except UsageError as error:
        if options.nodes or options.database:
            raise
        yield _told(Diagnosis.of("library", error))
        default = replace(config, library=replace(config.library, nodes=str(paths.data / "nodes")))
        place = find_workspace(options.home, None, None, os.environ, config=default)
        yield from (each for each in workspace.all_of(place, online=options.online) if each.name != "library")
    else:
        yield from workspace.all_of(place, online=options.online)


def _told(*lines: Diagnosis) -> Examination:
    """What is known already, at its place among the rest."""
    return Examination(lines[0].name, lambda: lines)


def result_of(lines: Sequence[Diagnosis]) -> Result:
    """The lines as JSON and as text, safe to draw and to quote, and the exit code."""
    lines = [replace(line, message=_shown(line.message), way_out=_shown(line.way_out)) for line in lines]
    broken = sum(line.state is State.BROKEN for line in lines)
    value = {"version": __version__, "healthy": not broken, "lines": [asdict(line) for line in lines]}
    ends = {0: "Everything that is needed works.", 1: "1 line is broken."}
    end = ends.get(broken, f"{broken} lines are broken.")
    text = "\n".join([*(row for line in lines for row in _rows(line)), "", end])
    return Result(value, text, exit_code=ExitCode.FAILED if broken else ExitCode.DONE)


def _shown(text: str) -> str:
    return safe_text(show_addresses(text), _LONGEST)


def _rows(line: Diagnosis) -> Iterator[str]:
    """One line as rows for a terminal: state, name, sentence, and the way out below it."""
    state = line.state.upper() if line.state is State.BROKEN else line.state.value
    head = f"{state:<6}  {line.name:<11}  "
    wrapped = [*_wrapped(line.message, _WIDTH - len(head))]
    wrapped += [
        f"{'> ' if not number else '  '}{row}"
        for number, row in enumerate(_wrapped(line.way_out, _WIDTH - len(head) - 2))
    ]
    for row in wrapped:
        yield f"{head}{row}".rstrip()
        head = " " * len(head)


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Rows of at most `width` cells, broken at spaces. A word stays whole, so that it can be copied."""
    row = ""
    for word in text.split():
        if row and cells(row) + 1 + cells(word) > width:
            yield row
            row = ""
        row = f"{row} {word}" if row else word
    if row:
        yield row
