"""The front door: arguments, exit codes, and which part of the house a command needs.

Nothing but the standard library is imported here before it is known what was asked for: the console has to be on the
screen at once, and a script that asks for one line must not wait for it.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, TextIO

from evolver_tui.core.address import Address, show_addresses
from evolver_tui.core.errors import EvolverError, NotWaiting, UsageError
from evolver_tui.core.safe_text import safe_block

if TYPE_CHECKING:
    from evolver_tui.cli.job_commands import JobResult
    from evolver_tui.core.job import QueueCounts, QueueRow
    from evolver_tui.engine.headless import HeadlessResult
    from evolver_tui.engine.inbox import Inbox
    from evolver_tui.engine.store import Store
    from evolver_tui.settings.connect_config import ConnectConfig
    from evolver_tui.settings.keymap import Action
    from evolver_tui.wiring import Place

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

SECONDS_A_THREAD_HOLDS_ON = 0.001
"""Python's own 5 ms would let a busy hub's threads keep a key waiting for several of these."""


class Options(SimpleNamespace):
    """What was asked for; when nothing was, the console. Each command adds arguments of its own."""

    command = "console"
    home: str | None = None
    nodes: str | None = None
    database: Address | None = None
    hub: Address | None = None
    theme: str | None = None
    demo = False


Command = Callable[[Options], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `evolver-tui`; returns the exit code."""
    _mend_standard_streams()
    code = _run_command(_read(sys.argv[1:] if arguments is None else arguments))
    was_delivered = _flush(sys.stdout)
    _flush(sys.stderr)
    return code or (DONE if was_delivered else FAILED)


def _read(arguments: Sequence[str]) -> Options:
    if not arguments:  # the console, as most often: its first frame need not wait for a parser
        return Options()
    from evolver_tui.cli.parser import make_parser

    return make_parser().parse_args(arguments, Options())


def _run_command(options: Options) -> int:
    try:
        if options.demo and options.command not in KNOW_THE_DEMO:
            raise UsageError("--demo goes with the console, `jobs` and `export`.")
        return COMMANDS[options.command](options)
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
        _say(f"evolver-tui: The system refused: {show_addresses(str(error))}.", sys.stderr)
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


# --- what is done --------------------------------------------------------------------------------------------------


def _place(options: Options) -> Place:
    from evolver_tui.wiring import find_place

    return find_place(options.home, options.nodes, options.database, os.environ, is_demo=options.demo)


def _place_with_library(options: Options) -> Place:
    """For what reads the library: a folder that was mistyped is not taken for an empty one."""
    place = _place(options)
    if options.nodes and not os.path.lexists(place.nodes):
        raise UsageError(f"There is no folder {place.nodes}.", "Name the library's folder with --nodes DIR.")
    return place


def _console(options: Options) -> int:
    """The console. Vendors are imported after its first frame."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The console needs a terminal on standard input and output.",
            "Without one, use `evolver-tui connect < config.json`.",
        )
    if not sys.stderr.isatty():
        _draw_on_standard_output()
    place = _place(options)
    _check_hub(options.hub)
    if place.config.keys:
        _check_keys(place)
    place.paths.create()
    os.environ.setdefault("TEXTUAL_FPS", "120")  # read once, when Textual is imported
    gc.disable()  # until the session is open: what is made in between stays, and looking through it takes a while

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
    settings = DeskSettings(
        theme=options.theme or (desk.theme if desk.theme != DeskConfig().theme else remembered.theme) or desk.theme,
        user_themes=place.paths.themes,
        key_overrides=place.config.keys,
        connect_url=None if options.demo else _hub_of(options.hub or place.config.hub.url or remembered.hub_url),
        starts_with_sample=options.demo,
        remembered_url=remembered.hub_url,
        remember_url=lambda url: save_state(state_file, load_state(state_file)._replace(hub_url=url)),
        remember_theme=lambda name: save_state(state_file, load_state(state_file)._replace(theme=name)),
        sample_hub=demo.start,
        editor=lambda: editor_command(desk, os.environ),
        reviewer=place.reviewer,
        nodes_folder=str(place.nodes),
        has_title=desk.title,
        has_bell=desk.bell,
        plain=desk.ascii,
    )
    sys.setswitchinterval(SECONDS_A_THREAD_HOLDS_ON)
    app = EvolverApp(lambda: make_session(place), lambda: _first_rows(place.database_file), settings)
    result = app.run()
    return DONE if result is None else result


def _draw_on_standard_output() -> None:
    """Have the screen drawn on standard output, which is a terminal; Textual draws on what `sys.__stderr__` is.

    Standard error is left to what somebody sent there: `sys.stderr` still writes to it.
    """
    stream = "__stderr__"
    setattr(sys, stream, os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding))


def _check_keys(place: Place) -> None:
    """Refuse keys that cannot be used, with the file's whole path."""
    from evolver_tui.settings.keymap import check_keymap

    check_keymap(_actions(), place.config.keys, str(place.paths.config_file))


def _actions() -> dict[str, Action]:
    """What keys can do, by id."""
    from evolver_tui.settings.keymap import Action
    from evolver_tui.tui.actions import ACTIONS

    return {action.id: Action(action.key, action.panes, action.help) for action in ACTIONS}


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


def _json_from_stdin() -> bytes:
    if sys.stdin.isatty():
        print("Type one JSON object, then Ctrl+D.", file=sys.stderr)
    return sys.stdin.buffer.read()


def _connect(options: Options) -> int:
    """`evolver-tui connect`: spec 000's result on stdout, whatever happens."""
    import json
    from dataclasses import replace

    from evolver_tui.settings.connect_config import HUB_URL_MISSING, read_connect_config
    from evolver_tui.settings.output_file import output_file

    config = read_connect_config(_json_from_stdin())
    if isinstance(config, dict):
        print(json.dumps(config))
        return DONE if config["error"] == HUB_URL_MISSING else WRONG_USAGE

    try:
        if config.output_file:
            config = replace(config, output_file=str(output_file(config.output_file)))
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


def _run_headless(options: Options, config: ConnectConfig) -> HeadlessResult:
    import asyncio

    from evolver_tui.engine.headless import run_headless
    from evolver_tui.wiring import APPROVAL_WARNINGS, APPROVALS, make_session

    session = make_session(
        _place(options),
        method=config.hub_name,
        generate=config.auto_generate_workflows,
        auto_review=APPROVALS[options.approve],
        pace=0.0,
    )
    warning = APPROVAL_WARNINGS.get(options.approve, "") if config.auto_generate_workflows else ""
    return asyncio.run(run_headless(session, config, lambda line: print(line, file=sys.stderr, flush=True), warning))


def _hub(options: Options) -> int:
    from evolver_tui.adapters.sample_hub.feed import FeedSettings
    from evolver_tui.adapters.sample_hub.hub import SampleHubSettings, run_sample_hub

    feed = FeedSettings(rate=options.rate, batch=options.batch, count=options.count)
    settings = SampleHubSettings(feed=feed, host=options.host, port=options.port)
    return run_sample_hub(settings, Path(options.tasks) if options.tasks else None)


def _export(options: Options) -> int:
    import asyncio

    from evolver_tui.engine.export import SessionUnknown, export_session
    from evolver_tui.wiring import demo_hint, known_secrets, make_store

    place = _place(options)
    export = export_session(make_store(place), options.session, options.format, options.output, known_secrets(place))
    try:
        asyncio.run(export)
    except SessionUnknown as error:
        raise UsageError(error.message, f"{error.way_out} {demo_hint(place)}".rstrip()) from None
    return DONE


def _config(options: Options) -> int:
    from evolver_tui.settings.config import check_config, load_config, show_config
    from evolver_tui.settings.paths import find_paths

    paths = find_paths(Path(options.home) if options.home else None, os.environ)
    if options.what == "path":
        print(paths.config_file)
    elif options.what == "show":
        print(show_config(load_config(paths.config_file), paths.config_file, _actions()), end="")
    else:
        problems = check_config(paths.config_file, _actions())
        _say("\n".join(problems) or f"{paths.config_file} can be used.", sys.stdout)
        return WRONG_USAGE if problems else DONE
    return DONE


def _run(options: Options) -> int:
    import asyncio

    from evolver_tui.cli.node_commands import run_command
    from evolver_tui.wiring import make_runner

    place = _place_with_library(options)
    code, output, problem = asyncio.run(run_command(options.node, make_runner(place), _json_from_stdin()))
    sys.stdout.buffer.write(output)
    sys.stdout.flush()
    if problem:
        _say(problem.rstrip("\n"), sys.stderr)
    return code


def _nodes(options: Options) -> int:
    import json
    import time

    from evolver_tui.cli import node_commands
    from evolver_tui.wiring import known_tools, make_library

    place = _place(options) if options.verb in ("check", "import") else _place_with_library(options)
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


def _jobs(options: Options) -> int:
    from evolver_tui.wiring import demo_hint, make_inbox, make_store

    place = _place(options)
    store = make_store(place)
    try:
        result = _job_result(options, store, make_inbox(place, store))
    except NotWaiting as error:
        raise NotWaiting(error.message, f"{error.way_out} {demo_hint(place, only_if_empty=True)}".rstrip()) from None
    found_nothing = options.verb == "list" and not result.text
    hint = demo_hint(place, only_if_empty=True) if found_nothing else ""
    if result.said or hint:
        _say(f"{result.said} {hint}".strip(), sys.stderr)
    if result.value is not None and options.json:
        from evolver_tui.cli.json_text import json_text

        print(json_text(result.value, indent=2))
    elif result.text:
        _say(result.text, sys.stdout)
    return result.exit_code


def _job_result(options: Options, store: Store, inbox: Inbox) -> JobResult:
    """What was asked for, done. Everything is read from files and standard input before the database is opened."""
    import asyncio
    import time
    from functools import partial

    from evolver_tui.cli import bundle_places, job_commands, job_inputs, job_moves
    from evolver_tui.core.decision import Decision, DecisionKind

    decide = partial(job_commands.decide_job, store, inbox)
    match options.verb:
        case "list" if options.needs_you:
            work = partial(job_commands.list_questions, store, options.limit, time.time())
        case "list":
            work = partial(job_commands.list_jobs, store, options.state, options.limit, time.time())
        case "show":
            work = partial(job_commands.show_job, store, options.id, time.time())
        case "answer":
            typed = job_inputs.read_answer(options.content, options.json_content)
            work = partial(job_commands.answer_job, store, inbox, options.id, typed, decline=options.decline)
        case "approve":
            work = partial(job_commands.approve_job, store, inbox, options.id, options.sha256)
        case "reject":
            reason = None if options.reason is None else job_inputs.read_words(options.reason)
            work = partial(decide, options.id, Decision(DecisionKind.REJECT, reason=reason or ""))
        case "respond":
            words = job_inputs.read_words(options.words)
            work = partial(decide, options.id, Decision(DecisionKind.RESPOND, reason=words))
        case "edit":
            code = job_inputs.read_code(options.file)
            work = partial(decide, options.id, Decision(DecisionKind.EDIT, code=code))
        case "cancel":
            work = partial(job_commands.cancel_job, store, inbox, options.id)
        case "retry":
            work = partial(job_commands.retry_job, store, inbox, options.id)
        case "restore":
            work = partial(job_commands.restore_job, store, inbox, options.id)
        case "export":
            target = bundle_places.target(options.output, options.to)
            leave = partial(job_moves.depart, store, inbox, options.id, target.held())
            return job_moves.hand_over(asyncio.run(job_commands.within(store, leave)), target)
        case _:
            source = bundle_places.source(options.file, options.source)
            come = partial(job_moves.arrive, store, inbox, source.take())
            return job_moves.settle_in(asyncio.run(job_commands.within(store, come)), source)
    return asyncio.run(job_commands.within(store, work))


COMMANDS: Mapping[str, Command] = {
    "console": _console,
    "connect": _connect,
    "hub": _hub,
    "run": _run,
    "nodes": _nodes,
    "jobs": _jobs,
    "export": _export,
    "config": _config,
}
"""By the name that the parser puts into `command`."""

KNOW_THE_DEMO = ("console", "jobs", "export")
"""The commands that may work with the demo's database."""
