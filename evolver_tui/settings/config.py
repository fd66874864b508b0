"""The config file: what can be set, what it means, and reading it with every mistake named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.settings.backend_config import BackendConfig
from evolver_tui.settings.base_url import base_url_problem
from evolver_tui.settings.conversation_config import ConversationConfig
from evolver_tui.settings.database_url import a_database
from evolver_tui.settings.money_config import BudgetConfig, PriceConfig, read_prices, shown_prices
from evolver_tui.settings.regular_file import open_regular
from evolver_tui.settings.sandbox_config import SandboxConfig
from evolver_tui.settings.section_reader import EXPECTED, SectionReader, fields_of, kind_of, shown_section
from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.training_config import TrainingConfig
from evolver_tui.settings.values import (
    HUB_SCHEMES,
    a_name,
    a_routine,
    a_target,
    a_variable,
    address,
    between,
    host_names,
    one_line,
    quoted,
    toml,
)
from evolver_tui.settings.workflow_config import WorkflowConfig

if TYPE_CHECKING:
    from evolver_tui.settings.keymap import KeyBinding
    from evolver_tui.settings.listener_config import ListenerConfig


# --- the sections --------------------------------------------------------------------------------------------------


class HubConfig(Section):
    """The hub that tasks come from."""

    url: Address = setting(
        Address(), "The hub's address. Empty: the console asks at the first start.", address(*HUB_SCHEMES)
    )
    method: str = setting("TaskHub", "The client method that the hub calls with tasks.", a_name)
    token_env: str = setting(
        "EVOLVER_HUB_TOKEN", "The environment variable that holds the hub's bearer token.", a_variable
    )
    frame_limit_mib: int = setting(32, "A frame larger than this many MiB is refused.", between(1, 1024))
    redirect_hosts: tuple[str, ...] = setting((), "Other hosts that the hub may send the program to.", host_names)
    ping_seconds: float = setting(15.0, "Seconds between two pings to the hub.", between(1, 3600))
    timeout_seconds: float = setting(30.0, "Seconds of silence after which a hub counts as gone.", between(2, 7200))


class AuthorConfig(Section):
    """The routine that writes nodes."""

    max_rejects: int = setting(
        3, "How often a draft is sent back with a reason; once more rejects it, which ends its task.", between(0, 20)
    )
    write_attempts: int = setting(
        4, "How often one draft is asked for when the model fails or answers badly.", between(1, 20)
    )
    max_repairs: int = setting(
        2, "How often a draft that fails its try goes back before a person is asked.", between(0, 20)
    )
    try_seconds: float = setting(20.0, "Seconds that a draft may take for one input in its try.", between(0.1, 3600))


class WorkerConfig(Section):
    """The worker, which runs routines."""

    max_takeovers: int = setting(
        3, "How often a job is taken over from workers that died over it; beyond that it fails.", between(0, 1000)
    )
    answered: int = setting(
        1, "How many drafts that were answered or sent back are written beside that of a new task.", between(0, 20)
    )


class DeskConfig(Section):
    """The console."""

    theme: str = setting("evolver-dark", "A theme that comes along, or one in the themes folder.", a_name)
    ascii: bool = setting(False, "Draw borders and marks with ASCII alone.")
    title: bool = setting(True, "Say in the terminal's title how many jobs need you.")
    bell: bool = setting(True, "Ring once when something comes to need you while the terminal has no focus.")
    go_on: bool = setting(
        True, "Go on to what needs you next after a decision or an answer; where nothing does, it comes by itself."
    )
    open_next_question: bool = setting(True, "Open the form of the next question once one is answered.")
    reviewer: str = setting("", "The name that decisions are kept under. Empty: the login name.", one_line)
    editor: str = setting("", "The editor's command. Empty: $VISUAL, $EDITOR, nano or vi.", one_line)


class LibraryConfig(Section):
    """The approved nodes."""

    nodes: str = setting(
        "", "The node folder. Empty: nodes in the working folder where there is one, else in the data folder.", one_line
    )


class DatabaseConfig(Section):
    """The queue, and everything that happened."""

    url: Address = setting(
        Address(),
        "A file's whole path, or a URL (sqlite:///, postgresql+psycopg://). Empty: evolver.db in the data folder.",
        a_database,
    )


class LangGraphConfig(Section):
    """Routines that are LangGraph graphs."""

    tracing: bool = setting(
        False, "Let graphs be traced at LangSmith, as its environment variables say. Without it they never are."
    )


class Config(Section):
    """Everything that can be set."""

    hub: HubConfig = HubConfig()
    backend: BackendConfig = BackendConfig()
    author: AuthorConfig = AuthorConfig()
    conversation: ConversationConfig = ConversationConfig()
    worker: WorkerConfig = WorkerConfig()
    sandbox: SandboxConfig = SandboxConfig()
    desk: DeskConfig = DeskConfig()
    library: LibraryConfig = LibraryConfig()
    database: DatabaseConfig = DatabaseConfig()
    langgraph: LangGraphConfig = LangGraphConfig()
    workflow: WorkflowConfig = WorkflowConfig()
    training: TrainingConfig = TrainingConfig()
    budget: BudgetConfig = BudgetConfig()
    prices: Mapping[str, PriceConfig] = field(default_factory=dict)
    """A model's name at its provider to what it costs."""
    listeners: Mapping[str, ListenerConfig] = field(default_factory=dict)
    """A listener's name to what it is."""
    routines: Mapping[str, str] = field(default_factory=dict)
    """A routine's name to where it is, as `module:function`."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """KeyBinding id to key, as Textual spells keys. Which actions there are is known to the console alone."""


SECTIONS: Mapping[str, type[Any]] = {
    each.name: type(each.default) for each in fields(Config) if each.default is not MISSING
}
_TABLES = (*SECTIONS, "prices", "listeners", "routines", "keys")


# --- reading -------------------------------------------------------------------------------------------------------


def load_config(path: Path) -> Config:
    """Read the config file; a missing one is all defaults.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds something unknown or unfit; names file and key.
    """
    config, problems = read_config(path)
    if problems:
        more = len(problems) - 1
        if more:
            first = problems[0]
            count = "one more problem" if more == 1 else f"{more} more problems"
            raise ConfigError(
                first.message, f"{first.way_out} There is {count}: run evolver-tui config check.".lstrip()
            )
        raise problems[0]
    return config


def check_config(path: Path, actions: Mapping[str, KeyBinding] | None = None) -> list[str]:
    """Everything that is wrong with the config file, each in a sentence or two; empty when it can be used.

    Args: as of `examine_config`.
    """
    return [str(problem) for problem in examine_config(path, actions)[1]]


def examine_config(path: Path, actions: Mapping[str, KeyBinding] | None = None) -> tuple[Config, list[ConfigError]]:
    """The config file with defaults in place of what is wrong, and everything that is wrong.

    Args:
        path: the file; a person's own themes lie beside it.
        actions: what keys can do, by id; None leaves [keys] unchecked.
    """
    from evolver_tui.settings.keymap import read_keymap
    from evolver_tui.settings.themes import known_themes

    config, problems = read_config(path)
    themes = known_themes(path.with_name("themes"))
    if config.desk.theme not in themes:
        problems.append(
            ConfigError(
                f"{path}: [desk] theme: there is no theme {quoted(config.desk.theme)}.",
                did_you_mean(config.desk.theme, themes, "themes"),
            )
        )
    if actions is not None:
        problems += read_keymap(actions, config.keys, str(path))[1]
    return config, problems


def read_config(path: Path) -> tuple[Config, list[ConfigError]]:
    """Read the config file, with defaults in place of what is wrong, and tell all that is wrong."""
    try:
        return _Reader(path).config(_tables(path))
    except ConfigError as problem:
        return Config(), [problem]
    except RecursionError:  # by its parser, or here: a key with thousands of dots is as many tables
        return Config(), [ConfigError(f"{path} is nested too deeply.", "Mend or remove it.")]


def _tables(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path) as file:
            content = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Mend or remove it.") from None

    import tomllib

    try:
        # Some editors put a byte order mark in front.
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: this is not UTF-8.", "Save the file as UTF-8.") from None
    except ValueError as error:
        raise ConfigError(
            f"{path} is not TOML: {quoted(str(error), 200)}.", 'Texts stand in quotes: key = "value".'
        ) from None


class _Reader(SectionReader):
    """Reads the whole file."""

    def config(self, tables: Mapping[str, Any]) -> tuple[Config, list[ConfigError]]:
        for name, value in tables.items():
            if name not in _TABLES:
                self._unknown_at_top(name, value)
        sections = {name: self.section(name, kind, tables.get(name, {})) for name, kind in SECTIONS.items()}
        routines = self._routines(tables.get("routines", {}))
        listeners = self._listeners(tables["listeners"]) if "listeners" in tables else {}
        keys = self._keys(tables.get("keys", {}))
        prices = read_prices(self, tables.get("prices", {}))
        config = Config(**sections, prices=prices, listeners=listeners, routines=routines, keys=keys)
        self._check_together(config)
        return config, self.problems

    def _unknown_at_top(self, name: str, value: object) -> None:
        if isinstance(value, dict):
            way_out = did_you_mean(name, _TABLES, "sections")
            self.wrong(f"there is no section [{quoted(name)}].", way_out)
            return
        homes = [section for section, kind in SECTIONS.items() if name in fields_of(kind)]
        way_out = f"Put it under [{homes[0]}]." if homes else f"Sections are [{'], ['.join(_TABLES)}]."
        self.wrong(f"{quoted(name)} stands outside of any section.", way_out)

    def _listeners(self, found: object) -> Mapping[str, ListenerConfig]:
        # Most have none, and making the classes of all kinds takes a while.
        from evolver_tui.settings.listener_config import read_listeners

        return read_listeners(self, found)

    def _routines(self, found: object) -> dict[str, str]:
        routines: dict[str, str] = {}
        for name, target in self.table("routines", found).items():
            problem = a_routine(name)
            if problem is not None:
                self.wrong(f"[routines] {quoted(name)} has to be {problem}.", 'Example: triage = "triage:work".')
                continue
            problem = a_target(target) if isinstance(target, str) else EXPECTED[str]
            if problem is not None:
                self.wrong(
                    f"[routines] {name} has to be {problem}, and is {kind_of(target)}.",
                    f'Example: {name} = "my_module:work".',
                )
                continue
            routines[name] = target
        return routines

    def _keys(self, found: object, prefix: str = "") -> dict[str, str]:
        keys: dict[str, str] = {}
        for name, value in self.table("keys", found).items():
            action = prefix + name
            # TOML reads a dotted name without quotes as a table in a table.
            entries = self._keys(value, f"{action}.") if isinstance(value, dict) else {action: value}
            for entry, key in entries.items():
                if not isinstance(key, str) or not key.isprintable():
                    self.wrong(
                        f"[keys] {quoted(entry)} has to be a key's name, and is {kind_of(key)}.", "Example: 'a'."
                    )
                elif entry in keys:
                    self.wrong(f"[keys] names {quoted(entry)} twice.", "Keep one of them.")
                else:
                    keys[entry] = key
        return keys

    def _check_together(self, config: Config) -> None:
        backend, hub = config.backend, config.hub
        if backend.kind != "offline" and not backend.model and not self.is_unfit("backend", "model"):
            self.wrong(
                f"[backend] kind {backend.kind!r} needs a model.",
                'Write model = "..." with the name that the provider uses, or kind = "offline".',
            )
        self._check_budget(config)
        elsewhere = base_url_problem(backend.kind, backend.base_url)
        if elsewhere is not None and not self.is_unfit("backend", "kind", "base_url"):
            self.wrong(f"[backend] base_url ({backend.base_url}) {elsewhere[0]}.", elsewhere[1])
        if backend.kind == "anthropic" and backend.temperature > 1:
            self.wrong(
                f"[backend] temperature has to be at most 1 where kind is 'anthropic', and is {backend.temperature:g}.",
                "The default is 0.2.",
            )
        is_read = not self.is_unfit("hub", "ping_seconds", "timeout_seconds")
        if hub.timeout_seconds <= hub.ping_seconds and is_read:
            self.wrong(
                f"[hub] timeout_seconds ({hub.timeout_seconds:g}) has to be longer than ping_seconds "
                f"({hub.ping_seconds:g}), or a healthy hub counts as gone.",
                "Twice as long is usual.",
            )

    def _check_budget(self, config: Config) -> None:
        """A sum of money bounds nothing where no price is known."""
        budget, backend = config.budget, config.backend
        is_priced = backend.model in config.prices or backend.has_prices
        bounds = [key for key in ("per_day", "per_session") if getattr(budget, key)]
        if bounds and backend.kind != "offline" and backend.model and not is_priced:
            model = toml(backend.model)
            self.wrong(
                f"[budget] {bounds[0]} bounds nothing: no price of the model {quoted(backend.model)} is known.",
                f"Add a section [prices.{model}], or bound tokens_per_day.",
            )


# --- showing -------------------------------------------------------------------------------------------------------


def show_config(config: Config, source: Path | None = None, actions: Mapping[str, KeyBinding] | None = None) -> str:
    """The settings in force as TOML, each with what it is for and whether it is the default.

    Reading the result gives `config` again, but for what an address does not show: that is refused. It holds names of
    environment variables, never secrets.

    Args:
        config: what to show.
        source: the config file; None or a missing one when nothing was read.
        actions: what keys can do, by id: each is listed with its key.
    """
    from evolver_tui.settings.listener_config import shown_listeners

    came = f"From {toml(str(source))}." if source and source.is_file() else "No config file: all defaults."
    if source and not source.is_file():
        came += f" It would be {toml(str(source))}."
    lines = [f"# {came}"]
    for name, kind in SECTIONS.items():
        section = getattr(config, name)
        lines += ["", f"# {(kind.__doc__ or '').strip()}", f"[{name}]"]
        lines += shown_section(section)
    lines += shown_prices(config.prices)
    lines += shown_listeners(config.listeners)
    lines += [
        "",
        "# Routines of your own: a name, and where it is. Files of your own lie in routines beside this file.",
    ]
    lines += ["[routines]", *(f"{toml(name)} = {toml(target)}" for name, target in config.routines.items())]
    lines += [
        "",
        "# Keys of your own: an action's name, and the key that does it, or several with commas between.",
        "[keys]",
    ]
    for name, action in (actions or {}).items():
        own = config.keys.get(name)
        line = f"{toml(name)} = {toml(action.key if own is None else own)}  # {action.help}"
        lines.append(f"# {line}" if own is None else line)
    lines += [f"{toml(name)} = {toml(key)}" for name, key in config.keys.items() if name not in (actions or {})]
    return "\n".join(lines) + "\n"
