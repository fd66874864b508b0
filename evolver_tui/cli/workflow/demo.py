"""`evolver-tui workflow demo`: everything that a chat needs, on this machine, until Ctrl+C."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Final

from evolver_tui.cli.arguments import call, port_number, workspace_arguments
from evolver_tui.cli.options import Options
from evolver_tui.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from evolver_tui.cli.workflow.command import Verbs
    from evolver_tui.cli.workflow.demo_chain import Plan

_PACKAGES: Final = {"nats": "nats", "redis": "nats", "starlette": "server", "uvicorn": "server"}
"""What has to be there, and the extra that brings it."""
_MOST_INSTANCES: Final = 9


class DemoOptions(Options):
    """How much of it."""

    port: int
    instances: int


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "demo", parents=[workspace_arguments()], help="the whole chain on this machine, with a page to chat with",
        description="Starts a NATS and a Redis of its own where their programs are installed, else uses those that the "
        "config or the environment names; a gateway; and instances that answer with the demonstration, and no model. "
        "All of it, and what it kept, goes with Ctrl+C.",
    )  # fmt: skip
    parser.add_argument("--port", type=port_number, default=8080, help="where the page is (8080); 0: any free one")
    parser.add_argument("--instances", type=_count, default=2, metavar="N", help="how many instances answer (2)")
    call(run, DemoOptions, parser)


def run(options: DemoOptions) -> int:
    """Start everything, say where it is, and wait to be told to end."""
    import asyncio
    import tempfile
    from pathlib import Path

    from evolver_tui.cli.workflow.demo_chain import run_chain

    _check_packages()
    with tempfile.TemporaryDirectory(prefix="evolver-tui-demo-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(run_chain(_plan(options, Path(folder)), options.port, options.instances))


def _plan(options: DemoOptions, folder: Path) -> Plan:
    """Which servers are started, and the config that leads everything to them. Raises UsageError."""
    from dataclasses import replace

    from evolver_tui.adapters.private_servers import find_server, private_nats, private_redis
    from evolver_tui.cli.workflow.demo_chain import Plan
    from evolver_tui.core.address import Address
    from evolver_tui.settings.workflow_config import WorkflowConfig
    from evolver_tui.wiring.workflow import nats_servers, redis_place

    workspace = options.find_workspace()
    theirs, own = workspace.config.workflow, WorkflowConfig()
    nats_program, redis_program = find_server("nats-server"), find_server("redis-server")
    if nats_program is None and not (theirs.nats_url or workspace.environ.get("NATS_URL")):
        raise _missing("nats-server", "NATS", "NATS_URL, or nats_url")
    if redis_program is None and not (theirs.redis_host or workspace.environ.get("REDIS_HOST")):
        raise _missing("redis-server", "Redis", "REDIS_HOST, or redis_host")
    servers = []
    if nats_program is not None:
        nats = private_nats(nats_program, folder)
        servers.append(nats)
        url = Address(f"nats://127.0.0.1:{nats.port}")
        config = replace(own, nats_url=url, nats_token_env=_NO_SECRET, durable=True)
    else:
        url = nats_servers(workspace)[0]
        names = [name for name in WorkflowConfig.__dataclass_fields__ if name.startswith("nats_")]
        config = replace(own, durable=theirs.durable, **{name: getattr(theirs, name) for name in names})
    if redis_program is not None:
        redis = private_redis(redis_program, folder)
        servers.append(redis)
        place = "127.0.0.1", redis.port
        config = replace(config, redis_host=place[0], redis_port=place[1], redis_password_env=_NO_SECRET)
    else:
        place = redis_place(workspace)
        names = [name for name in WorkflowConfig.__dataclass_fields__ if name.startswith("redis_")]
        config = replace(config, **{name: getattr(theirs, name) for name in names})
    return Plan(folder, tuple(servers), config, str(url), f"{place[0]}:{place[1]}")


_NO_SECRET: Final = "EVOLVER_DEMO_HAS_NO_SECRET"
"""A variable that nobody sets: a server of one's own that wants no password refuses one."""


def _check_packages() -> None:
    from importlib.util import find_spec

    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        extras = ",".join(dict.fromkeys(_PACKAGES[package] for package in missing))
        raise UsageError(f"Not installed: {', '.join(missing)}.", f"pip install 'evolver-tui[{extras}]'")


def _missing(program: str, what: str, names: str) -> UsageError:
    return UsageError(
        f"{program} is not installed here, and no {what} elsewhere is named.",
        f"Install it (apt install {program}, brew install {program}), or name one by {names} under [workflow].",
    )


def _count(text: str) -> int:
    if text not in map(str, range(1, _MOST_INSTANCES + 1)):
        raise ArgumentTypeError(f"{text!r} is no number from 1 to {_MOST_INSTANCES}")
    return int(text)
