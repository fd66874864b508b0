"""The front door: arguments, exit codes, and which part of the house a command needs.

Nothing but the standard library is imported here before it is known what was asked for: the console has to be on the
screen at once, and a script that asks for one line must not wait for it.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from evolver_tui import __version__
from evolver_tui.core.errors import EvolverError, UsageError
from evolver_tui.core.safe_text import safe_block

if TYPE_CHECKING:
    from evolver_tui.engine.headless import HeadlessResult
    from evolver_tui.settings.connect_config import ConnectConfig
    from evolver_tui.wiring import Place

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

SECONDS_A_THREAD_HOLDS_ON = 0.001
"""Python's own 5 ms would let a busy hub's threads keep a key waiting for several of these."""

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `evolver-tui`; returns the exit code."""
    _mend_standard_streams()
    options = _parser().parse_args(arguments)
    code = _run_command(options)
    was_delivered = _flush(sys.stdout)
    _flush(sys.stderr)
    return code or (DONE if was_delivered else FAILED)


def _run_command(options: argparse.Namespace) -> int:
    command: Command = options.command
    try:
        return command(options)
    except UsageError as error:
        _say(f"evolver-tui: {error}", sys.stderr)
        return WRONG_USAGE
    except EvolverError as error:
        _say(f"evolver-tui: {error}", sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output is gone: nobody is left to be told
        return FAILED
    except OSError as error:
        _say(f"evolver-tui: The system refused: {error}.", sys.stderr)
        return FAILED


def _say(text: str, stream: TextIO) -> None:
    """Write text for people: whatever it quotes, nothing in it steers the terminal."""
    print(safe_block(text, limit=len(text)), file=stream)


def _mend_standard_streams() -> None:
    """Let every standard stream be open, and take any character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this; the next file that is opened would take its number
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush(stream: TextIO) -> bool:
    """Write out what is still held; False when nobody takes it. Python itself would complain about that at its end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


# --- what may be asked ---------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Refuses what was typed without drawing it as it is."""

    def error(self, message: str) -> NoReturn:
        super().error(safe_block(message))


def _parser() -> argparse.ArgumentParser:
    places = _Parser(add_help=False)
    places.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="keep config, data and cache here")
    places.add_argument("--nodes", metavar="DIR", default=argparse.SUPPRESS, help="the node library")
    places.add_argument("--database", metavar="URL", default=argparse.SUPPRESS, help="e.g. sqlite:////path/evolver.db")

    parser = _Parser(
        prog="evolver-tui", parents=[places],
        description="The console: supervise an agent that writes code. Without a command it opens in this terminal.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"evolver-tui {__version__}")
    parser.add_argument("--demo", action="store_true", help="a sample hub in this process and the offline author")
    parser.add_argument("--hub", metavar="URL", help="the SignalR hub to subscribe to")
    parser.add_argument("--theme", metavar="NAME", help="colours, by the name of a theme")
    parser.set_defaults(command=_console)
    commands = parser.add_subparsers(metavar="COMMAND")

    connect = commands.add_parser("connect", parents=[places], help="headless: JSON config on stdin, events on stderr")
    connect.add_argument("--approve", choices=("all", "low", "none"), default="low", help="saved without a review")
    connect.set_defaults(command=_connect)

    hub = commands.add_parser("hub", help="the sample hub; its URL is the first line of output")
    hub.add_argument("--host", default="127.0.0.1")
    hub.add_argument("--port", type=int, default=5000)
    hub.add_argument("--tasks", metavar="FILE", help='JSON: {"tasks": [...]}')
    hub.add_argument("--rate", type=float, default=2.0, help="tasks a second; 0: as fast as it can")
    hub.add_argument("--batch", type=int, default=1, help="tasks a message")
    hub.add_argument("--count", type=int, help="tasks in all, going round the file; 0: without end")
    hub.set_defaults(command=_hub)

    run = commands.add_parser("run", parents=[places], help="run an approved node: JSON in, JSON out")
    run.add_argument("node")
    run.set_defaults(command=_run)

    _nodes_parser(commands, places)

    export = commands.add_parser("export", parents=[places], help="a session's log as a file")
    export.add_argument("session", nargs="?", default="latest")
    export.add_argument("--format", default="jsonl", help="jsonl, json or md")
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: standard output")
    export.set_defaults(command=_export)

    config = commands.add_parser("config", parents=[places], help="the config that is in force")
    config.add_argument("what", choices=("show", "path", "check"))
    config.set_defaults(command=_config)
    return parser


def _nodes_parser(commands: argparse._SubParsersAction[_Parser], places: _Parser) -> None:
    nodes = commands.add_parser("nodes", help="the library of approved nodes")
    verbs = nodes.add_subparsers(metavar="VERB", required=True)
    for verb, positional, help_text in (
        ("list", (), "every node"),
        ("show", ("node",), "one node's record and code"),
        ("diff", ("node", "?a", "?b"), "two versions; default: the last two"),
        ("rollback", ("node", "version"), "an old version again, as the next one"),
        ("check", ("file",), "what the checks say about a file"),
        ("import", ("file",), "a file as a node, after its checks"),
    ):
        parser = verbs.add_parser(verb, parents=[places], help=help_text)
        for name in positional:
            parser.add_argument(name.lstrip("?"), nargs="?" if name.startswith("?") else None)
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.set_defaults(command=_nodes, verb=verb)


# --- what is done --------------------------------------------------------------------------------------------------


def _place(options: argparse.Namespace, *, is_demo: bool = False) -> Place:
    from evolver_tui.wiring import find_place

    home, nodes, database = (getattr(options, name, None) for name in ("home", "nodes", "database"))
    return find_place(home, nodes, database, os.environ, is_demo=is_demo)


def _console(options: argparse.Namespace) -> int:
    """The console. Vendors are imported after its first frame."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The console needs a terminal on standard input and output.",
            "Without one, use `evolver-tui connect < config.json`.",
        )
    place = _place(options, is_demo=options.demo)
    _check_hub(options.hub)
    place.paths.create()
    os.environ.setdefault("TEXTUAL_FPS", "120")  # read once, when Textual is imported

    from evolver_tui.adapters.queue_peek import peek
    from evolver_tui.settings.config import DeskConfig
    from evolver_tui.settings.person import editor_command
    from evolver_tui.settings.state import load_state, save_state
    from evolver_tui.tui.app import EvolverApp
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.wiring import Demo, make_session

    state_file = place.paths.state_file
    remembered = load_state(state_file)
    desk = place.config.desk
    demo = Demo(place, is_alone=options.demo)
    file = place.database_file
    settings = DeskSettings(
        theme=options.theme or (desk.theme if desk.theme != DeskConfig().theme else remembered.theme) or desk.theme,
        user_themes=place.paths.themes,
        key_overrides=place.config.keys,
        connect_url=None if options.demo else options.hub or place.config.hub.url or remembered.hub_url or None,
        starts_with_sample=options.demo,
        remembered_url=remembered.hub_url,
        remember_url=lambda url: save_state(state_file, replace(load_state(state_file), hub_url=url)),
        remember_theme=lambda name: save_state(state_file, replace(load_state(state_file), theme=name)),
        sample_hub=demo.start,
        editor=lambda: editor_command(desk, os.environ),
        reviewer=place.reviewer,
        nodes_folder=str(place.nodes),
        plain=desk.ascii,
    )
    sys.setswitchinterval(SECONDS_A_THREAD_HOLDS_ON)
    app = EvolverApp(lambda: make_session(place), lambda: peek(file) if file else ([], None), settings)
    result = app.run()
    return DONE if result is None else result


def _check_hub(url: str | None) -> None:
    from evolver_tui.settings.values import HUB_SCHEMES, address_problem

    problem = address_problem(url, HUB_SCHEMES) if url else None
    if problem:
        raise UsageError(f"--hub has to be {problem}.", "E.g. http://localhost:5000/taskhub.")


def _json_from_stdin() -> bytes:
    if sys.stdin.isatty():
        print("Type one JSON object, then Ctrl+D.", file=sys.stderr)
    return sys.stdin.buffer.read()


def _connect(options: argparse.Namespace) -> int:
    """`evolver-tui connect`: spec 000's result on stdout, whatever happens."""
    import json

    from evolver_tui.settings.connect_config import read_connect_config

    config = read_connect_config(_json_from_stdin())
    if isinstance(config, dict):
        print(json.dumps(config))
        return DONE

    try:
        result = _run_headless(options, config)
    except EvolverError as error:
        print(json.dumps({"error": str(error), "success": False}))
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        print(json.dumps({"error": "Interrupted before it had begun.", "success": False}))
        return INTERRUPTED
    print(json.dumps(result.value))
    if result.was_interrupted:
        return INTERRUPTED
    return DONE if result.value["success"] else FAILED


def _run_headless(options: argparse.Namespace, config: ConnectConfig) -> HeadlessResult:
    import asyncio

    from evolver_tui.engine.headless import run_headless
    from evolver_tui.wiring import APPROVALS, make_session

    session = make_session(
        _place(options),
        method=config.hub_name,
        generate=config.auto_generate_workflows,
        auto_review=APPROVALS[options.approve],
        pace=0.0,
    )
    return asyncio.run(run_headless(session, config, lambda line: print(line, file=sys.stderr, flush=True)))


def _hub(options: argparse.Namespace) -> int:
    from evolver_tui.adapters.sample_hub import SampleHubSettings, run_sample_hub
    from evolver_tui.adapters.sample_hub_feed import FeedSettings

    feed = FeedSettings(rate=options.rate, batch=options.batch, count=options.count)
    settings = SampleHubSettings(feed=feed, host=options.host, port=options.port)
    return run_sample_hub(settings, Path(options.tasks) if options.tasks else None)


def _export(options: argparse.Namespace) -> int:
    import asyncio

    from evolver_tui.engine.export import export_session
    from evolver_tui.wiring import known_secrets, make_store

    place = _place(options)
    asyncio.run(
        export_session(make_store(place), options.session, options.format, options.output, known_secrets(place))
    )
    return DONE


def _config(options: argparse.Namespace) -> int:
    from evolver_tui.settings.config import check_config, load_config, show_config
    from evolver_tui.settings.paths import find_paths

    home = getattr(options, "home", None)
    paths = find_paths(Path(home) if home else None, os.environ)
    if options.what == "path":
        print(paths.config_file)
    elif options.what == "show":
        print(show_config(load_config(paths.config_file), paths.config_file), end="")
    else:
        problems = check_config(paths.config_file)
        _say("\n".join(problems) or f"{paths.config_file} can be used.", sys.stdout)
        return WRONG_USAGE if problems else DONE
    return DONE


def _run(options: argparse.Namespace) -> int:
    import asyncio

    from evolver_tui.adapters.node_commands import run_command
    from evolver_tui.wiring import make_runner

    code, output, problem = asyncio.run(run_command(options.node, make_runner(_place(options)), _json_from_stdin()))
    sys.stdout.buffer.write(output)
    sys.stdout.flush()
    if problem:
        _say(problem.rstrip("\n"), sys.stderr)
    return code


def _nodes(options: argparse.Namespace) -> int:
    import json
    import time

    from evolver_tui.adapters import node_commands
    from evolver_tui.wiring import known_tools, make_library

    place = _place(options)
    library = make_library(place)
    match options.verb:
        case "list":
            result = node_commands.list_nodes(library)
        case "show":
            result = node_commands.show_node(library, options.node)
        case "diff":
            result = node_commands.diff_nodes(library, options.node, options.a, options.b)
        case "rollback":
            result = node_commands.rollback_node(library, options.node, options.version, place.reviewer)
        case "check":
            result = node_commands.check_file(Path(options.file), known_tools(place).tools)
        case _:
            tools = known_tools(place).tools
            result = node_commands.import_file(library, Path(options.file), tools, time.time, place.reviewer)
    if options.json:
        print(json.dumps(result.value, indent=2))
    else:
        _say(result.text.rstrip("\n"), sys.stdout)
    return result.exit_code
