"""`evolver-tui run` and `evolver-tui nodes`: the node library."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evolver_tui.cli.arguments import Subparsers, add_json_argument, call, workspace_arguments
from evolver_tui.cli.options import Options
from evolver_tui.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from evolver_tui.adapters.nodes.library import NodeFiles
    from evolver_tui.cli.output import Result
    from evolver_tui.core.errors import SandboxError
    from evolver_tui.engine.library_keeper import LibraryKeeper
    from evolver_tui.settings.workspace import Workspace


class RunOptions(Options):
    """Which node is run."""

    node: str
    json: bool


class NodesOptions(Options):
    """What is asked of the library; each verb reads those that it has."""

    verb: str
    json: bool
    node: str
    a: str | None
    b: str | None
    version: str
    file: str
    id: str | None
    search: str
    where: str
    retired: bool
    removed: bool


def add_parser(commands: Subparsers) -> None:
    """Add both commands."""
    shared = workspace_arguments()
    run = commands.add_parser("run", parents=[shared], help="run an approved node: JSON in, JSON out")
    run.add_argument("node")
    add_json_argument(run)
    call(run_node, RunOptions, run)

    nodes = commands.add_parser("nodes", help="the library of approved nodes")
    verbs = nodes.add_subparsers(metavar="VERB", required=True)
    for verb, positional, help_text in (
        ("list", (), "every node"),
        ("show", ("node",), "one node's record and code"),
        ("diff", ("node", "?a", "?b"), "two versions; default: the last two"),
        ("rollback", ("node", "version"), "an old version again, as the next one"),
        ("retire", ("node",), "take a node out of use: out of the list, and nobody runs it; its versions stay"),
        ("remove", ("node",), "take a node out, with all its versions, which are kept until they are purged"),
        ("restore", ("node",), "a node again that was retired, or removed, as it was"),
        ("purge", ("?id",), "delete for good what was taken out of the library"),
        ("duplicates", (), "nodes whose code is nearly the same"),
        ("reinstate", ("node",), "let a node be run again that was set aside"),
        ("test", ("?id",), "run a node's examples, or all nodes', and see what differs from what was approved"),
        ("check", ("file",), "what the checks say about a file"),
        ("import", ("file",), "a file as a node, after its checks"),
    ):
        parser = verbs.add_parser(verb, parents=[shared], help=help_text)
        for name in positional:
            parser.add_argument(name.lstrip("?"), nargs="?" if name.startswith("?") else None)
        if verb == "list":
            parser.add_argument("--search", metavar="TEXT", default="", help="only nodes with this in their names")
            parser.add_argument(
                "--in", dest="where", choices=("names", "code"), default="names", help="look in the code as well"
            )
            parser.add_argument("--retired", action="store_true", help="retired nodes as well")
            parser.add_argument("--removed", action="store_true", help="what was taken out and not purged instead")
        add_json_argument(parser)
        call(run_nodes, NodesOptions, parser, verb=verb)


def run_node(options: RunOptions) -> int:
    """Run an approved node on the object on standard input."""
    import asyncio

    from evolver_tui.cli.inputs import read_standard_input
    from evolver_tui.cli.nodes import operations
    from evolver_tui.cli.output import say
    from evolver_tui.core.errors import NothingHolds
    from evolver_tui.core.safe_text import safe_json
    from evolver_tui.wiring import make_runner, make_sandbox

    sandbox = make_sandbox()
    runner = make_runner(_workspace_with_library(options), sandbox)
    stdin = read_standard_input()
    sees_it = sys.stderr.isatty()
    work = partial(operations.run_node, options.node, runner, stdin, as_json=options.json, tells_tier=sees_it)
    try:
        code, output, said = asyncio.run(work())
    except NothingHolds as error:
        if not (sees_it and _agrees_to_no_box(error)):
            raise
        sandbox.allow_unheld()
        code, output, said = asyncio.run(work())
    if sys.stdout.isatty():
        output = safe_json(output.decode("utf-8")).encode()
    sys.stdout.buffer.write(output)
    sys.stdout.flush()
    if said:
        say(said.rstrip("\n"), sys.stderr)
    return code


def _agrees_to_no_box(refusal: SandboxError) -> bool:
    """Ask whoever sits at the terminal, for this run alone."""
    from evolver_tui.cli.inputs import ask_at_terminal
    from evolver_tui.engine.sandbox import CONSENT, WHAT_UNHELD_MEANS

    question = f"{refusal.message}\n{WHAT_UNHELD_MEANS}\nType {CONSENT} to run it all the same, this once:"
    return ask_at_terminal(question).lower() == CONSENT


def run_nodes(options: NodesOptions) -> int:
    """Look into the library, or change it."""
    from evolver_tui.cli.output import show

    return show(_result(options), as_json=options.json)


def _result(options: NodesOptions) -> Result:
    import time

    from evolver_tui.cli.nodes import operations, removal
    from evolver_tui.wiring import known_tools, make_library

    workspace = options.find_workspace() if options.verb in ("check", "import") else _workspace_with_library(options)
    library = make_library(workspace)
    match options.verb:
        case "list" if options.removed:
            return removal.list_removed(library)
        case "list":
            in_code = options.where == "code"
            return operations.list_nodes(
                library, time.time(), options.search, in_code=in_code, with_retired=options.retired
            )
        case "purge":
            return removal.purge_nodes(library, options.id or "")
        case "show":
            return operations.show_node(library, options.node)
        case "diff":
            return operations.diff_nodes(library, options.node, options.a, options.b)
        case "rollback" | "retire" | "remove" | "restore":
            return _keep(library, options, workspace)
        case "duplicates":
            from evolver_tui.cli.nodes.keeping import find_duplicates

            return find_duplicates(library)
        case "reinstate":
            return operations.reinstate_node(library, options.node)
        case "test":
            return _test(library, options.id, workspace)
        case "check":
            return operations.check_file(Path(options.file), known_tools(workspace).tools)
    tools = known_tools(workspace).tools
    return operations.import_file(library, Path(options.file), tools, time.time, workspace.reviewer)


def _keep(library: NodeFiles, options: NodesOptions, workspace: Workspace) -> Result:
    import asyncio

    from evolver_tui.cli.nodes import keeping

    def work(keeper: LibraryKeeper) -> Awaitable[Result]:
        if options.verb == "rollback":
            return keeping.rollback_node(keeper, options.node, options.version)
        if options.verb == "retire":
            return keeping.retire_node(keeper, options.node)
        if options.verb == "remove":
            return keeping.remove_node(keeper, options.node)
        return keeping.restore_node(keeper, options.node)

    return asyncio.run(keeping.keep(workspace, library, work))


def _test(library: NodeFiles, node_id: str | None, workspace: Workspace) -> Result:
    import asyncio

    from evolver_tui.cli.nodes.examples import run_examples
    from evolver_tui.wiring import make_runner, make_sandbox

    return asyncio.run(run_examples(library, make_runner(workspace, make_sandbox()), node_id))


def _workspace_with_library(options: Options) -> Workspace:
    """The workspace, for what reads its library: a folder that was mistyped is not taken for an empty one."""
    workspace = options.find_workspace()
    if options.nodes and not os.path.lexists(workspace.nodes):
        raise UsageError(f"There is no folder {workspace.nodes}.", "Name the library's folder with --nodes DIR.")
    return workspace
