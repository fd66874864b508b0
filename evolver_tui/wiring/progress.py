"""What a progress server is made of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evolver_tui.core.errors import UsageError
from evolver_tui.settings.paths import absolute
from evolver_tui.settings.workspace import Workspace
from evolver_tui.wiring.training import run_folder

if TYPE_CHECKING:
    from evolver_tui.engine.training.progress_run import ServedTraining


def make_progress_server(
    workspace: Workspace, host: str | None = None, port: int | None = None, folders: Sequence[str] | None = None
) -> ServedTraining:
    """What serves training sessions, not started; to be called within a running loop. Blocks for the token.

    Args:
        host: where to listen; None as the config says, so is the port.
        folders: of run files that are served as well; None for the workspace's own.

    Raises:
        UsageError: it would be open to everybody, an origin is none, or the extra is not installed.
        ConfigError: a file of secrets cannot be used.
    """
    try:
        from evolver_tui.adapters.web.progress.access import progress_access
        from evolver_tui.adapters.web.progress.server import ProgressServer
    except ImportError as error:
        package = (error.name or "a package").partition(".")[0]
        raise UsageError(
            f"The progress server needs {package}, which is not installed.", "pip install 'evolver-tui[server]'"
        ) from None
    from evolver_tui.adapters.run_folder import RunFolders
    from evolver_tui.core.address import show_addresses
    from evolver_tui.core.signal_catalogue.progress_signals import SERVER_FAULT, SUBSCRIBER_DROPPED
    from evolver_tui.engine.signals import SignalBus, SignalRegistry
    from evolver_tui.engine.training.progress_hub import ProgressHub, ProgressLimits
    from evolver_tui.engine.training.progress_run import ServedTraining
    from evolver_tui.engine.training.run_files import RunFilesFollower
    from evolver_tui.wiring import make_store

    config = workspace.config.training
    token = workspace.secret(config.token_env) or ""
    access = progress_access(config.host if host is None else host, token, config.token_env, config.origins)
    bus = SignalBus("progress", time.time, lambda _: None, SignalRegistry())
    store = make_store(workspace)
    hub = ProgressHub(store, bus, limits=ProgressLimits(updates_per_second=config.updates_per_second))
    server = ProgressServer(
        hub, access, config.port if port is None else port,
        fault=lambda error: bus.emit(SERVER_FAULT({"error": show_addresses(repr(error))})),
        dropped=lambda reason: bus.emit(SUBSCRIBER_DROPPED({"reason": reason})),
    )  # fmt: skip
    followed = [run_folder(workspace)] if folders is None else [absolute(Path(each)) for each in folders]
    return ServedTraining(hub, server, RunFilesFollower(RunFolders(followed), hub), store, bus)
