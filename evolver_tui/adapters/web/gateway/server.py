"""The gateway's HTTP server."""

from __future__ import annotations

from collections.abc import Callable

from evolver_tui.adapters.web.access import Access
from evolver_tui.adapters.web.gateway.app import make_app
from evolver_tui.adapters.web.server import ServerTerms, WebServer
from evolver_tui.engine.workflow.gateway import Gateway

_SPARE_CONNECTIONS = 500
"""Beside those that read events."""


class GatewayServer(WebServer):
    """Serves a gateway over HTTP. `start` it in the gateway's loop.

    Args:
        fault: hears of a mistake of ours, which costs one request.
    """

    def __init__(self, gateway: Gateway, access: Access, port: int, *, fault: Callable[[BaseException], None]) -> None:
        setting = "gateway_host and gateway_port under [workflow]"
        terms = ServerTerms(port, setting, gateway.limits.connections + _SPARE_CONNECTIONS)
        super().__init__(make_app(gateway, access, fault), access, terms)
