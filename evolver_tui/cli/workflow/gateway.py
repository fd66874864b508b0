"""`evolver-tui workflow gateway`: chats over HTTP, and a page to chat on."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from evolver_tui.cli.arguments import add_json_argument, call, port_number, workspace_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import json_text, tell

if TYPE_CHECKING:
    from evolver_tui.cli.workflow.command import Verbs


class GatewayOptions(Options):
    """Where the gateway listens, and what it is called."""

    host: str | None
    port: int | None
    pod_id: str | None
    json: bool


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "gateway", parents=[workspace_arguments()], help="chats over HTTP, with a page; its URL is the first line",
        description="Takes chats' requests by POST /api/chat, streams the answers by GET /api/sse, and has a page at "
        "/. Beyond this machine it needs a token. Goes on until Ctrl+C or SIGTERM; what happens is told on standard "
        "error.",
    )  # fmt: skip
    parser.add_argument("--host", help="where to listen (gateway_host of the config: 127.0.0.1)")
    parser.add_argument("--port", type=port_number, help="0: any free one (gateway_port of the config: 8080)")
    parser.add_argument("--pod-id", metavar="NAME", help="its name among pods (pod_id of the config, or made up)")
    add_json_argument(parser)
    call(run, GatewayOptions, parser)


def run(options: GatewayOptions) -> int:
    """Serve until told to end."""
    import asyncio

    return ExitCode.DONE if asyncio.run(_serve(options)) else ExitCode.INTERRUPTED


async def _serve(options: GatewayOptions) -> bool:
    import time

    from evolver_tui.cli.signal_lines import tell_as_json, tell_in_words
    from evolver_tui.core.address import show_addresses
    from evolver_tui.core.signal_catalogue.workflow_signals import GATEWAY_FAULT
    from evolver_tui.engine.signals import SignalBus, SignalRegistry
    from evolver_tui.engine.workflow.gateway_run import run_gateway
    from evolver_tui.wiring.gateway import make_gateway, make_gateway_server

    workspace = options.find_workspace()
    registry = SignalRegistry()
    registry.register_all(tell_as_json if options.json else tell_in_words, stays=True)
    bus = SignalBus("gateway", time.time, lambda _: None, registry)
    gateway = make_gateway(workspace, options.pod_id)
    server = make_gateway_server(
        workspace, gateway, options.host, options.port,
        lambda error: bus.emit(GATEWAY_FAULT({"error": show_addresses(repr(error))})),
    )  # fmt: skip
    return await run_gateway(gateway, server, bus, lambda url: _tell_url(url, gateway.pod_id), _cut_off)


def _tell_url(url: str, pod_id: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it: who chose the port knows the address
        print(json_text({"gateway_url": url, "pod_id": pod_id}), flush=True)


def _cut_off() -> None:
    tell("evolver-tui: Its end took too long and was cut off.")
    os._exit(ExitCode.FAILED)
