"""Puts a session together from config and adapters: the same one for the console, for `connect` and for scripts.

Finding the workspace costs nothing. Making a session imports the vendors, so the console does it after its first frame.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from evolver_tui.core.address import Address
from evolver_tui.core.errors import UsageError
from evolver_tui.core.job import AUTHOR, AUTHOR_NAME
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.settings.config import BackendConfig, Config, load_config
from evolver_tui.settings.paths import Paths, absolute, find_paths, node_folder
from evolver_tui.settings.person import reviewer_name

if TYPE_CHECKING:
    from evolver_tui.adapters.nodes.library import NodeFiles
    from evolver_tui.adapters.nodes.runner import NodeRunner
    from evolver_tui.adapters.routines.plugins import FoundRoutines
    from evolver_tui.adapters.sample_hub.hub import SampleHub
    from evolver_tui.engine.author.author import Author, AutoReview
    from evolver_tui.engine.author.backend import Backend
    from evolver_tui.engine.clock import Clock
    from evolver_tui.engine.durable.routine import Routine
    from evolver_tui.engine.durable.worker import Worker
    from evolver_tui.engine.durable.workers import AnyWorker
    from evolver_tui.engine.inbox import Inbox
    from evolver_tui.engine.link import Link, LinkListener, LinkMaker
    from evolver_tui.engine.session import Session
    from evolver_tui.engine.store import Store
    from evolver_tui.settings.tool_files import ToolFolder

OFFLINE_PACE_SECONDS = 0.02
"""Between two pieces of the offline author's text, so that a person sees it being written."""

DEFAULT_BASE_URLS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}

COMMANDS = "jobs"
"""What stands in a session's place for jobs that `evolver-tui jobs import` let in; no session is ever called so."""

APPROVALS: Mapping[str, AutoReview | None] = {
    "all": lambda report: True,
    "low": lambda report: report.risk == "low",
    "none": None,
}
"""The rules of `connect --approve`: which drafts are saved without a person."""

APPROVAL_WARNINGS: Mapping[str, str] = {
    "all": "Every draft is saved unread, whatever it reaches. Use --approve none, and each waits for a person.",
    "low": (
        "Drafts of low risk are saved unread. Low means that a reading of the code found only names that are known to "
        "be harmless. It does not say what a draft does with the task's data or the tools, nor what a name turns out "
        "to be at run time, and no sandbox holds a node that is run. Use --approve none, and each waits for a person."
    ),
}
"""What such a rule does not protect from, for whoever starts it."""


class Workspace(NamedTuple):
    """Where this run lives: its config and its folders."""

    paths: Paths
    config: Config
    environ: Mapping[str, str]
    database: Address | Path
    """A URL, or SQLite's file."""
    nodes: Path
    home: str | None = None
    """The one folder for config, data and cache, where one was named."""
    is_demo: bool = False

    @property
    def database_file(self) -> Path | None:
        """SQLite's file; None for a database elsewhere."""
        if isinstance(self.database, Path):
            return self.database
        scheme, separator, path = self.database.for_connecting().partition(":///")
        return Path(path) if separator and scheme.startswith("sqlite") else None

    @property
    def reviewer(self) -> str:
        """The name that decisions are kept under."""
        return reviewer_name(self.config.desk, self.environ)

    def secret(self, name: str) -> str | None:
        """Find a secret by the name of its environment variable; None where there is none. Blocks: see `secret`."""
        from evolver_tui.settings.secrets import secret

        return secret(name, self.environ, self.paths)


def find_workspace(
    home: str | None, nodes: str | None, database: Address | None, environ: Mapping[str, str], *, is_demo: bool = False
) -> Workspace:
    """Read the config and find every folder. The demo never touches the config's database.

    Raises:
        UsageError: a folder or the database cannot be meant so.
        ConfigError: the config file cannot be used.
    """
    paths = find_paths(Path(home) if home else None, environ)
    config = load_config(paths.config_file)
    if is_demo:  # no model is asked and no money spent by a look around
        config = replace(config, backend=BackendConfig())
    chosen = nodes or config.library.nodes
    return Workspace(
        paths=paths,
        config=config,
        environ=environ,
        database=_database(database)
        or (paths.demo_database if is_demo else _database(config.database.url) or paths.database),
        nodes=node_folder(Path(chosen) if chosen else None, Path(), paths),
        home=home,
        is_demo=is_demo,
    )


def _database(given: Address | None) -> Address | Path | None:
    if not given:
        return None
    from evolver_tui.settings.database_url import FORMS, check_database_url, is_misspelt_url

    text = given.for_connecting()
    if "://" in text:
        check_database_url(text)
        return given
    if is_misspelt_url(text):
        raise UsageError(
            "This is neither a database's URL nor the path of a file.",
            f"Write a URL as {FORMS}, and a path that looks like one with ./ in front.",
        )
    return absolute(Path(text))


@dataclass(frozen=True, slots=True)
class Work:
    """What the workers of a session take."""

    routines: Collection[str] | None = None
    """Names of routines, `AUTHOR` for the built-in author; None takes all that are known."""
    concurrency: int = 1
    """How many jobs are generated at once."""
    is_isolated: bool = True
    """Whether routines that are not ours run in a process of their own."""


NO_WORK = Work(routines=())


def make_session(
    workspace: Workspace,
    *,
    work: Work = Work(),
    for_session: str | None = None,
    lost: Mapping[str, str] = MappingProxyType({}),
    on_change: Callable[[Worker], None] = lambda worker: None,
    method: str | None = None,
    generate: bool = True,
    auto_review: AutoReview | None = None,
    pace: float = OFFLINE_PACE_SECONDS,
    clock: Clock | None = None,
) -> Session:
    """A session with everything that it needs, not yet opened.

    Args:
        work: which jobs are worked on here.
        for_session: the session of another process that this one works for; None makes one.
        lost: owner to how it ended, of workers whose end somebody has seen.
        on_change: called when what the worker of this process holds, or its trouble, is another than before.
        method: the client method to subscribe to; None takes the config's.
        generate: False keeps tasks without working on them.
        auto_review: which drafts are approved without asking; None asks a person about each.
        pace: seconds between two pieces of the offline author's text.
        clock: None takes the machine's.
    """
    from evolver_tui.adapters.system_clock import SystemClock
    from evolver_tui.engine.session import Session, SessionParts
    from evolver_tui.engine.signals import get_signal_registry

    clock = clock or SystemClock()
    plug_ins = known_routines(workspace)
    names = _routines_of(work, plug_ins.routines)
    library = make_library(workspace)
    tools = known_tools(workspace)
    backend = make_backend(workspace, clock, pace) if AUTHOR in names else None
    author = _make_author(workspace, backend, library, tools, clock, auto_review) if backend is not None else None

    def make_workers(session: Session) -> Iterator[AnyWorker]:
        theirs = {name: plug_ins.routines[name] for name in names if name != AUTHOR}
        ours: dict[str, Routine] = {} if work.is_isolated else dict(theirs)
        if session.author is not None:
            ours[AUTHOR] = session.author
        if ours:
            from evolver_tui.adapters.process_identity import this_process
            from evolver_tui.engine.durable.worker import Worker

            yield Worker(
                session.store, ours, session.bus, clock, session_id=session.id, owner=this_process(),
                max_takeovers=workspace.config.worker.max_takeovers, concurrency=work.concurrency, lost=lost,
                on_broken=session.store_broke, on_change=on_change,
            )  # fmt: skip
        if work.is_isolated and theirs:
            from evolver_tui.adapters.worker_process.supervisor import WorkerProcess

            begin = _beginning(workspace, session.id, sorted(theirs), work.concurrency)
            environ = {**os.environ, **workspace.environ}
            yield WorkerProcess(
                session.store, session.bus, clock, theirs, begin, environ, on_broken=session.store_broke
            )  # fmt: skip

    notices = (*(str(problem) for problem in tools.problems), *plug_ins.notices) if for_session is None else ()
    return Session(
        SessionParts(
            id=for_session or new_session_id(clock.now()),
            host=platform.node(),
            person=workspace.reviewer,
            store=make_store(workspace, checkpoints=for_session is None),
            backend=backend,
            library=library,
            author=author,
            make_link=_link_maker(workspace, clock, method or workspace.config.hub.method),
            make_workers=lambda session: tuple(make_workers(session)),
            clock=clock,
            registry=get_signal_registry(),
            new_id=_new_id,
            exports=workspace.paths.exports,
            secrets=lambda: known_secrets(workspace),
            generate=generate,
            is_recorded=for_session is None,
            notices=notices,
        )
    )


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
) -> Author:
    from evolver_tui.engine.author.author import Author, AuthorLimits

    limits = AuthorLimits(workspace.config.author.max_rejects, workspace.config.author.write_attempts)
    return Author(backend, library, clock, tuple(tools.tools.values()), limits, auto_review)


def _beginning(workspace: Workspace, session_id: str, routines: Sequence[str], concurrency: int) -> dict[str, Any]:
    """What a worker process has to know; it stands on no command line, since an address may hold a password."""
    database = (
        workspace.database.for_connecting() if isinstance(workspace.database, Address) else str(workspace.database)
    )
    where = {"home": workspace.home, "nodes": str(workspace.nodes), "database": database, "is_demo": workspace.is_demo}
    return {"workspace": where, "session": session_id, "routines": routines, "concurrency": concurrency}


def new_session_id(now: float) -> str:
    """E.g. session_20261120_154500_080911: the local time to the microsecond, since two may start in one second."""
    return f"session_{datetime.fromtimestamp(now):%Y%m%d_%H%M%S_%f}"


def _new_id() -> str:
    """A UUID, for what is moved between machines."""
    import uuid

    return str(uuid.uuid4())


def make_store(workspace: Workspace, *, checkpoints: bool = True) -> Store:
    """The database of this workspace.

    Args:
        checkpoints: see `Database`.
    """
    from evolver_tui.adapters.database.database import Database

    return Database(workspace.database, checkpoints=checkpoints)


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


def make_inbox(workspace: Workspace, store: Store) -> Inbox:
    """What a person may do with this workspace's jobs in a process that runs no session."""
    from evolver_tui.engine.inbox import Inbox
    from evolver_tui.engine.signals import SignalBus, get_signal_registry

    bus = SignalBus(COMMANDS, time.time, lambda signals: store.log(signals, COMMANDS), get_signal_registry())
    return Inbox(
        store, bus, session_id=COMMANDS, person=workspace.reviewer, host=platform.node(),
        new_id=_new_id, library=make_library(workspace), has_session=False,
    )  # fmt: skip


def make_library(workspace: Workspace) -> NodeFiles:
    """The node library of this workspace."""
    from evolver_tui.adapters.nodes.library import NodeFiles

    return NodeFiles(workspace.nodes, time.time)


def make_runner(workspace: Workspace) -> NodeRunner:
    """What runs this workspace's nodes, with their tools on the configured backend."""
    from evolver_tui.adapters.llm.offline import offline_tool_reply
    from evolver_tui.adapters.nodes.runner import NodeRunner
    from evolver_tui.adapters.system_clock import SystemClock

    backend = make_backend(workspace, SystemClock())
    answers = None if backend.info.is_offline else backend
    return NodeRunner(make_library(workspace), known_tools(workspace).tools, answers, offline_tool_reply)


def known_tools(workspace: Workspace) -> ToolFolder:
    """The built-in tools and the user's own, and what is wrong with files that hold none."""
    from evolver_tui.settings.tool_files import load_tools
    from evolver_tui.tools.definitions import BUILT_IN_TOOLS

    return load_tools(workspace.paths.tools, BUILT_IN_TOOLS)


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

    from evolver_tui.adapters.llm.http import BackendSettings

    settings = BackendSettings(
        kind=chosen.kind,
        base_url=chosen.base_url or Address(DEFAULT_BASE_URLS[chosen.kind]),
        model=chosen.model,
        api_key=lambda: workspace.secret(chosen.key_variable),
        api_key_name=chosen.key_variable,
        temperature=chosen.temperature,
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
    names = (workspace.config.hub.token_env, workspace.config.backend.key_variable)
    found = [workspace.secret(name) for name in names]
    for address in (workspace.database, workspace.config.hub.url, workspace.config.backend.base_url):
        found += address.secrets if isinstance(address, Address) else ()
    if isinstance(workspace.database, Address):
        found.append(workspace.environ.get("PGPASSWORD"))
    return [value for value in found if value]


class Demo:
    """The sample hub in this process's own event loop. Its tasks are numbered on from those of the last time.

    In a database of its own they are called task-1 and so on; beside a real hub's tasks, whose ids they must never
    take, sample-1.
    """

    def __init__(self, workspace: Workspace, *, is_alone: bool, tasks_a_second: float = 1.0) -> None:
        self._workspace = workspace
        self._rate = tasks_a_second
        self._id_prefix = "task-" if is_alone else "sample-"
        self._hub: SampleHub | None = None

    async def start(self) -> Address:
        """Start the hub, once; returns its address."""
        from evolver_tui.adapters.database.queue_peek import peek
        from evolver_tui.adapters.sample_hub.feed import FeedSettings
        from evolver_tui.adapters.sample_hub.hub import SampleHub, SampleHubSettings

        if self._hub is None:
            file = self._workspace.database_file
            counts = peek(file)[1] if file is not None else None
            start_number = counts.total + 1 if counts else 1
            feed = FeedSettings(rate=self._rate, start_number=start_number, id_prefix=self._id_prefix)
            self._hub = SampleHub(SampleHubSettings(feed=feed))
            await self._hub.start()
        return Address(self._hub.url)


def _link_maker(workspace: Workspace, clock: Clock, method: str) -> LinkMaker:
    hub = workspace.config.hub

    def token() -> str:
        return workspace.secret(hub.token_env) or ""

    def make_link(url: Address, listener: LinkListener) -> Link:
        from evolver_tui.adapters.signalr.link import SignalRLink
        from evolver_tui.adapters.signalr.settings import MEBIBYTE, LinkSettings

        if not url:
            raise UsageError("There is no hub to connect to.", "Name one with --hub URL, or choose one with c.")
        settings = LinkSettings(
            url=url,
            method=method,
            redirect_hosts=hub.redirect_hosts,
            ping_interval=hub.ping_seconds,
            server_timeout=hub.timeout_seconds,
            frame_limit=hub.frame_limit_mib * MEBIBYTE,
        )
        return SignalRLink(settings, listener, clock, token)

    return make_link
