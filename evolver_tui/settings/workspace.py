"""Where a run lives: its config, and every folder and file that it uses. To find it costs next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from evolver_tui.core.address import Address
from evolver_tui.core.errors import UsageError
from evolver_tui.settings.backend_config import BackendConfig
from evolver_tui.settings.config import Config, load_config
from evolver_tui.settings.paths import Paths, absolute, find_paths, node_folder
from evolver_tui.settings.person import reviewer_name


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
        from evolver_tui.settings.database_url import file_of, scheme_of

        url = self.database.for_connecting()
        return Path(file_of(url)) if scheme_of(url) == "sqlite" and file_of(url) else None

    @property
    def reviewer(self) -> str:
        """The name that decisions are kept under."""
        return reviewer_name(self.config.desk, self.environ)

    def secret(self, name: str) -> str | None:
        """Find a secret by the name of its environment variable; None where there is none. Blocks: see `secret`."""
        from evolver_tui.settings.secrets import secret

        return secret(name, self.environ, self.paths)


def find_workspace(
    home: str | None, nodes: str | None, database: Address | None, environ: Mapping[str, str], *, is_demo: bool = False,
    config: Config | None = None,
) -> Workspace:  # fmt: skip
    """Find every folder. The demo never touches the config's database.

    Args:
        config: None reads the config file.

    Raises:
        UsageError: a folder or the database cannot be meant so.
        ConfigError: the config file cannot be used.
    """
    paths = find_paths(Path(home) if home else None, environ)
    config = load_config(paths.config_file) if config is None else config
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
