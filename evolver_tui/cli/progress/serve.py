"""`evolver-tui progress serve`: training runs over Socket.IO and HTTP, and a page that shows them."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from evolver_tui.cli.arguments import add_json_argument, call, port_number, workspace_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import json_text, tell

if TYPE_CHECKING:
    from evolver_tui.cli.progress.command import Verbs


class ServeOptions(Options):
    """Where the server listens, and what it serves beside what is sent to it."""

    host: str | None
    port: int | None
    folder: list[str] | None
    json: bool


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "serve", parents=[workspace_arguments()], help="stream training runs, with a page; its URL is the first line",
        description="Takes what trainers post, and the run files of a folder as they grow, and streams it: Socket.IO, "
        "HTTP under /api/training, server-sent events, and a page at /. Beyond this machine it needs a token. Goes on "
        "until Ctrl+C or SIGTERM; what happens is told on standard error.",
    )  # fmt: skip
    parser.add_argument("--host", help="where to listen (host under [training] of the config: 127.0.0.1)")
    parser.add_argument("--port", type=port_number, help="0: any free one (port under [training] of the config: 5001)")
    parser.add_argument(
        "--folder", action="append", metavar="PATH",
        help="serve the run files here, may be repeated (the workspace's own folder of runs)",
    )  # fmt: skip
    add_json_argument(parser)
    call(run, ServeOptions, parser)


def run(options: ServeOptions) -> int:
    """Serve until told to end."""
    import asyncio

    return ExitCode.DONE if asyncio.run(_serve(options)) else ExitCode.INTERRUPTED


async def _serve(options: ServeOptions) -> bool:
    from evolver_tui.cli.signal_lines import tell_as_json, tell_in_words
    from evolver_tui.engine.training.progress_run import run_progress
    from evolver_tui.wiring.progress import make_progress_server

    made = make_progress_server(options.find_workspace(), options.host, options.port, options.folder)
    made.bus.registry.register_all(tell_as_json if options.json else tell_in_words, stays=True)
    return await run_progress(made, _tell_url, _cut_off)


def _tell_url(url: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it: who chose the port knows the address
        print(json_text({"progress_url": url}), flush=True)


def _cut_off() -> None:
    tell("evolver-tui: Its end took too long and was cut off. What was acknowledged is kept.")
    os._exit(ExitCode.FAILED)
