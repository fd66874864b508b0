"""The doctor's look at what the config leads to: folders, secrets, database, library, hub and model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evolver_tui.cli.console import actions
from evolver_tui.cli.doctor import money, workflow
from evolver_tui.cli.doctor.diagnosis import Diagnosis, Examination, State
from evolver_tui.cli.doctor.machine import lacks_extra
from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError, UsageError
from evolver_tui.core.safe_text import safe_text

if TYPE_CHECKING:
    from evolver_tui.settings.config import Config
    from evolver_tui.settings.paths import Paths
    from evolver_tui.settings.workspace import Workspace

BOX_SECONDS: Final = 30.0
HUB_SECONDS: Final = 10.0
MODEL_SECONDS: Final = 60.0
"""How long they are waited for."""
HUB_ANSWER_SECONDS: Final = 5.0
"""How long each wait for the hub's network may take."""
_BUSY_SECONDS: Final = 2.0
_LITTLE_SPACE: Final = 64 * 1024 * 1024
_MOST_PROBLEMS: Final = 5
"""Lines about the folders of one library."""


def read_config(paths: Paths) -> tuple[Config, list[Diagnosis]]:
    """The config as far as it can be used, and what `evolver-tui config check` says of it."""
    from evolver_tui.settings.config import examine_config

    file = paths.config_file
    config, problems = examine_config(file)
    if config.keys:
        with suppress(ImportError):  # what keys can do is known to the console alone, which may lack a package
            config, problems = examine_config(file, actions())
    if problems:
        note = Diagnosis("config", State.NOTE, "What follows goes by defaults in place of what is wrong.")
        return config, [*(Diagnosis.of("config", problem) for problem in problems), note]
    said = f"{file} can be used." if file.exists() else f"All defaults; {file} would be read."
    return config, [Diagnosis("config", State.OK, said)]


def folders(paths: Paths) -> Iterator[Diagnosis]:
    """Whether the program's folders can be made and written."""
    from evolver_tui.settings.paths import examine_folder

    folders = dict.fromkeys((paths.config, paths.data, paths.cache))
    missing = [folder for folder in folders if not examine_folder(folder)]
    there = [str(folder) for folder in folders if folder not in missing]
    said = [f"Can be written: {', '.join(there)}." if there else ""]
    said += [f"Made at the first start: {', '.join(map(str, missing))}." if missing else ""]
    yield Diagnosis("folders", State.OK, " ".join(filter(None, said)))
    above = next(folder for folder in (paths.data, *paths.data.parents) if folder.exists())
    free = shutil.disk_usage(above).free
    if free < _LITTLE_SPACE:
        message = f"{free // (1024 * 1024)} MiB are left on the disk of {paths.data}."
        yield Diagnosis("disk", State.NOTE if free else State.BROKEN, message, "Make room there.")


def secrets(workspace: Workspace) -> list[Examination]:
    """Where each key and token is found. What it is never leaves the place that it was found in."""
    config = workspace.config
    wanted = {config.hub.token_env: ("The hub gets no token", False)}
    if config.backend.key_variable:
        is_needed = not config.backend.base_url
        wanted[config.backend.key_variable] = ("The model gets no key", is_needed)
    chats = config.workflow
    if chats.nats_user and not (chats.nats_credentials or chats.nats_nkey):
        wanted[chats.nats_password_env] = ("NATS gets no password", True)
    if chats.redis_user:
        wanted[chats.redis_password_env] = ("Redis gets no password", True)
    for name, listener in config.listeners.items():
        wanted |= dict.fromkeys(listener.variables, (f"The listener {name} cannot work", True))

    def look(name: str, without: str, is_needed: bool) -> Iterator[Diagnosis]:
        from evolver_tui.settings.secrets import secret_place

        place = secret_place(name, workspace.environ, workspace.paths)
        if place is not None:
            yield Diagnosis("secrets", State.OK, f"{name} is in {place}.")
            return
        message = f"{without}: {name} is neither in the environment nor in a keyring nor in secrets.toml."
        way_out = f"Set {name}, or write it into {workspace.paths.config / 'secrets.toml'} (chmod 600)."
        yield Diagnosis("secrets", State.BROKEN if is_needed else State.OFF, message, way_out if is_needed else "")

    late = "Unlock the keyring, or set the variable in the environment."
    looks = [Examination("secrets", partial(look, name, *facts), late=late) for name, facts in wanted.items() if name]
    if workspace.database_file is None:
        looks.append(Examination("secrets", lambda: _passwords(workspace.database, workspace.environ)))
    return looks


def _passwords(url: Address | Path, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Where PostgreSQL's own library looks for the password."""
    from evolver_tui.settings.database_url import password_of

    file = Path(environ.get("PGPASSFILE") or os.path.expanduser("~/.pgpass"))
    if isinstance(url, Address) and password_of(url.for_connecting()):
        yield Diagnosis("secrets", State.OK, "PostgreSQL's password is in the URL.")
    elif environ.get("PGPASSWORD"):
        yield Diagnosis("secrets", State.OK, "PGPASSWORD is in the environment.")
    elif not file.is_file():
        yield Diagnosis("secrets", State.OFF, "PostgreSQL gets no password: there is neither PGPASSWORD nor ~/.pgpass.")
    elif file.stat().st_mode & 0o077:
        message = f"PostgreSQL passes over {file}, since others may read it."
        yield Diagnosis("secrets", State.NOTE, message, f"chmod 600 '{file}'")
    else:
        yield Diagnosis("secrets", State.OK, f"PostgreSQL's passwords are in {file}.")


def database(workspace: Workspace) -> Iterator[Diagnosis]:
    """Whether the database can be reached and written."""
    file = workspace.database_file
    if file is None:
        from evolver_tui.adapters.database.url import dialect_of

        yield Diagnosis("database", State.OK, dialect_of(workspace.database, _BUSY_SECONDS).condition())
        return
    from evolver_tui.adapters.database.file_condition import look_at_file
    from evolver_tui.wiring import lacks_database

    said = look_at_file(file, _BUSY_SECONDS)
    if lacks_database(workspace) and file != workspace.paths.database:
        way_out = "If it should be there, its name is mistyped, in --database or in the config."
        yield Diagnosis("database", State.NOTE, said, way_out)
    else:
        yield Diagnosis("database", State.OK, said)


def library(workspace: Workspace) -> Iterator[Diagnosis]:
    """Whether the node library can be read and written."""
    from evolver_tui.settings.paths import examine_folder
    from evolver_tui.wiring import make_library

    try:
        if not examine_folder(workspace.nodes):
            yield Diagnosis("library", State.OK, f"There is none yet. The first approval makes {workspace.nodes}.")
            return
    except UsageError as error:
        yield Diagnosis("library", State.BROKEN, error.message, "Choose another folder with --nodes.")
        return
    survey = make_library(workspace).survey()
    count = "1 node" if len(survey.records) == 1 else f"{len(survey.records):,} nodes"
    yield Diagnosis("library", State.OK, f"{workspace.nodes} can be written, and holds {count}.")
    for problem in survey.problems[:_MOST_PROBLEMS]:
        yield Diagnosis(
            "library", State.NOTE, problem, "`evolver-tui nodes list` names every folder that cannot be read."
        )


def extensions(workspace: Workspace) -> Iterator[Diagnosis]:
    """The tools, a person's own among them, and the editor."""
    from evolver_tui.settings.person import editor_command
    from evolver_tui.wiring import known_tools

    tools = known_tools(workspace)
    yield Diagnosis("tools", State.OK, f"{', '.join(sorted(tools.tools))}.")
    yield from (Diagnosis.of("tools", problem, State.NOTE) for problem in tools.problems)
    try:
        editor = editor_command(workspace.config.desk, workspace.environ)
        yield Diagnosis("editor", State.OK, f"{editor[0]}.")
    except ConfigError as error:
        yield Diagnosis.of("editor", error, State.NOTE)


def listeners(workspace: Workspace) -> Iterator[Diagnosis]:
    """The listeners of the config: what they need, and what they could not deliver."""
    from evolver_tui.adapters.listeners.dead_letters import dead_letters_of
    from evolver_tui.settings.listener_config import WebhookListener

    for name, config in workspace.config.listeners.items():
        left = 0
        if isinstance(config, WebhookListener):
            path = dead_letters_of(name, config, workspace.paths).path
            left = path.stat().st_size if path.exists() else 0
        if config.EXTRA and lacks_extra(config.EXTRA):
            message = f"{name} ({config.KIND}) needs a package that is not there."
            yield Diagnosis("listeners", State.BROKEN, message, f"pip install 'evolver-tui[{config.EXTRA}]'")
        elif left:
            message = f"{name} ({config.KIND}) could not deliver everything: {left:,} bytes lie in {path}."
            yield Diagnosis("listeners", State.NOTE, message, f"evolver-tui signals redeliver {name}")
        else:
            yield Diagnosis("listeners", State.OK, f"{name} ({config.KIND}).")


def box() -> Iterator[Diagnosis]:
    """How nodes are held here, found as before a first run: by a program that really tries to get out."""
    import asyncio

    from evolver_tui.wiring import make_sandbox

    standing = asyncio.run(make_sandbox().standing())
    if standing.tier == "none":
        message = f"Nodes are not run, since nothing here holds them. {standing.reason}"
        yield Diagnosis("box", State.BROKEN, message, standing.way_out)
    else:
        state = State.NOTE if standing.reason else State.OK
        message = f"Nodes run in tier {standing.tier}. {standing.reason}".strip()
        yield Diagnosis("box", state, message, standing.way_out)


def rules(workspace: Workspace) -> Iterator[Diagnosis]:
    """Whether the rules can be used, as `evolver-tui rules check` says."""
    from evolver_tui.wiring import known_rules

    file, found = workspace.paths.rules_file, known_rules(workspace)
    yield from (Diagnosis.of("rules", problem, State.NOTE) for problem in found.problems[:_MOST_PROBLEMS])
    if found.rules:
        count = "1 rule" if len(found.rules) == 1 else f"{len(found.rules)} rules"
        yield Diagnosis("rules", State.OK, f"{count} in {file}.")
    elif not found.problems:
        yield Diagnosis("rules", State.OFF, f"There is none; {file} would be read.")


def hub(workspace: Workspace, *, online: bool) -> Iterator[Diagnosis]:
    """Whether the hub would let us in. It is asked for a connection, which is never opened: no task comes."""
    from evolver_tui.settings.state import load_state

    url = workspace.config.hub.url or load_state(workspace.paths.state_file).hub_url
    if not url:
        yield Diagnosis("hub", State.OFF, "None is chosen.", "Name one with --hub URL, or in the config under [hub].")
    elif not url.is_whole:
        yield Diagnosis("hub", State.NOTE, f"{url} was kept without its secret.", "Name it again with --hub URL.")
    elif not online:
        yield Diagnosis("hub", State.OFF, f"{url} was not tried.", "`evolver-tui doctor --online` asks it.")
    else:
        yield Diagnosis("hub", State.OK, _negotiated(workspace, url))


def _negotiated(workspace: Workspace, url: Address) -> str:
    from evolver_tui.adapters.signalr.probe import negotiate_only
    from evolver_tui.adapters.signalr.settings import LinkSettings

    hub = workspace.config.hub
    settings = LinkSettings(url=url, redirect_hosts=hub.redirect_hosts, connect_timeout=HUB_ANSWER_SECONDS)
    return negotiate_only(settings, workspace.secret(hub.token_env) or "")


def model(workspace: Workspace, *, online: bool) -> Iterator[Diagnosis]:
    """Whether the model answers, asked for one word as by `config check --online`."""
    backend = workspace.config.backend
    label = safe_text(f"{backend.kind}/{backend.model}", 200)
    if backend.kind == "offline":
        yield Diagnosis(
            "model",
            State.OFF,
            "The author is offline: templates, and no model.",
            "Choose one under [backend] in the config.",
        )
    elif not online:
        yield Diagnosis(
            "model", State.OFF, f"{label} was not tried.", "`evolver-tui doctor --online` asks it for one word."
        )
    else:
        from evolver_tui.cli.trial import try_model

        said, problem = try_model(workspace)
        if problem is None:
            yield Diagnosis("model", State.OK, " ".join(said))
        else:
            yield Diagnosis("model", State.BROKEN, " ".join((problem.message, *said)), problem.way_out)


def all_of(workspace: Workspace, *, online: bool) -> list[Examination]:
    """Everything that needs a workspace, in the order of its lines."""
    return [
        *secrets(workspace),
        Examination("database", lambda: database(workspace)),
        Examination("library", lambda: library(workspace)),
        Examination("prices", lambda: money.prices(workspace)),
        Examination("budget", lambda: money.budget(workspace)),
        Examination("tools", lambda: extensions(workspace)),
        Examination("listeners", lambda: listeners(workspace)),
        Examination("rules", lambda: rules(workspace)),
        *workflow.examinations(workspace),
        Examination("box", box, BOX_SECONDS, "Something holds new processes up: look at what else runs here."),
        Examination("hub", lambda: hub(workspace, online=online), HUB_SECONDS, "Check the URL and the network."),
        Examination(
            "model", lambda: model(workspace, online=online), MODEL_SECONDS,
            "`evolver-tui config check --online` waits as long as the config says.",
        ),
    ]  # fmt: skip
