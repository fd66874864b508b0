"""The config's section on training: where runs are kept, served and watched."""

from __future__ import annotations

from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.values import a_name, a_variable, between, one_line


class TrainingConfig(Section):
    """Training runs."""

    runs: str = setting("", "The folder of run files. Empty: training in the data folder.", one_line)
    watch: tuple[str, ...] = setting((), "Paths and URLs whose runs the console shows as well.")
    host: str = setting("127.0.0.1", "Where the progress server listens.", a_name)
    port: int = setting(5001, "Its port.", between(0, 65535))
    token_env: str = setting(
        "EVOLVER_PROGRESS_TOKEN", "The environment variable that holds the progress server's token.", a_variable
    )
    origins: tuple[str, ...] = setting((), "Origins of pages that may use the progress server, beside its own.")
    updates_per_second: float = setting(10.0, "Updates that a client gets of one session at most.", between(0.1, 100))
