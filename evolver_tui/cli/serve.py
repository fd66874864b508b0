"""`evolver-tui serve`: the console in a browser."""

from __future__ import annotations

import contextlib
import os

from evolver_tui.cli.arguments import Subparsers, call, port_number, workspace_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import json_text, tell
from evolver_tui.core.address import Address
from evolver_tui.core.safe_text import safe_text


class ServeOptions(Options):
    """Where it listens, and what the consoles are told."""

    takes_demo = True

    host: str
    port: int
    origin: list[str]
    hub: Address | None
    theme: str | None
    no_worker: bool


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve", parents=[workspace_arguments()], help="the console in a browser; its address is the first line",
        description="Each page has a console of its own, in a terminal. Whoever has the address can do what you can: "
        "it holds a token, and it listens on this machine alone unless told otherwise. Goes on until Ctrl+C or "
        "SIGTERM; the consoles are ended in order. EVOLVER_WEB_TOKEN sets the token.",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    parser.add_argument("--port", type=port_number, default=8722, help="0: any free one (8722)")
    parser.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="a page of this site may use it as well"
    )
    parser.add_argument("--demo", action="store_true", help="consoles of the demo")
    parser.add_argument("--hub", metavar="URL", type=Address, help="the SignalR hub that the consoles subscribe to")
    parser.add_argument("--theme", metavar="NAME", help="their colours, by the name of a theme")
    parser.add_argument("--no-worker", action="store_true", help="they work on nothing: other processes do")
    call(run, ServeOptions, parser)


def run(options: ServeOptions) -> int:
    """Serve until told to end."""
    import asyncio

    return ExitCode.DONE if asyncio.run(_serve(options)) else ExitCode.INTERRUPTED


async def _serve(options: ServeOptions) -> bool:
    from urllib.parse import quote

    from evolver_tui.engine.front_run import serve_front
    from evolver_tui.wiring.console_server import make_console_server

    workspace = options.find_workspace()
    made = make_console_server(workspace, _arguments(options), options.host, options.port, options.origin, _tell)

    def tell_url(url: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads it: who set the token knows the address
            print(json_text({"console_url": f"{url}/#token={quote(made.token, safe='')}"}), flush=True)

    return await serve_front(made.front, tell_url, made.consoles.close, _cut_off)


def _arguments(options: ServeOptions) -> list[str]:
    """What the consoles are told."""
    values = {
        "--home": options.home, "--nodes": options.nodes, "--theme": options.theme,
        "--database": options.database and options.database.for_connecting(),
        "--hub": options.hub and options.hub.for_connecting(),
    }  # fmt: skip
    flags = {"--demo": options.demo, "--no-worker": options.no_worker}
    return [
        *(f"{name}={value}" for name, value in values.items() if value is not None),
        *(name for name, is_set in flags.items() if is_set),
    ]


def _tell(sentence: str) -> None:
    tell(f"evolver-tui: {safe_text(sentence, 500)}")


def _cut_off() -> None:
    tell("evolver-tui: Its end took too long and was cut off. The consoles end by themselves; nothing of them is lost.")
    os._exit(ExitCode.FAILED)
