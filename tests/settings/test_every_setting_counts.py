"""Every key that `config show` prints changes what the program hands on beyond the config: a table, by setting."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import tomllib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from evolver_tui.adapters.listeners.apprise_listener import AppriseMessages
from evolver_tui.adapters.listeners.notice import Notices
from evolver_tui.adapters.listeners.otel_listener import OtelTelling
from evolver_tui.adapters.listeners.webhook import Webhook
from evolver_tui.adapters.llm.http import HttpBackend
from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.routines.plugins import PlugIn
from evolver_tui.adapters.signalr.link import SignalRLink
from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.adapters.web.gateway.server import GatewayServer
from evolver_tui.adapters.web.progress.server import ProgressServer
from evolver_tui.cli.console import ConsoleOptions, _console_settings, actions
from evolver_tui.cli.doctor.money import prices
from evolver_tui.core.address import Address
from evolver_tui.core.errors import BackendError, BadChatRequest, EvolverError
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_name import SignalName
from evolver_tui.core.task import Task
from evolver_tui.core.workflow.chat_request import request_from
from evolver_tui.engine.author.prompt import author_prompt
from evolver_tui.engine.durable.lanes import Lane
from evolver_tui.engine.durable.worker import Worker
from evolver_tui.engine.listeners import NamedListener
from evolver_tui.engine.session import Session
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.workflow.answers import Answers
from evolver_tui.engine.workflow.service import WorkflowService
from evolver_tui.settings.backend_config import BackendConfig
from evolver_tui.settings.config import Config, show_config
from evolver_tui.settings.keymap import read_keymap
from evolver_tui.settings.listener_config import KINDS
from evolver_tui.settings.money_config import PriceConfig
from evolver_tui.settings.themes import known_themes
from evolver_tui.settings.workspace import Workspace, find_workspace
from evolver_tui.tui.actions import key_bindings
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.attention import attend
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.views import VIEWS, keymap_of
from evolver_tui.wiring import known_routines, known_tools, make_backend, make_runner, make_session
from evolver_tui.wiring.gateway import make_gateway, make_gateway_server
from evolver_tui.wiring.progress import make_progress_server
from evolver_tui.wiring.training import make_progress_source, make_training_monitor
from evolver_tui.wiring.workflow import (
    make_broker,
    make_model_answerer,
    make_queue,
    make_registry,
    make_service,
)
from tests.support.boxes import SANDBOX
from tests.support.chat_streams import openai_call
from tests.support.links import Recorder
from tests.support.processes import node_answer
from tests.support.provider_server import SSE_HEAD, ProviderServer, openai_answer, openai_events
from tests.support.sessions import running, send
from tests.support.webhook_receiver import SECRET, Delivery, Receiver

ENVIRON = {"USER": "ada", "EVOLVER_HUB_TOKEN": "usual token", "MY_TOKEN": "my token"} | {
    "OPENAI_API_KEY": "usual key", "MY_KEY": "my key", "SIGNING": SECRET, "PAIRS": "a=b", "PATH": os.environ["PATH"]
}  # fmt: skip
TASK = Task.from_raw({"id": "1", "taskName": "A name", "llmTaskType": "summarize"})


@dataclass(frozen=True)
class Place:
    """A workspace whose config says something, and the provider that it may name."""

    workspace: Workspace
    provider: ProviderServer

    @property
    def session(self) -> Session:
        """Its session, not opened."""
        return make_session(self.workspace)

    @property
    def desk(self) -> DeskSettings:
        """What the console is told."""
        return _console_settings(ConsoleOptions(), self.workspace)

    @property
    def app(self) -> EvolverApp:
        """The console, not started."""
        return EvolverApp(lambda: self.session, lambda: ([], None), self.desk)

    @property
    def backend(self) -> HttpBackend:
        """What asks the model."""
        made = make_backend(self.workspace, SystemClock())
        assert isinstance(made, HttpBackend)
        return made

    @property
    def link(self) -> SignalRLink:
        """The link to a hub."""
        made = self.session._parts.make_link(Address("http://127.0.0.1:1/hub"), Recorder())
        assert isinstance(made, SignalRLink)
        return made


Look = Callable[[Place], Any]


def service(place: Place) -> WorkflowService:
    """What answers chats, not opened."""
    return make_service(place.workspace, place.session)


def answers(place: Place) -> Answers:
    """How it answers."""
    handler = service(place)._parts.handler
    assert isinstance(handler, Answers)
    return handler


async def asked(place: Place) -> Any:
    """What reaches the provider when the author asks."""
    router = known_tools(place.workspace).tools["task_to_workflow_router"]
    backend, before = place.backend, len(place.provider.requests)
    place.provider.then([openai_answer("Hello")])
    try:
        async for _ in backend.stream(author_prompt(router, (), TASK, {}, (), "")):
            pass
    except BackendError:
        pass  # the answer is of one format, the question may be of another
    await backend.close()
    assert len(place.provider.requests) == before + 1
    return place.provider.requests[-1]


async def authorization(place: Place) -> str:
    return str((await asked(place)).headers["authorization"])


async def key_headers(place: Place) -> set[str]:
    """The headers that carry the key."""
    return {name for name, value in (await asked(place)).headers.items() if "usual key" in value}


def body(field: str) -> Look:
    async def look(place: Place) -> Any:
        return (await asked(place)).json[field]

    return look


def hub(field: str) -> Look:
    return lambda place: getattr(place.link._settings, field)


def backend(field: str) -> Look:
    return lambda place: getattr(place.backend._settings, field)


def backend_label(place: Place) -> str:
    made = place.session._parts.backend
    assert made is not None
    return made.info.label


def author(field: str) -> Look:
    def look(place: Place) -> Any:
        made = place.session.author
        assert made is not None
        return getattr(made._limits, field)

    return look


async def cost(place: Place) -> Any:
    """What a generation costs that read 11 tokens and wrote 7, in which currency."""
    place.provider.then([openai_answer(node_answer("1"))])
    async with running(place.workspace) as (session, watch):
        await send(session, TASK.raw)
        told = (await watch.until(SignalName.LLM_GENERATION_COMPLETE)).payload
    return told.get("cost"), told.get("currency")


def what_prices_are(place: Place) -> list[str]:
    """What the doctor says of them."""
    return [line.message for line in prices(place.workspace)]


def bounded(name: str) -> Look:
    """What may be spent."""
    return lambda place: getattr(place.session.budget._limits, name)


def limit(name: str) -> Look:
    """When it is told that somebody takes long."""
    return lambda place: getattr(place.session.conversation.limits, name)


def listener(place: Place) -> NamedListener:
    """The one that the config names."""
    (made,) = place.session.listeners._by_name.values()
    return made


def files_of_signals(place: Place) -> Any:
    """The signals that lie in files, a file each, when six were told."""
    made = listener(place)
    for number in range(6):
        signal = Signal(f"{'custom' if number % 2 else 'llm'}.n{number}", {"text": "x" * 400})
        if made.signals.matches(signal, str):
            made.listener(signal)
    files = sorted(Path(str(place.workspace.home)).glob("told*"))
    return [[json.loads(line)["name"][-1] for line in file.read_text().splitlines()] for file in files]


def is_heard(place: Place) -> bool:
    """Whether a listener hears what models do."""
    return listener(place).signals.matches(Signal("llm.generation_start"), str)


def webhook(look: Callable[[Webhook], Any]) -> Look:
    """What a webhook is made with."""
    return lambda place: look(cast("Webhook", listener(place).listener))


def endpoint(field: str) -> Look:
    """What its posts are made with."""
    return webhook(lambda made: getattr(made._make_endpoint()._config, field))


def shown(place: Place) -> Any:
    """What a notice is, when two come at once."""
    seen: list[tuple[str, str]] = []
    session = place.session
    session.show_notices(lambda how, text: seen.append((how, text)))
    made = session.listeners._by_name["notice"].listener
    made(Signal("custom.event"))
    made(Signal("custom.event"))
    cast("Notices", made)._is_over = True
    return seen


def message(field: str) -> Look:
    """What messages are made with."""
    return lambda place: getattr(cast("AppriseMessages", listener(place).listener)._config, field)


async def applied_message(place: Place) -> Any:
    """Title and text of a message."""
    with Receiver(None) as receiver:
        environ = {**place.workspace.environ, "URLS": receiver.url.replace("http", "json")}
        made = make_session(place.workspace._replace(environ=environ)).listeners._by_name["apprise"].listener
        await asyncio.to_thread(made, Signal("custom.event"))
        if not receiver.deliveries:
            return None
        event = receiver.deliveries[0].event
    return event["title"], event["message"]


def collector(place: Place) -> Any:
    """Where spans go."""
    return cast("OtelTelling", listener(place).listener)._collector()


def told_by_otel(field: str) -> Look:
    return lambda place: getattr(cast("OtelTelling", listener(place).listener)._config, field)


async def posted(place: Place) -> Delivery:
    """What a webhook posts."""
    with Receiver(None) as receiver:
        environ = {**place.workspace.environ, "HOOK": receiver.url, "OTHER_HOOK": receiver.url + "/other"}
        made = make_session(place.workspace._replace(environ=environ)).listeners._by_name["webhook"].listener
        made(Signal("custom.event"))
        (delivery,) = await asyncio.to_thread(receiver.wait_for, 1)
        await asyncio.to_thread(made.close, 0.0)
    return delivery


async def content_type(place: Place) -> str:
    return (await posted(place)).headers["content-type"]


async def posted_to(place: Place) -> str:
    return (await posted(place)).path


async def is_signed(place: Place) -> bool:
    return "webhook-signature" in (await posted(place)).headers


def run_limit(name: str) -> Look:
    """What a run of a node may take."""

    def look(place: Place) -> float:
        return cast(float, getattr(make_runner(place.workspace, SANDBOX)._limits, name))

    return look


def tool_limit(name: str) -> Look:
    """What a run of a node may ask of its tools."""

    def look(place: Place) -> int:
        return cast(int, getattr(make_runner(place.workspace, SANDBOX)._tool_limits, name))

    return look


async def chat(place: Place, **context: Any) -> Any:
    """How a model answers a chat: what is called, why there is no answer, or how it ends."""
    model = BackendConfig(kind="openai", model="coder", base_url=Address(f"{place.provider.url}/v1"))
    workspace = place.workspace._replace(config=replace(place.workspace.config, backend=model))
    bus = SignalBus("test", lambda: 0.0, lambda signals: None, SignalRegistry())
    answerer = make_model_answerer(workspace, bus, SANDBOX, SystemClock())
    message = {"session_id": "s", "message_id": "m", "user_id": "u", "message": "Hi", "context": context}
    request = request_from(message)
    place.provider.then(
        [SSE_HEAD, openai_call("weather", {})], [SSE_HEAD, openai_events("One ", "two ", "three", finish="length")]
    )
    try:
        answerer.check(request)
        return [piece async for piece in answerer.answer(request, ())]
    except EvolverError as error:
        return type(error)
    finally:
        place.provider._turns.clear()
        await answerer.close()


def nats(field: str) -> Look:
    """What NATS is asked for; a secret is looked up."""

    def look(place: Place) -> Any:
        value = getattr(make_broker(place.workspace, "test").settings, field)
        return value() if callable(value) else value

    return look


def redis(field: str) -> Look:
    """What Redis is asked for; a secret is looked up."""

    def look(place: Place) -> Any:
        value = getattr(make_registry(place.workspace)._settings, field)
        return value() if callable(value) else value

    return look


def name_of(look: Look) -> Look:
    """The name of the file that is found."""
    return lambda place: Path(look(place)).name


def request_queue(place: Place) -> Any:
    """Where requests come from."""
    return make_queue(place.workspace, make_broker(place.workspace, "test"))


async def may_ask_for_another_model(place: Place) -> bool:
    return await chat(place, model="writer") is not BadChatRequest


async def offered_tools(place: Place) -> list[str]:
    """What a chat's model may call."""
    before = len(place.provider.requests)
    await chat(place)
    return [tool["function"]["name"] for tool in place.provider.requests[before].json.get("tools", [])]


async def most_tokens_of_a_chat(place: Place) -> int:
    before = len(place.provider.requests)
    await chat(place)
    return cast(int, place.provider.requests[before].json["max_tokens"])


def gateway(place: Place) -> GatewayServer:
    """What serves chats over HTTP, not started."""
    return make_gateway_server(place.workspace, make_gateway(place.workspace), None, None, lambda _: None)


def watched_places(place: Place) -> list[str]:
    """Where training runs are looked for."""
    return [Path(source.standing.place).name for source in make_training_monitor(place.workspace).sources]


def progress_token(place: Place) -> str | None:
    """What is shown to a progress server."""
    return make_progress_source(place.workspace, "http://127.0.0.1:1")._find_token()


def progress_server(place: Place) -> ProgressServer:
    """What serves training runs, not started."""
    front = make_progress_server(place.workspace).front
    assert isinstance(front, ProgressServer)
    return front


def updates_per_second(place: Place) -> float:
    return make_progress_server(place.workspace).hub.limits.updates_per_second


def max_takeovers(place: Place) -> int:
    (worker,) = [each for each in place.session.workers._workers if isinstance(each, Worker)]
    return worker._max_takeovers


def most_answered(place: Place) -> int:
    (worker,) = [each for each in place.session.workers._workers if isinstance(each, Worker)]
    return worker._lanes._most[Lane.ANSWERED]


async def database_file(place: Place) -> list[str]:
    """Which file the store makes."""
    store = place.session.store
    await store.open()
    await store.close()
    return sorted(path.name for path in place.workspace.paths.data.parent.rglob("*.db"))


def library(place: Place) -> str:
    made = place.session.library
    assert isinstance(made, NodeFiles)
    return made.root.name


def token(place: Place) -> str:
    made = place.link._token_factory
    assert made is not None
    return made()


def base_url(place: Place) -> str:
    return str(place.backend._settings.base_url)


def editor(place: Place) -> tuple[str, ...]:
    find = place.desk.editor
    assert find is not None
    return tuple(find())


def tracing(place: Place) -> bool:
    made = known_routines(place.workspace).routines["mine"]
    assert isinstance(made, PlugIn)
    return made._tracing


class Terminal:
    """As much of an app as has a bell and a title."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._driver = self
        self.app_suspend_signal = self.app_resume_signal = self

    def write(self, sequence: str) -> None:
        self.done.append("title")

    def bell(self) -> None:
        self.done.append("bell")

    def subscribe(self, *arguments: Any, **named: Any) -> None:
        pass


def attention(place: Place) -> set[str]:
    """What is done to a terminal when something comes to need a person who looks elsewhere."""
    terminal = Terminal()
    told = attend(cast("Any", terminal), cast("Any", None), place.desk)
    told.update(0, is_looked_at=False)
    told.update(1, is_looked_at=False)
    return set(terminal.done)


@dataclass(frozen=True)
class Effect:
    """What a key's value shows in: there, and nowhere without it."""

    value: str
    """As the config file has it; {provider} and {home} stand for an address and a folder."""
    look: Look
    seen: object
    beside: str = ""
    """What else its section holds, with and without the value."""
    backend: str = ""
    """What the section on the backend holds, where that is another."""


ASKING = 'kind = "openai"\nmodel = "coder"\nbase_url = "{provider}/v1"\n'
UNASKED = 'kind = "openai"\nmodel = "coder"\n'
TOLD = 'kind = "file"\npath = "{home}/told"\n'
HOOKED = 'kind = "webhook"\nurl_env = "HOOK"\n'
AWAY = 'kind = "webhook"\nurl = "https://hooks.example/away"\n'
NOTICED = 'kind = "notice"\n'
NOTIFIED = 'kind = "apprise"\nurls_env = "URLS"\n'
TRACED = 'kind = "otel"\n'
PRICED = "entered = 2026-11-29\n"
OF_A_KIND = {"webhook": AWAY, "notice": NOTICED, "apprise": NOTIFIED, "otel": TRACED}

EFFECTS = {
    "hub.url": Effect('"http://hub.example/tasks"', lambda place: str(place.desk.connect_url), "http://hub.example/tasks"),
    "hub.method": Effect('"Other"', hub("method"), "Other"),
    "hub.token_env": Effect('"MY_TOKEN"', token, "my token"),
    "hub.frame_limit_mib": Effect("1", hub("frame_limit"), 1024 * 1024),
    "hub.redirect_hosts": Effect('["other.example"]', hub("redirect_hosts"), ("other.example",)),
    "hub.ping_seconds": Effect("7.5", hub("ping_interval"), 7.5),
    "hub.timeout_seconds": Effect("77", hub("server_timeout"), 77.0),
    "training.runs": Effect('"/somewhere/my-runs"', watched_places, ["my-runs"]),
    "training.watch": Effect('["/somewhere/others"]', watched_places, ["training", "others"]),
    "training.token_env": Effect('"MY_TOKEN"', progress_token, "my token"),
    "backend.kind": Effect('"openai"', backend_label, "openai/coder", 'model = "coder"\n'),
    "backend.base_url": Effect('"https://models.example/v2"', base_url, "https://models.example/v2", UNASKED),
    "backend.model": Effect('"writer"', body("model"), "writer", ASKING),
    "backend.api_key_env": Effect('"MY_KEY"', authorization, "Bearer my key", ASKING),
    "backend.key_header": Effect('"my-key"', key_headers, {"my-key"}, ASKING),
    "backend.temperature": Effect("1.5", body("temperature"), 1.5, ASKING),
    "backend.max_tokens": Effect("12345", body("max_tokens"), 12345, ASKING),
    "backend.connect_timeout": Effect("1.5", backend("connect_timeout"), 1.5, UNASKED),
    "backend.read_timeout": Effect("2.5", backend("read_timeout"), 2.5, UNASKED),
    "backend.total_timeout": Effect("3.5", backend("total_timeout"), 3.5, UNASKED),
    "backend.price_per_million_input": Effect("2000", cost, (0.022, "USD"), ASKING),
    "backend.price_per_million_output": Effect("1000", cost, (0.007, "USD"), ASKING),
    "backend.currency": Effect('"EUR"', cost, (0.011, "EUR"), ASKING + "price_per_million_input = 1000\n"),
    "prices.coder.per_million_input": Effect("2000", cost, (0.022, "USD"), PRICED, ASKING),
    "prices.coder.per_million_output": Effect("1000", cost, (0.007, "USD"), PRICED, ASKING),
    "prices.coder.currency": Effect('"EUR"', cost, (0.011, "EUR"), f"{PRICED}per_million_input = 1000\n", ASKING),
    "prices.coder.entered": Effect(
        "2026-11-29", what_prices_are, ["coder: a million tokens cost 1 read, 0 written, in USD; entered 2026-11-29."],
        "per_million_input = 1\nentered = 2025-01-31\n",
    ),
    "budget.per_day": Effect("5", bounded("per_day"), 5.0),
    "budget.per_session": Effect("5", bounded("per_session"), 5.0),
    "budget.tokens_per_day": Effect("500", bounded("tokens_per_day"), 500),
    "budget.tokens_per_session": Effect("500", bounded("tokens_per_session"), 500),
    "budget.warn_at": Effect("0.5", bounded("warn_at"), 0.5),
    "author.max_rejects": Effect("7", author("rejects"), 7),
    "author.write_attempts": Effect("9", author("writes"), 9),
    "author.max_repairs": Effect("5", author("repairs"), 5),
    "author.try_seconds": Effect("3.5", author("try_seconds"), 3.5),
    "conversation.generation_seconds": Effect("7.5", limit("generation"), 7.5),
    "conversation.answer_seconds": Effect("0", limit("answer"), 0.0),
    "worker.max_takeovers": Effect("11", max_takeovers, 11),
    "worker.answered": Effect("2", most_answered, 2),
    "sandbox.seconds": Effect("7.5", run_limit("seconds"), 7.5),
    "sandbox.cpu_seconds": Effect("7", run_limit("cpu_seconds"), 7),
    "sandbox.memory_mb": Effect("100", run_limit("memory_mb"), 100),
    "sandbox.file_mb": Effect("7", run_limit("file_mb"), 7),
    "sandbox.disk_mb": Effect("7", run_limit("disk_mb"), 7),
    "sandbox.files": Effect("7", run_limit("files"), 7),
    "sandbox.open_files": Effect("17", run_limit("open_files"), 17),
    "sandbox.processes": Effect("7", run_limit("processes"), 7),
    "sandbox.output_bytes": Effect("2048", run_limit("output_bytes"), 2048),
    "sandbox.tool_calls": Effect("7", tool_limit("calls"), 7),
    "sandbox.tool_bytes": Effect("7", tool_limit("all_bytes"), 7),
    "workflow.concurrency": Effect("3", lambda place: service(place)._parts.concurrency, 3),
    "workflow.answer_seconds": Effect("7.5", lambda place: answers(place)._seconds, 7.5),
    "workflow.history_messages": Effect("7", lambda place: answers(place)._conversations.messages, 7),
    "workflow.history_characters": Effect("77", lambda place: answers(place)._conversations.characters, 77),
    "training.host": Effect('"127.0.0.2"', lambda place: progress_server(place).access.host, "127.0.0.2"),
    "training.port": Effect("7", lambda place: progress_server(place).port, 7),
    "training.origins": Effect('["http://a.b"]', lambda place: progress_server(place).access.origins, ("http://a.b",)),
    "training.updates_per_second": Effect("2.5", updates_per_second, 2.5),
    "workflow.gateway_host": Effect('"127.0.0.2"', lambda place: gateway(place).access.host, "127.0.0.2"),
    "workflow.gateway_port": Effect("7", lambda place: gateway(place).port, 7),
    "workflow.gateway_token_env": Effect('"MY_TOKEN"', lambda place: gateway(place).access.token, "my token"),
    "workflow.gateway_origins": Effect('["http://a.b"]', lambda place: gateway(place).access.origins, ("http://a.b",)),
    "workflow.pod_id": Effect('"pod-7"', lambda place: make_gateway(place.workspace).pod_id, "pod-7"),
    "workflow.nats_url": Effect(
        '"nats://broker.example:4223"', nats("servers"), (Address("nats://broker.example:4223"),)
    ),
    "workflow.nats_user": Effect('"chat"', nats("user"), "chat"),
    "workflow.nats_password_env": Effect('"MY_TOKEN"', nats("password"), "my token"),
    "workflow.nats_token_env": Effect('"MY_TOKEN"', nats("token"), "my token"),
    "workflow.nats_credentials": Effect('"{home}/chat.creds"', name_of(nats("credentials")), "chat.creds"),
    "workflow.nats_nkey": Effect('"{home}/chat.nk"', name_of(nats("nkey")), "chat.nk"),
    "workflow.nats_ca": Effect('"{home}/ca.pem"', name_of(nats("ca")), "ca.pem"),
    "workflow.nats_certificate": Effect('"{home}/own.pem"', name_of(nats("certificate")), "own.pem"),
    "workflow.nats_key": Effect('"{home}/key.pem"', name_of(nats("key")), "key.pem"),
    "workflow.redis_host": Effect('"registry.example"', redis("host"), "registry.example"),
    "workflow.redis_port": Effect("6380", redis("port"), 6380),
    "workflow.redis_user": Effect('"chat"', redis("user"), "chat"),
    "workflow.redis_password_env": Effect('"MY_TOKEN"', redis("password"), "my token"),
    "workflow.redis_database": Effect("7", redis("database"), 7),
    "workflow.redis_tls": Effect("true", redis("tls"), True),
    "workflow.redis_ca": Effect('"{home}/ca.pem"', name_of(redis("ca")), "ca.pem"),
    "workflow.durable": Effect("true", lambda place: request_queue(place).is_durable, True),
    "workflow.ack_seconds": Effect("7.5", lambda place: request_queue(place)._ack_seconds, 7.5, "durable = true\n"),
    "workflow.max_attempts": Effect("7", lambda place: service(place)._parts.max_attempts, 7),
    "workflow.models": Effect('["writer"]', may_ask_for_another_model, True),
    "workflow.tools": Effect('["llm"]', offered_tools, ["llm"]),
    "workflow.tool_rounds": Effect("0", offered_tools, []),
    "workflow.answer_tokens": Effect("77", most_tokens_of_a_chat, 77),
    "desk.theme": Effect('"paper"', lambda place: place.app.theme, "paper"),
    "desk.ascii": Effect("true", lambda place: place.app.desk.has_class("-plain"), True),
    "desk.title": Effect("false", attention, {"bell"}),
    "desk.bell": Effect("false", attention, {"title"}),
    "desk.go_on": Effect("false", lambda place: place.app.desk.context.settings.goes_on, False),
    "desk.open_next_question": Effect(
        "false", lambda place: place.app.desk.context.settings.opens_next_question, False
    ),
    "desk.reviewer": Effect('"Grace"', lambda place: place.session._parts.person, "Grace"),
    "desk.editor": Effect('"sh -e"', editor, ("sh", "-e")),
    "library.nodes": Effect('"{home}/elsewhere"', library, "elsewhere"),
    "database.url": Effect('"{home}/elsewhere.db"', database_file, ["elsewhere.db"]),
    "listeners.file.path": Effect(
        '"{home}/told"', files_of_signals, [list("012345")], 'kind = "file"\npath = "{home}/untold"\n'
    ),
    "listeners.file.signals": Effect('"custom.*"', files_of_signals, [list("135")], TOLD),
    "listeners.file.max_mb": Effect("0.001", files_of_signals, [list("45"), list("23"), list("01")], TOLD),
    "listeners.file.keep": Effect("1", files_of_signals, [list("45"), list("23")], f"{TOLD}max_mb = 0.001\n"),
    **{f"listeners.{kind}.signals": Effect('"custom.*"', is_heard, False, own) for kind, own in OF_A_KIND.items()},
    "listeners.webhook.url": Effect(
        '"https://hooks.example/in"', endpoint("url"), Address("https://hooks.example/in"), AWAY
    ),
    "listeners.webhook.url_env": Effect('"OTHER_HOOK"', posted_to, "/in/other", HOOKED),
    "listeners.webhook.secret_env": Effect('"SIGNING"', is_signed, True, HOOKED),
    "listeners.webhook.body": Effect('"cloudevents"', content_type, "application/cloudevents+json", HOOKED),
    "listeners.webhook.timeout_seconds": Effect("7.5", endpoint("timeout_seconds"), 7.5, AWAY),
    "listeners.webhook.max_attempts": Effect("7", webhook(lambda made: made._max_attempts), 7, AWAY),
    "listeners.webhook.allow_http": Effect("true", endpoint("allow_http"), True, AWAY),
    "listeners.webhook.dead_letters": Effect(
        '"{home}/elsewhere"', webhook(lambda made: made._letters.path.name), "elsewhere", AWAY
    ),
    "listeners.webhook.dead_letters_mb": Effect("7", webhook(lambda made: made._letters._max_bytes), 7_000_000, AWAY),
    "listeners.notice.how": Effect('"bell"', shown, [("bell", "custom.event")], NOTICED),
    "listeners.notice.every_seconds": Effect("0", shown, [("osc9", "custom.event")] * 2, NOTICED),
    "listeners.apprise.urls_env": Effect(
        '"URLS"', applied_message, ("evolver: custom.event", "custom.event"), 'kind = "apprise"\nurls_env = "MY_KEY"\n'
    ),
    "listeners.apprise.title": Effect('"{level}"', applied_message, ("info", "custom.event"), NOTIFIED),
    "listeners.apprise.body": Effect('"{level}"', applied_message, ("evolver: custom.event", "info"), NOTIFIED),
    "listeners.apprise.every_seconds": Effect("7.5", message("every_seconds"), 7.5, NOTIFIED),
    "listeners.otel.endpoint": Effect(
        '"https://otel.example"', lambda place: str(collector(place).endpoint), "https://otel.example", TRACED
    ),
    "listeners.otel.headers_env": Effect('"PAIRS"', lambda place: collector(place).headers, {"a": "b"}, TRACED),
    "listeners.otel.service": Effect('"desk"', lambda place: collector(place).service, "desk", TRACED),
    "listeners.otel.seconds": Effect("7.5", lambda place: collector(place).seconds, 7.5, TRACED),
    "listeners.otel.allow_http": Effect("true", told_by_otel("allow_http"), True, TRACED),
    "langgraph.tracing": Effect("true", tracing, True),
}  # fmt: skip

KEY_OF_NOBODY = "f24"


@pytest.fixture
async def provider() -> AsyncIterator[ProviderServer]:
    async with ProviderServer() as server:
        yield server


def place_of(home: Path, provider: ProviderServer, config: str) -> Place:
    (home / "config").mkdir(parents=True)
    config = config.replace("{provider}", provider.url).replace("{home}", str(home))
    (home / "config" / "config.toml").write_text(config)
    return Place(find_workspace(str(home), None, None, ENVIRON), provider)


async def seen(look: Look, place: Place) -> Any:
    found = look(place)
    return await found if inspect.isawaitable(found) else found


@pytest.mark.anyio
@pytest.mark.parametrize("setting", EFFECTS)
async def test_setting_has_an_effect(
    setting: str, tmp_path: Path, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    effect = EFFECTS[setting]
    section, _, key = setting.rpartition(".")
    routine = '[routines]\nmine = "mine:work"\n' + (f"[backend]\n{effect.backend}" if effect.backend else "")
    beside = "".join(line for line in effect.beside.splitlines(True) if not line.startswith(f"{key} "))
    without = place_of(tmp_path / "without", provider, f"{routine}[{section}]\n{effect.beside}")
    with_it = place_of(tmp_path / "with", provider, f"{routine}[{section}]\n{beside}{key} = {effect.value}\n")
    assert await seen(effect.look, with_it) == effect.seen
    assert await seen(effect.look, without) != effect.seen


@pytest.mark.anyio
async def test_routine_that_is_named_is_known(tmp_path: Path, provider: ProviderServer) -> None:
    place = place_of(tmp_path, provider, '[routines]\nmine = "mine:work"\n')
    assert "mine" in known_routines(place.workspace).routines
    assert any(worker.knows("mine") for worker in place.session.workers._workers)


def test_every_action_keeps_its_own_key_where_that_is_written_out() -> None:
    keys = {action.id: action.key for action in ACTIONS if action.key}
    assert read_keymap(actions(), keys)[1] == []


@pytest.mark.anyio
async def test_every_action_takes_another_key(tmp_path: Path, provider: ProviderServer) -> None:
    for number, action in enumerate(ACTIONS):
        place = place_of(tmp_path / str(number), provider, f'[keys]\n"{action.id}" = "{KEY_OF_NOBODY}"\n')
        view = next((view for view in VIEWS if action in view.actions), VIEWS[0])
        keymap = keymap_of(view, VIEWS, place.desk.key_overrides)
        found = keymap.find(next(iter(action.panes), ""), KEY_OF_NOBODY)
        assert found is not None
        assert found.id == action.id
        assert keymap_of(view, VIEWS, {}).find(next(iter(action.panes), ""), KEY_OF_NOBODY) is None
    assert place.app.actions[-1].key == KEY_OF_NOBODY, "the console takes the same"


@pytest.mark.anyio
async def test_every_theme_can_be_worn(tmp_path: Path, provider: ProviderServer) -> None:
    colors = {}
    for name in known_themes(tmp_path):
        app = place_of(tmp_path / name, provider, f'[desk]\ntheme = "{name}"\n').app
        assert app.theme == name
        colors[name] = tuple(app.theme_variables.items())
    assert len(set(colors.values())) == len(colors) > 5


def test_every_setting_that_is_shown_stands_in_the_table() -> None:
    one_of_each = {name: kind() for name, kind in KINDS.items()}
    config = Config(listeners=one_of_each, prices={"coder": PriceConfig()})
    printed = show_config(config, actions=key_bindings(ACTIONS))
    tables = tomllib.loads(printed)
    tables |= {f"prices.{model}": keys for model, keys in tables.pop("prices").items()}
    listeners = tables.pop("listeners")
    assert {name: table.pop("kind") for name, table in listeners.items()} == {name: name for name in KINDS}
    tables |= {f"listeners.{name}": keys for name, keys in listeners.items()}
    shown = {f"{section}.{key}" for section, keys in tables.items() for key in keys}
    assert shown == set(EFFECTS)
    assert set(tables) - {setting.rpartition(".")[0] for setting in EFFECTS} == {"routines", "keys"}
    _, _, keys = printed.partition("[keys]")
    assert re.findall(r'^# "([^"]+)" = ', keys, re.MULTILINE) == [action.id for action in ACTIONS]
