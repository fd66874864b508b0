"""The doctor's look at NATS and Redis, where chats are set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from evolver_tui.cli.doctor.diagnosis import Diagnosis, Examination, State
from evolver_tui.cli.doctor.machine import lacks_extra

if TYPE_CHECKING:
    from evolver_tui.settings.workspace import Workspace

_SECONDS: Final = 20.0
"""How long each is waited for."""
_LATE: Final = "It takes connections and does not answer: look at the server."
_NAME: Final = "evolver-tui doctor"


def examinations(workspace: Workspace) -> list[Examination]:
    """What chats need; nothing where they are not set up."""
    if not workspace.config.workflow.is_used(workspace.environ):
        return []
    if lacks_extra("nats"):
        message = "Chats are set up, and the packages for NATS and Redis are not there."
        line = Diagnosis("nats", State.BROKEN, message, "pip install 'evolver-tui[nats]'")
        return [Examination("nats", lambda: [line])]
    return [
        Examination("nats", lambda: nats(workspace), _SECONDS, _LATE),
        Examination("redis", lambda: redis(workspace), _SECONDS, _LATE),
    ]


def nats(workspace: Workspace) -> Iterator[Diagnosis]:
    """Whether NATS lets us in, and what lies there."""
    import asyncio

    from evolver_tui.wiring.workflow import look_at_nats, nats_servers

    found = asyncio.run(look_at_nats(workspace, _NAME))
    at = ", ".join(server.host for server in nats_servers(workspace))
    is_durable = workspace.config.workflow.durable
    streams = "JetStream is on" if found.has_streams else "JetStream is off"
    message = f"NATS {found.version} at {at}; {streams}."
    if is_durable and not found.has_streams:
        yield Diagnosis("nats", State.BROKEN, message, "Start nats-server with -js, since `durable` needs it.")
    else:
        yield Diagnosis("nats", State.OK, message)
    if found.waiting and not is_durable:
        said = f"{_count(found.waiting)} in WORKFLOW_REQUESTS, which instances without `durable` do not take."
        yield Diagnosis("nats", State.NOTE, said, "Set `durable = true`, or delete the stream.")
    if found.parked:
        said = f"{_count(found.parked)} put aside, since no instance could answer."
        yield Diagnosis("nats", State.NOTE, said, "evolver-tui workflow parked list")


def redis(workspace: Workspace) -> Iterator[Diagnosis]:
    """Whether Redis lets us in and look."""
    import asyncio

    from evolver_tui.wiring.workflow import look_at_redis, redis_place

    standing = asyncio.run(look_at_redis(workspace))
    if standing.is_up:
        host, port = redis_place(workspace)
        yield Diagnosis("redis", State.OK, f"Redis at {host}:{port} answers.")
    else:
        way_out = "Start it, or name it with redis_host under [workflow] or REDIS_HOST."
        yield Diagnosis("redis", State.BROKEN, standing.reason, way_out)


def _count(number: int) -> str:
    return "1 request is" if number == 1 else f"{number:,} requests are"
