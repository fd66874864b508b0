"""What chats over NATS and Redis are made of."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from evolver_tui.core.address import Address
from evolver_tui.core.errors import UsageError
from evolver_tui.settings.workflow_config import NATS_SCHEMES, WorkflowConfig
from evolver_tui.settings.workspace import Workspace

if TYPE_CHECKING:
    from evolver_tui.adapters.nats.condition import NatsCondition
    from evolver_tui.adapters.nats.connection import NatsBroker
    from evolver_tui.adapters.nats.parked import NatsParkedRequests
    from evolver_tui.adapters.nats.queue import DurableQueue, PlainQueue
    from evolver_tui.adapters.redis.registry import RedisRegistry
    from evolver_tui.engine.clock import Clock
    from evolver_tui.engine.sandbox import Sandbox
    from evolver_tui.engine.session import Session
    from evolver_tui.engine.signals import SignalBus
    from evolver_tui.engine.workflow.answering import Answerer
    from evolver_tui.engine.workflow.broker import ServiceStanding
    from evolver_tui.engine.workflow.model_answer import ModelAnswerer
    from evolver_tui.engine.workflow.monitor import WorkflowMonitor
    from evolver_tui.engine.workflow.routine_chats import RoutineChats
    from evolver_tui.engine.workflow.service import ChatHandler, WorkflowService

DEFAULT_NATS: Final = "nats://localhost:4222"
_NOBODYS_SESSION: Final = "evolver-tui-doctor"
_LOOKS: Final = 4
_BETWEEN_LOOKS_SECONDS: Final = 0.5
DEFAULT_REDIS: Final = ("localhost", 6379)


def make_broker(workspace: Workspace, name: str) -> NatsBroker:
    """NATS as the config and the environment name it; nothing is connected yet.

    Args:
        name: as the server lists the connection.

    Raises:
        UsageError: the environment names no address, or the extra is not installed.
    """
    try:
        from evolver_tui.adapters.nats.connection import NatsBroker
        from evolver_tui.adapters.nats.settings import NatsSettings
    except ImportError as error:
        raise _lacking(error) from None
    config = workspace.config.workflow
    return NatsBroker(
        NatsSettings(
            servers=nats_servers(workspace),
            name=name,
            user=config.nats_user,
            password=partial(_secret, workspace, config.nats_password_env),
            token=partial(_secret, workspace, config.nats_token_env),
            credentials=config.nats_credentials,
            nkey=config.nats_nkey,
            ca=config.nats_ca,
            certificate=config.nats_certificate,
            key=config.nats_key,
        )
    )


def make_queue(workspace: Workspace, broker: NatsBroker) -> DurableQueue | PlainQueue:
    """The requests of all chats, as the config has them shared."""
    from evolver_tui.adapters.nats.queue import DurableQueue, PlainQueue

    config = workspace.config.workflow
    return DurableQueue(broker, config.ack_seconds) if config.durable else PlainQueue(broker)


def make_parked(workspace: Workspace, broker: NatsBroker) -> NatsParkedRequests:
    """The requests that no instance could answer."""
    from evolver_tui.adapters.nats.parked import NatsParkedRequests

    return NatsParkedRequests(broker)


def make_registry(workspace: Workspace) -> RedisRegistry:
    """Redis as the config and the environment name it; nothing is connected yet.

    Raises:
        UsageError: the environment names no port, or the extra is not installed.
    """
    try:
        from evolver_tui.adapters.redis.registry import RedisRegistry, RedisSettings
    except ImportError as error:
        raise _lacking(error) from None
    config = workspace.config.workflow
    host, port = redis_place(workspace)
    return RedisRegistry(
        RedisSettings(
            host=host,
            port=port,
            user=config.redis_user,
            password=partial(_secret, workspace, config.redis_password_env),
            database=config.redis_database,
            tls=config.redis_tls,
            ca=config.redis_ca,
        )
    )


def make_model_answerer(workspace: Workspace, bus: SignalBus, sandbox: Sandbox, clock: Clock) -> ModelAnswerer:
    """What has the configured model answer chats, with tools and nodes; for a backend that is not offline.

    Args:
        sandbox: what holds the nodes that it runs.
    """
    from evolver_tui.engine.workflow.chat_tools import OfferedTools
    from evolver_tui.engine.workflow.model_answer import AnswerTerms, ModelAnswerer
    from evolver_tui.wiring import known_tools, make_chat_backend, make_library, make_runner

    config = workspace.config.workflow
    runner = make_runner(workspace, sandbox)
    tools = OfferedTools(
        known_tools(workspace).tools.values(), make_library(workspace), runner, config.tools, time.monotonic
    )
    terms = AnswerTerms(
        workspace.config.backend.max_tokens,
        config.models,
        tool_rounds=config.tool_rounds,
        answer_tokens=config.answer_tokens,
    )
    return ModelAnswerer(make_chat_backend(workspace, clock), tools, terms, bus, clock)


def make_service(workspace: Workspace, session: Session, chats: RoutineChats | None = None) -> WorkflowService:
    """What answers chats within a session; nothing is connected yet.

    Args:
        chats: what has a routine answer them, where the session works on those; None for a model or the demonstration.

    Raises:
        UsageError: the environment names no server, or the extra is not installed.
    """
    from evolver_tui.engine.workflow.answer_stream import Route
    from evolver_tui.engine.workflow.answers import Answers
    from evolver_tui.engine.workflow.conversations import Conversations
    from evolver_tui.engine.workflow.demo_answer import DemoAnswerer
    from evolver_tui.engine.workflow.service import ServiceParts, WorkflowService

    config = workspace.config.workflow
    broker, registry = make_broker(workspace, "evolver-tui workflow serve"), make_registry(workspace)
    conversations = Conversations(session.store, config.history_messages, config.history_characters)
    route = Route(broker, registry, session.clock.now)
    if chats is not None:
        from evolver_tui.wiring.routine_chats import attach_routine_chats

        attach_routine_chats(chats, session, route, broker, conversations)
        handler: ChatHandler = chats
    else:
        offline = workspace.config.backend.kind == "offline"
        answerer: Answerer = (
            DemoAnswerer(session.clock)
            if offline
            else make_model_answerer(workspace, session.bus, session.sandbox, session.clock)
        )
        handler = Answers(answerer, route, conversations, session.bus, seconds=config.answer_seconds)
    return WorkflowService(
        ServiceParts(
            broker=broker,
            registry=registry,
            queue=make_queue(workspace, broker),
            handler=handler,
            bus=session.bus,
            clock=session.clock,
            concurrency=config.concurrency,
            ack_seconds=config.ack_seconds,
            max_attempts=config.max_attempts,
        )
    )


def make_monitor(workspace: Workspace) -> WorkflowMonitor:
    """What watches the chats; nothing is connected yet.

    Raises:
        UsageError: the environment names no server, or the extra is not installed.
    """
    from evolver_tui.adapters.system_clock import SystemClock
    from evolver_tui.engine.workflow.monitor import WorkflowMonitor

    if workspace.is_demo:
        workspace = workspace._replace(config=replace(workspace.config, workflow=WorkflowConfig()))
    config = workspace.config.workflow
    broker = make_broker(workspace, "evolver-tui console")
    return WorkflowMonitor(
        broker, make_parked(workspace, broker), SystemClock(),
        registry=make_registry(workspace),
        expects_registry=bool(config.redis_host or workspace.environ.get("REDIS_HOST", "").strip()),
        place=", ".join(map(str, nats_servers(workspace))),
        gateway=f"http://{config.gateway_host}:{config.gateway_port}",
    )  # fmt: skip


async def look_at_nats(workspace: Workspace, name: str) -> NatsCondition:
    """Connect to NATS, look how it is, and disconnect. Raises BrokerError, UsageError."""
    broker = make_broker(workspace, name)
    from evolver_tui.adapters.nats.condition import look_at_nats

    return await look_at_nats(broker)


async def look_at_redis(workspace: Workspace) -> ServiceStanding:
    """Connect to Redis, look something up, and disconnect; returns how it stands. Raises RegistryError, UsageError."""
    registry = make_registry(workspace)
    try:
        await registry.open()
        for _ in range(_LOOKS):  # on a busy machine one answer may be late
            await registry.pods(_NOBODYS_SESSION)
            if registry.standing.is_up:
                break
            await asyncio.sleep(_BETWEEN_LOOKS_SECONDS)
        return registry.standing
    finally:
        await registry.close()


def nats_servers(workspace: Workspace) -> tuple[Address, ...]:
    """The config's address, else those of NATS_URL with commas between them. Raises UsageError."""
    from evolver_tui.settings.values import address_problem

    if workspace.config.workflow.nats_url:
        return (workspace.config.workflow.nats_url,)
    named = [part.strip() for part in workspace.environ.get("NATS_URL", "").split(",") if part.strip()]
    servers = [part if "://" in part else f"nats://{part}" for part in named] or [DEFAULT_NATS]
    for server in servers:
        problem = address_problem(server, NATS_SCHEMES)
        if problem is not None:
            raise UsageError(f"NATS_URL has to be {problem}.", f"For example {DEFAULT_NATS}.")
    return tuple(map(Address, servers))


def redis_place(workspace: Workspace) -> tuple[str, int]:
    """Host and port: the config's, else those of REDIS_HOST and REDIS_PORT. Raises UsageError."""
    config, environ = workspace.config.workflow, workspace.environ
    host = config.redis_host or environ.get("REDIS_HOST", "").strip() or DEFAULT_REDIS[0]
    said = environ.get("REDIS_PORT", "").strip()
    if config.redis_port or not said:
        return host, config.redis_port or DEFAULT_REDIS[1]
    if not (said.isascii() and said.isdecimal() and len(said) < 6 and 0 < int(said) < 65_536):
        raise UsageError("REDIS_PORT has to be a number from 1 to 65535.", "For example 6379.")
    return host, int(said)


def _secret(workspace: Workspace, name: str) -> str:
    return workspace.secret(name) or ""


def _lacking(error: ImportError) -> UsageError:
    package = (error.name or "a package").partition(".")[0]
    return UsageError(
        f"Chats over NATS and Redis need {package}, which is not installed.", "pip install 'evolver-tui[nats]'"
    )
