"""`evolver-tui replay`: the desk of a session that is over, from its log alone."""

from __future__ import annotations

import gc
import io
import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from evolver_tui.cli.arguments import Subparsers, call, workspace_or_demo_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import tell
from evolver_tui.cli.past_sessions import hinting_at_the_demo
from evolver_tui.core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from evolver_tui.engine.replay.recording import Recording
    from evolver_tui.engine.session import Session


class ReplayOptions(Options):
    """What is shown, and how fast."""

    takes_demo = True

    log: str
    speed: str = "1"
    theme: str | None = None


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay", parents=[workspace_or_demo_arguments()], help="a past session on the desk, from its log"
    )
    parser.add_argument("log", metavar="FILE|SESSION", help="an export (jsonl), a session's id, or latest")
    parser.add_argument("--speed", metavar="X", default="1", help="times as fast; max for as fast as can be")
    parser.add_argument("--theme", metavar="NAME", help="colours, by the name of a theme")
    call(run, ReplayOptions, parser)


def run(options: ReplayOptions) -> int:
    """Show it. Nothing is connected, asked, run or written."""
    from evolver_tui.cli.console import check_terminal, desk_settings

    speed = _speed(options.speed)
    check_terminal("Without one, read the log: evolver-tui export SESSION --format md.")
    recording = _recording(options)
    os.environ.setdefault("TEXTUAL_FPS", "120")
    gc.disable()  # the console has it go on once its session is open

    from evolver_tui.adapters.system_clock import SystemClock
    from evolver_tui.engine.replay.player import Player
    from evolver_tui.engine.replay.replay_session import ReplaySession
    from evolver_tui.tui.actions import with_own_keys
    from evolver_tui.tui.app import EvolverApp
    from evolver_tui.tui.views import actions_of, replay_views, views_of

    player = Player(recording, SystemClock(), speed=speed)
    views = replay_views()
    replay = ReplaySession(player)
    settings = desk_settings(options.find_workspace(), options.theme)
    keys = {action.id: settings.key_overrides.get(action.id, action.key) for action in actions_of(views)}
    try:
        with_own_keys(actions_of(views), keys, views_of(views))
    except ConfigError:  # a key of theirs goes through the replay here
        keys = {}
    settings = settings._replace(
        player=player, now=lambda: player.now, has_bell=False, has_title=False, key_overrides=keys
    )
    app = EvolverApp(lambda: cast("Session", replay), lambda: ([], None), settings, views)
    result = app.run()
    if recording.unreadable:
        lines = "1 line" if recording.unreadable == 1 else f"{recording.unreadable:,} lines"
        tell(f"{lines} of the log could not be read, the first is line {recording.first_unreadable:,}.")
    return ExitCode.DONE if result is None else result


def _speed(text: str) -> float:
    if text == "max":
        return math.inf
    try:
        speed = float(text.rstrip("x"))
    except ValueError:
        speed = math.nan
    if not 0.01 <= speed <= 1e6:
        raise UsageError(f"--speed has to be a number above 0, or max, and is {text!a}.", "E.g. --speed 4.")
    return speed


def _recording(options: ReplayOptions) -> Recording:
    from evolver_tui.engine.replay.recording import read_recording
    from evolver_tui.settings.regular_file import open_regular

    path = Path(options.log)
    if not path.exists() and not (os.sep in options.log or path.suffix):
        return read_recording(_exported(options))
    try:
        return read_recording(open_regular(path))
    except OSError as error:
        raise UsageError(f"{options.log} cannot be read: {error.strerror}.", "Name an export, or a session.") from None


def _exported(options: ReplayOptions) -> BinaryIO:
    """A session of the database as its export, in a file that nobody else can open and that goes with this process."""
    import asyncio

    from evolver_tui.engine.export import find_session, write_jsonl
    from evolver_tui.wiring import known_secrets, make_reader

    workspace = options.find_database()
    store = make_reader(workspace)

    async def export(file: io.TextIOWrapper) -> None:
        await store.open()
        try:
            session = await find_session(store, options.log)
            await write_jsonl(store, session, known_secrets(workspace), file)
        finally:
            await store.close()

    try:
        file = io.TextIOWrapper(tempfile.TemporaryFile(), encoding="utf-8", newline="\n")  # noqa: SIM115
        with hinting_at_the_demo(workspace):
            asyncio.run(export(file))
        binary = cast("BinaryIO", file.detach())
        binary.seek(0)
        return binary
    except OSError as error:
        raise UsageError(
            f"The session cannot be laid out: {error.strerror}.", "Make room in the folder TMPDIR."
        ) from None
