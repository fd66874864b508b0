"""`evolver-tui` without a command: the console."""

from __future__ import annotations

import gc
import io
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.core.address import Address
from evolver_tui.core.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from evolver_tui.core.job import QueueCounts, QueueRow
    from evolver_tui.engine.training.monitor import TrainingMonitor, TrainingMonitorMaker
    from evolver_tui.engine.workflow.monitor import MonitorMaker, WorkflowMonitor
    from evolver_tui.settings.keymap import KeyBinding
    from evolver_tui.settings.workspace import Workspace
    from evolver_tui.tui.desk_settings import DeskSettings

_PLAIN = "Signs are plain: the encoding is {encoding}. LC_ALL=C.UTF-8 has others."
"""Has to fit into its row at 80 columns."""
_FOR_TERMINALS = "\x1b[?1;2m~+-&AZaz"
"""What every terminal takes as these bytes and no others."""
SECONDS_A_THREAD_HOLDS_ON = 0.001
"""Python's own 5 ms would let a busy hub's threads keep a key waiting for several of these."""


class ConsoleOptions(Options):
    """What the console is told."""

    takes_demo = True

    hub: Address | None = None
    theme: str | None = None
    no_worker: bool = False


def add_arguments(parser: ArgumentParser) -> None:
    """Add the console's own to the parser of a line that may have no command. The module is used without a parser."""
    from evolver_tui.cli.arguments import call

    parser.add_argument("--demo", action="store_true", help="a sample hub in this process and the offline author")
    parser.add_argument("--hub", metavar="URL", type=Address, help="the SignalR hub to subscribe to")
    parser.add_argument("--theme", metavar="NAME", help="colours, by the name of a theme")
    parser.add_argument(
        "--no-worker", action="store_true", help="work on nothing here: other processes do (evolver-tui worker)"
    )
    call(run, ConsoleOptions, parser)


def run(options: ConsoleOptions) -> int:
    """Open the console. Vendors are imported after its first frame."""
    gc.disable()  # until the session is open: what is made in between stays, and looking through it takes a while
    check_terminal("Without one, use `evolver-tui connect < config.json`.")
    workspace = options.find_workspace()
    _check_hub(options.hub)
    if workspace.config.keys:
        _check_keys(workspace)
    workspace.paths.create()
    os.environ.setdefault("TEXTUAL_FPS", "120")  # read once, when Textual is imported

    from evolver_tui.tui.app import EvolverApp
    from evolver_tui.wiring import NO_WORK, Work, make_session

    settings = _console_settings(options, workspace)
    sys.setswitchinterval(SECONDS_A_THREAD_HOLDS_ON)
    work = NO_WORK if options.no_worker else Work()
    app = EvolverApp(lambda: make_session(workspace, work=work), lambda: _first_rows(workspace.database_file), settings)
    result = app.run()
    return ExitCode.DONE if result is None else result


def check_terminal(way_out: str) -> None:
    """Make sure that a console can be drawn.

    Args:
        way_out: what does without a terminal.

    Raises:
        UsageError: there is none, or one of an encoding that it cannot be drawn in.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("The console needs a terminal on standard input and output.", way_out)
    _check_encoding(sys.stdout.encoding)
    if not sys.stderr.isatty():
        _draw_on_standard_output()


def actions() -> dict[str, KeyBinding]:
    """What keys can do, by id."""
    from evolver_tui.tui.actions import key_bindings
    from evolver_tui.tui.all_actions import ACTIONS
    from evolver_tui.tui.views import VIEWS, views_of

    return key_bindings(ACTIONS, views_of(VIEWS))


def desk_settings(workspace: Workspace, theme: str | None = None) -> DeskSettings:
    """How any desk looks and behaves here.

    Args:
        theme: the theme that this line has named.
    """
    from evolver_tui.core.stand_ins import can_carry
    from evolver_tui.settings.config import DeskConfig
    from evolver_tui.settings.state import load_state, save_state
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.tui.drawing.symbols import SIGNS

    encoding = sys.stdout.encoding
    can_draw = can_carry(encoding, SIGNS)
    state_file = workspace.paths.state_file
    remembered = load_state(state_file).theme
    desk = workspace.config.desk
    return DeskSettings(
        theme=theme or (desk.theme if desk.theme != DeskConfig().theme else remembered) or desk.theme,
        user_themes=workspace.paths.themes,
        key_overrides=workspace.config.keys,
        remember_theme=lambda name: save_state(state_file, load_state(state_file)._replace(theme=name)),
        database=str(workspace.database),
        nodes_folder=str(workspace.nodes),
        copy_file=workspace.paths.data / "copied.txt",
        edits=workspace.paths.data / "edits",
        has_title=desk.title,
        has_bell=desk.bell,
        goes_on=desk.go_on,
        opens_next_question=desk.open_next_question,
        plain=desk.ascii or not can_draw,
        notices=() if can_draw or desk.ascii else (_PLAIN.format(encoding=encoding),),
    )


def _console_settings(options: ConsoleOptions, workspace: Workspace) -> DeskSettings:
    from evolver_tui.settings.person import editor_command
    from evolver_tui.settings.state import load_state, save_state
    from evolver_tui.wiring.hub import Demo

    state_file = workspace.paths.state_file
    remembered = load_state(state_file).hub_url
    return desk_settings(workspace, options.theme)._replace(
        connect_url=None if options.demo else _hub_of(options.hub or workspace.config.hub.url or remembered),
        starts_with_sample=options.demo,
        remembered_url=remembered,
        remember_url=lambda url: save_state(state_file, load_state(state_file)._replace(hub_url=url)),
        sample_hub=Demo(workspace, is_alone=options.demo).start,
        make_monitor=monitor_maker(workspace),
        make_training=training_maker(workspace),
        exports=workspace.paths.exports,
        editor=lambda: editor_command(workspace.config.desk, os.environ),
        replay=partial(_replay, options),
        run_options=_run_options(options, workspace),
    )


def monitor_maker(workspace: Workspace) -> MonitorMaker | None:
    """What the console watches chats with, imported when they are first looked at."""
    if workspace.is_demo and not workspace.environ.get("NATS_URL", "").strip():
        return None  # a look around reaches nothing real that was not named on its line

    def make() -> WorkflowMonitor:
        from evolver_tui.wiring.workflow import make_monitor

        return make_monitor(workspace)

    return make


def training_maker(workspace: Workspace) -> TrainingMonitorMaker:
    """What the console watches training runs with, imported when they are first looked at."""

    def make() -> TrainingMonitor:
        from evolver_tui.wiring.training import make_training_monitor

        return make_training_monitor(workspace)

    return make


def _replay(options: ConsoleOptions, session_id: str) -> list[str]:
    """What shows a session again that lies where this line looks. A session's id begins with no dash."""
    places = {"--home": options.home, "--nodes": options.nodes}
    given = [f"{name}={os.path.abspath(os.path.expanduser(place))}" for name, place in places.items() if place]
    if options.database:
        given.append(f"--database={options.database.for_connecting()}")
    if options.demo:
        given.append("--demo")
    return [sys.executable, "-P", "-m", "evolver_tui", "replay", *given, session_id]


def _run_options(options: ConsoleOptions, workspace: Workspace) -> str:
    """What leads any shell to the library that this line has named."""
    import shlex

    home = f" --home {shlex.quote(os.path.abspath(os.path.expanduser(options.home)))}" if options.home else ""
    return home + (f" --nodes {shlex.quote(str(workspace.nodes))}" if options.nodes else "")


def _check_encoding(encoding: str) -> None:
    """Refuse one that no terminal speaks."""
    import codecs

    encoder = codecs.getincrementalencoder(encoding)(errors="replace")
    encoder.encode("")  # a mark at the start of a text does no harm
    if encoder.encode(_FOR_TERMINALS) != _FOR_TERMINALS.encode("ascii"):
        if isinstance(sys.stderr, io.TextIOWrapper):  # has that encoding as well, and the refusal is to be read
            sys.stderr.reconfigure(encoding="ascii")
        raise UsageError(
            f"The console cannot be drawn in the encoding {encoding}.",
            "Unset PYTHONIOENCODING, or set it to utf-8.",
        )


def _draw_on_standard_output() -> None:
    """Have the screen drawn on standard output, which is a terminal; Textual draws on what `sys.__stderr__` is.

    Standard error is left to what somebody sent there: `sys.stderr` still writes to it.
    """
    stream = "__stderr__"
    out = sys.stdout
    setattr(sys, stream, os.fdopen(os.dup(out.fileno()), "w", encoding=out.encoding, errors=out.errors))


def _check_keys(workspace: Workspace) -> None:
    """Refuse keys that cannot be used, with the file's whole path."""
    from evolver_tui.settings.keymap import check_keymap

    check_keymap(actions(), workspace.config.keys, str(workspace.paths.config_file))


def _first_rows(database: Path | None) -> tuple[list[QueueRow], QueueCounts | None]:
    """What stood in the queue the last time; at a first start there is nothing to read, nor to import for it."""
    if database is None or not os.path.exists(database):
        return [], None
    from evolver_tui.adapters.database.queue_peek import peek

    return peek(database)


def _hub_of(address: Address) -> Address | None:
    """The hub to connect to at once: none where it is not known, or not whole since its secret was not kept."""
    return address if address and address.is_whole else None


def _check_hub(address: Address | None) -> None:
    from evolver_tui.settings.values import HUB_SCHEMES, address_problem

    problem = address_problem(address.for_connecting(), HUB_SCHEMES) if address else None
    if problem:
        raise UsageError(f"--hub has to be {problem}.", "E.g. http://localhost:5000/taskhub.")
