"""Puts a session together from config and adapters: the same one for the console, for `connect` and for scripts.

Making a session imports the vendors, so the console does it after its first frame.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.core.address import Address
from evolver_tui.core.errors import UnknownListener, UsageError
from evolver_tui.core.job import AUTHOR, AUTHOR_NAME
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.settings.workspace import Workspace
from evolver_tui.wiring.hub import link_maker
from evolver_tui.wiring.workers import worker_maker

if TYPE_CHECKING:
    from pathlib import Path

    from evolver_tui.adapters.listeners.configured import Surroundings
    from evolver_tui.adapters.listeners.redelivery import Redelivery
    from evolver_tui.adapters.llm.http import HttpBackend
    from evolver_tui.adapters.nodes.library import NodeFiles
    from evolver_tui.adapters.nodes.runner import NodeRunner
    from evolver_tui.adapters.routines.plugins import FoundRoutines
    from evolver_tui.core.budget import Limits
    from evolver_tui.core.rule import RuleSet
    from evolver_tui.engine.answer_rules import AnswerRules
    from evolver_tui.engine.author.author import Author, AutoReview
    from evolver_tui.engine.author.backend import Backend
    from evolver_tui.engine.author.token_costs import PriceList
    from evolver_tui.engine.clock import Clock
    from evolver_tui.engine.durable.routine import Routine
    from evolver_tui.engine.durable.worker import Worker
    from evolver_tui.engine.inbox import Inbox
    from evolver_tui.engine.listeners import ListenerMaker
    from evolver_tui.engine.node_runs import NodeRuns
    from evolver_tui.engine.past_sessions import PastSessions
    from evolver_tui.engine.rules import RuleFile
    from evolver_tui.engine.sandbox import Sandbox
    from evolver_tui.engine.session import Session, SessionParts
    from evolver_tui.engine.signal_log import LogReader
    from evolver_tui.engine.signals import SignalBus
    from evolver_tui.engine.store import ReadStore, Store
    from evolver_tui.settings.tool_files import ToolFolder

OFFLINE_PACE_SECONDS = 0.02
"""Between two pieces of the offline author's text, so that a person sees it being written."""

DEFAULT_BASE_URLS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}

COMMANDS = "jobs"
"""What stands in a session's place for jobs that `evolver-tui jobs import` let in; no session is ever called so."""


class Work(NamedTuple):
    """What the workers of a session take."""

    routines: Collection[str] | None = None
    """Names of routines, `AUTHOR` for the built-in author; None takes all that are known."""
    concurrency: int = 1
    """How many jobs are generated at once."""
    is_isolated: bool = True
    """Whether routines that are not ours run in a process of their own."""
    own: Mapping[str, Routine] = MappingProxyType({})
    """Routines of this process alone, by name."""


ALL_WORK = Work()
NO_WORK = Work(routines=())


def make_session(
    workspace: Workspace, *, work: Work = ALL_WORK, for_session: str | None = None,
    lost: Mapping[str, str] = MappingProxyType({}), on_change: Callable[[Worker], None] = lambda worker: None,
    method: str | None = None, generate: bool = True, auto_review: AutoReview | None = None,
    pace: float = OFFLINE_PACE_SECONDS, clock: Clock | None = None, sandbox: Sandbox | None = None,
    runs: NodeRuns | None = None,
) -> Session:  # fmt: skip
    """A session with everything that it needs, not yet opened.

    Args:
        work: which jobs are worked on here.
        for_session: the session of another process that this one works for; None makes one.
        lost: owner to how it ended, of workers whose end somebody has seen.
        on_change: called when what the worker of this process holds, or what does not work, is another than before.
        method: the client method to subscribe to; None takes the config's.
        generate: False keeps tasks without working on them.
        auto_review: which drafts are approved without asking; None asks a person about each.
        pace: seconds between two pieces of the offline author's text.
        clock: None takes the machine's.
        sandbox: what holds the nodes that are run here; None takes the machine's.
        runs: what tries drafts; None runs them in that sandbox.
    """
    from evolver_tui.adapters import process_identity
    from evolver_tui.adapters.system_clock import SystemClock
    from evolver_tui.engine.author.author import ROUTER
    from evolver_tui.engine.conversation import ConversationLimits
    from evolver_tui.engine.session import Session, SessionParts
    from evolver_tui.engine.signals import get_signal_registry

    clock, waits = clock or SystemClock(), workspace.config.conversation
    plug_ins, tools = known_routines(workspace), known_tools(workspace)
    routines: dict[str, Routine] = {**plug_ins.routines, **work.own}
    names = _routines_of(work, routines)
    library = make_library(workspace)
    library.follow_soon()
    backend = make_backend(workspace, clock, pace) if AUTHOR in names else None
    sandbox = sandbox or make_sandbox()
    runs = runs or make_runner(workspace, sandbox)
    author = _make_author(workspace, backend, library, tools, clock, auto_review, runs) if backend else None
    parts = SessionParts(
        id=for_session or new_session_id(clock.now()), host=platform.node(), process=process_identity.this_process(),
        processes=process_identity, person=workspace.reviewer, store=make_store(workspace), backend=backend,
        library=library, author=author, sandbox=sandbox, runs=runs, draft_tools=frozenset(tools.tools) - {ROUTER},
        try_seconds=workspace.config.author.try_seconds,
        make_link=link_maker(workspace, clock, method or workspace.config.hub.method),
        make_workers=worker_maker(
            workspace, clock, {name: routines[name] for name in names if name != AUTHOR},
            is_isolated=work.is_isolated, concurrency=work.concurrency, lost=lost, on_change=on_change,
        ),
        clock=clock, registry=get_signal_registry(), new_id=_new_id, exports=workspace.paths.exports,
        secrets=lambda: known_secrets(workspace),
        limits=ConversationLimits(waits.generation_seconds, waits.answer_seconds),
        generate=generate, is_recorded=for_session is None, spending_limits=spending_limits(workspace),
    )  # fmt: skip
    if for_session is None:
        parts = _heard(parts, workspace, (*map(str, tools.problems), *plug_ins.notices))
    return Session(parts)


def _heard(parts: SessionParts, workspace: Workspace, notices: Sequence[str]) -> SessionParts:
    """The parts with rules, listeners and notices: a process that works for another one's session has none of them."""
    from evolver_tui.adapters.listeners.installed import attach_installed

    return replace(
        parts, rule_file=_rule_file(workspace), make_listeners=_listener_maker(workspace),
        attach_installed=attach_installed, notices=notices,
    )  # fmt: skip


def _rule_file(workspace: Workspace) -> RuleFile:
    from evolver_tui.adapters.rules.rule_file import FollowedRules

    return FollowedRules(workspace.paths.rules_file, lambda: known_rules(workspace))


def _listener_maker(workspace: Workspace) -> ListenerMaker:
    """What makes the listeners that the config names; none in the demo, whose tasks are made up."""
    from evolver_tui.adapters.listeners.configured import make_listeners

    if workspace.is_demo:
        return lambda host: ()

    return lambda host: make_listeners(workspace.config.listeners, host, listener_surroundings(workspace))


def listener_surroundings(workspace: Workspace) -> Surroundings:
    """What the listeners of this workspace need."""
    from evolver_tui.adapters.listeners.configured import Surroundings

    return Surroundings(workspace.paths, workspace.secret, lambda: known_secrets(workspace), _new_id)


def redeliver_webhooks(workspace: Workspace, name: str | None, limit: int | None) -> Sequence[Redelivery]:
    """Send again what a webhook of the config could not deliver, or what every one could not.

    Raises:
        UsageError: there is no webhook of that name.
    """
    from evolver_tui.adapters.listeners.dead_letters import dead_letters_of
    from evolver_tui.adapters.listeners.redelivery import redeliver
    from evolver_tui.adapters.listeners.webhook_endpoint import Endpoint
    from evolver_tui.settings.listener_config import WebhookListener

    configs = workspace.config.listeners
    webhooks = {each: config for each, config in configs.items() if isinstance(config, WebhookListener)}
    if name is not None and name not in configs:
        raise UnknownListener(name, list(webhooks))
    if name is not None and name not in webhooks:
        raise UsageError(f"The listener {name} is no webhook, and puts nothing aside.", "Name a webhook.")
    found = []
    for each in webhooks if name is None else (name,):
        letters = dead_letters_of(each, webhooks[each], workspace.paths)
        try:
            found.append(redeliver(each, letters, Endpoint(webhooks[each], workspace.secret), limit))
        except OSError as error:
            raise UsageError(f"{letters.path} cannot be read or written: {error.strerror}.", "Mend it.") from None
    return found


def _routines_of(work: Work, plug_ins: Collection[str]) -> Collection[str]:
    """The names of the routines whose jobs are taken. Raises UsageError for one that nobody knows."""
    known = (AUTHOR, *plug_ins)
    if work.routines is None:
        return known
    for name in work.routines:
        if name not in known:
            raise UsageError(f"There is no routine {name!a}.", did_you_mean(name, [AUTHOR_NAME, *plug_ins], "routines"))
    return work.routines


def _make_author(
    workspace: Workspace,
    backend: Backend,
    library: NodeFiles,
    tools: ToolFolder,
    clock: Clock,
    auto_review: AutoReview | None,
    runs: NodeRuns,
) -> Author:
    from evolver_tui.engine.author.author import Author, AuthorLimits

    config = workspace.config.author
    limits = AuthorLimits(config.max_rejects, config.write_attempts, config.max_repairs, config.try_seconds)
    return Author(
        backend, library, clock, tuple(tools.tools.values()), limits, auto_review, runs, price_list(workspace)
    )


def spending_limits(workspace: Workspace) -> Limits:
    """What the author may spend, as the config says: money in the currency of its model's prices."""
    from evolver_tui.core.budget import Limits

    asked, bounds = workspace.config.backend, workspace.config.budget
    priced = workspace.config.prices.get(asked.model)
    currency = priced.currency if priced is not None else asked.currency if asked.has_prices else ""
    return Limits(
        bounds.per_day, bounds.per_session, bounds.tokens_per_day, bounds.tokens_per_session, bounds.warn_at, currency
    )


def price_list(workspace: Workspace) -> PriceList:
    """What models cost, as the config says."""
    from evolver_tui.engine.author.token_costs import PriceList, Prices

    asked = workspace.config.backend
    usual = Prices(asked.price_per_million_input, asked.price_per_million_output, asked.currency)
    named = {
        model: Prices(each.per_million_input, each.per_million_output, each.currency, is_named=True)
        for model, each in workspace.config.prices.items()
    }
    return PriceList(named, usual)


def new_session_id(now: float) -> str:
    """E.g. session_20261120_154500_080911: the local time to the microsecond, since two may start in one second."""
    return f"session_{datetime.fromtimestamp(now):%Y%m%d_%H%M%S_%f}"


def _new_id() -> str:
    """A UUID, for what is moved between machines."""
    import uuid

    return str(uuid.uuid4())


def make_store(workspace: Workspace) -> Store:
    """The database of this workspace."""
    from evolver_tui.adapters.database.database import Database

    return Database(workspace.database)


def make_reader(workspace: Workspace) -> ReadStore:
    """The database of this workspace for what reads and changes nothing; a SQLite file is read without SQLAlchemy."""
    file = workspace.database_file
    if file is None:
        return make_store(workspace)
    from evolver_tui.adapters.database.file_reader import FileReader

    return FileReader(file, lambda: make_store(workspace))


def lacks_database(workspace: Workspace) -> bool:
    """Whether SQLite's file is not there, or empty: a command that only reads does not make it."""
    from evolver_tui.adapters.database.file_condition import is_absent

    return workspace.database_file is not None and is_absent(workspace.database_file)


def demo_hint(workspace: Workspace, *, only_if_empty: bool = False) -> str:
    """Where to look when nothing was found here: a sentence if the demo's database holds something, else nothing.

    Args:
        only_if_empty: say it only while the database of this workspace holds no job.
    """
    from evolver_tui.adapters.database.queue_peek import peek

    if workspace.database != workspace.paths.database:
        return ""
    here = peek(workspace.paths.database)[1]
    if only_if_empty and here is not None and here.total:
        return ""
    counts = peek(workspace.paths.demo_database)[1]
    if counts is None or not counts.total:
        return ""
    jobs = "a job" if counts.total == 1 else f"{counts.total:,} jobs"
    return f"The demo's own database holds {jobs}: add --demo."


def make_past_sessions(log: LogReader) -> PastSessions:
    """The sessions of a database."""
    from evolver_tui.adapters import process_identity
    from evolver_tui.engine.past_sessions import PastSessions

    return PastSessions(log, process_identity, time.time)


def make_commands_bus(store: Store) -> SignalBus:
    """Tells what commands do that run no session."""
    from evolver_tui.engine.signals import SignalBus, get_signal_registry

    return SignalBus(COMMANDS, time.time, lambda signals: store.log(signals, COMMANDS), get_signal_registry())


def make_inbox(workspace: Workspace, store: Store) -> Inbox:
    """What a person may do with this workspace's jobs in a process that runs no session."""
    from evolver_tui.engine.inbox import Inbox

    return Inbox(
        store, make_commands_bus(store), session_id=COMMANDS, person=workspace.reviewer, host=platform.node(),
        new_id=_new_id, library=make_library(workspace), has_session=False,
    )  # fmt: skip


def make_answer_rules(workspace: Workspace, store: Store, inbox: Inbox) -> AnswerRules:
    """The remembered answers of this workspace's database, in a process that runs no session."""
    from evolver_tui.engine.answer_rules import AnswerRules

    bus, person = make_commands_bus(store), workspace.reviewer
    return AnswerRules(store, inbox, bus, time.time, session_id=COMMANDS, person=person, has_session=False)


def make_library(workspace: Workspace) -> NodeFiles:
    """The node library of this workspace."""
    from evolver_tui.adapters.nodes.library import NodeFiles
    from evolver_tui.settings.secrets import scrub_value

    return NodeFiles(workspace.nodes, time.time, lambda value: scrub_value(value, known_secrets(workspace)))


def make_runner(workspace: Workspace, sandbox: Sandbox) -> NodeRunner:
    """What runs this workspace's nodes in a box, with their tools on the configured backend."""
    from evolver_tui.adapters.llm.offline import dry_tool_reply, offline_tool_reply
    from evolver_tui.adapters.nodes.runner import NodeRunner
    from evolver_tui.adapters.nodes.tool_calls import ToolLimits
    from evolver_tui.adapters.system_clock import SystemClock
    from evolver_tui.engine.sandbox import run_limits

    backend = make_backend(workspace, SystemClock())
    answers = None if backend.info.is_offline else backend
    config = workspace.config.sandbox
    limits = ToolLimits(config.tool_calls, all_bytes=config.tool_bytes, tokens=workspace.config.backend.max_tokens)
    return NodeRunner(
        make_library(workspace), known_tools(workspace).tools, answers, offline_tool_reply, sandbox,
        dry_reply=dry_tool_reply, limits=run_limits(config), tool_limits=limits,
    )  # fmt: skip


def make_sandbox() -> Sandbox:
    """What holds every run of a node on this machine. Make one for all runs of a session: it finds its tier once."""
    from evolver_tui.adapters.sandbox.box import LocalSandbox

    return LocalSandbox()


def known_tools(workspace: Workspace) -> ToolFolder:
    """The built-in tools and the user's own, and what is wrong with files that hold none."""
    from evolver_tui.settings.tool_files import load_tools
    from evolver_tui.tools.definitions import BUILT_IN_TOOLS

    return load_tools(workspace.paths.tools, BUILT_IN_TOOLS)


def known_rules(workspace: Workspace, file: Path | None = None) -> RuleSet:
    """The rules of this workspace, or of a file, and what is wrong with others."""
    from evolver_tui.adapters.rules.expression import compile_expression
    from evolver_tui.settings.rule_file import read_rules

    return read_rules(file or workspace.paths.rules_file, compile_expression, tuple(workspace.config.listeners))


def known_routines(workspace: Workspace) -> FoundRoutines:
    """The routines of the config and of installed packages, not imported yet, and what is wrong with others."""
    from evolver_tui.adapters.routines.plugins import find_routines

    config = workspace.config
    return find_routines(config.routines, workspace.paths.config / "routines", tracing=config.langgraph.tracing)


def make_backend(workspace: Workspace, clock: Clock, pace: float = 0.0) -> Backend:
    """The backend that the config chooses."""
    chosen = workspace.config.backend
    if chosen.kind == "offline":
        from evolver_tui.adapters.llm.offline import OfflineBackend

        return OfflineBackend(pace, clock)
    return make_chat_backend(workspace, clock)


def make_chat_backend(workspace: Workspace, clock: Clock) -> HttpBackend:
    """The backend that the config chooses, which is not the offline one."""
    chosen = workspace.config.backend

    from evolver_tui.adapters.llm.provider_api import BackendSettings

    settings = BackendSettings(
        kind=chosen.kind,
        base_url=chosen.base_url or Address(DEFAULT_BASE_URLS[chosen.kind]),
        model=chosen.model,
        api_key=lambda: workspace.secret(chosen.key_variable),
        api_key_name=chosen.key_variable,
        key_header=chosen.key_header,
        temperature=chosen.temperature,
        max_tokens=chosen.max_tokens,
        connect_timeout=chosen.connect_timeout,
        read_timeout=chosen.read_timeout,
        total_timeout=chosen.total_timeout,
    )
    if chosen.kind == "openai":
        from evolver_tui.adapters.llm.openai import OpenAIBackend

        return OpenAIBackend(settings, clock)

    from evolver_tui.adapters.llm.anthropic import AnthropicBackend

    return AnthropicBackend(settings, clock)


def known_secrets(workspace: Workspace) -> list[str]:
    """The secrets that this run may have used: what an export must not contain."""
    config = workspace.config
    chats = config.workflow.secret_names if config.workflow.is_used(workspace.environ) else ()
    names = (config.hub.token_env, config.backend.key_variable, *chats)
    found = [workspace.secret(name) for name in names]
    for listener in workspace.config.listeners.values():
        found += listener.secrets(workspace.secret)
    for address in (workspace.database, workspace.config.hub.url, workspace.config.backend.base_url):
        found += address.secrets if isinstance(address, Address) else ()
    if isinstance(workspace.database, Address):
        found.append(workspace.environ.get("PGPASSWORD"))
    return [value for value in found if value]
