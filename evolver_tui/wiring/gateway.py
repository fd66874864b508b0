"""What a gateway is made of."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from evolver_tui.core.errors import UsageError
from evolver_tui.settings.workspace import Workspace
from evolver_tui.wiring.workflow import make_broker, make_registry

if TYPE_CHECKING:
    from evolver_tui.adapters.web.gateway.server import GatewayServer
    from evolver_tui.engine.workflow.gateway import Gateway


def make_gateway(workspace: Workspace, pod_id: str | None = None) -> Gateway:
    """A gateway, not opened; to be called within a running loop.

    Args:
        pod_id: its name; None takes the config's, or one that no other process has.

    Raises:
        UsageError: the name cannot be one, or see `make_broker`.
    """
    from evolver_tui.core.workflow.subjects import LONGEST_TOKEN, is_token
    from evolver_tui.engine.workflow.gateway import Gateway

    name = workspace.config.workflow.pod_id if pod_id is None else pod_id
    name = name or f"{re.sub('[^A-Za-z0-9_-]', '-', platform.node())[:64] or 'pod'}-{os.getpid()}"
    if not is_token(name):
        raise UsageError(
            f"{name[:80]!a} is no name for a pod.",
            f"Give 1 to {LONGEST_TOKEN} visible ASCII characters without spaces, dots, * and >.",
        )
    return Gateway(make_broker(workspace, f"evolver-tui gateway {name}"), make_registry(workspace), name)


def make_gateway_server(
    workspace: Workspace, gateway: Gateway, host: str | None, port: int | None, fault: Callable[[BaseException], None]
) -> GatewayServer:
    """What serves a gateway over HTTP, not started. Blocks for the token.

    Args:
        host: where to listen; None as the config says, so is the port.
        fault: hears of a mistake of ours, which costs one request.

    Raises:
        UsageError: it would be open to everybody, an origin is none, or the extra is not installed.
        ConfigError: a file of secrets cannot be used.
    """
    try:
        from evolver_tui.adapters.web.gateway.access import gateway_access
        from evolver_tui.adapters.web.gateway.server import GatewayServer
    except ImportError as error:
        package = (error.name or "a package").partition(".")[0]
        raise UsageError(
            f"The gateway needs {package}, which is not installed.", "pip install 'evolver-tui[nats,server]'"
        ) from None
    config = workspace.config.workflow
    token = workspace.secret(config.gateway_token_env) or ""
    access = gateway_access(config.gateway_host if host is None else host, token, config.gateway_origins)
    return GatewayServer(gateway, access, config.gateway_port if port is None else port, fault=fault)
