"""What watching training runs is made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from evolver_tui.core.errors import UsageError
from evolver_tui.settings.paths import absolute
from evolver_tui.settings.workspace import Workspace

if TYPE_CHECKING:
    from evolver_tui.adapters.progress_client.source import ProgressSource
    from evolver_tui.engine.training.monitor import TrainingMonitor
    from evolver_tui.engine.training.source import RunSource, SettlingSource


def run_folder(workspace: Workspace) -> Path:
    """The folder of run files."""
    named = workspace.config.training.runs
    return absolute(Path(named)) if named else workspace.paths.training


def make_training_monitor(workspace: Workspace, places: Sequence[str] = ()) -> TrainingMonitor:
    """What watches the run folder, the config's places and these; nothing is read yet.

    Raises:
        UsageError: one of `places` can be none, or needs an extra that is not installed; of the config's, its standing
            says so.
    """
    from evolver_tui.adapters.process_identity import has_ended
    from evolver_tui.adapters.training_files.places import FilePlace
    from evolver_tui.adapters.training_files.source import FileSource
    from evolver_tui.engine.training.monitor import TrainingMonitor

    folder = run_folder(workspace)
    sources: list[RunSource] = [FileSource(str(folder), FilePlace(folder, may_be_empty=True), has_ended)]
    if not workspace.is_demo:
        sources += [_source_or_why_not(workspace, place) for place in workspace.config.training.watch]
    sources += [make_source(workspace, place) for place in places]
    return TrainingMonitor(sources, partial(make_source, workspace))


def _source_or_why_not(workspace: Workspace, place: str) -> RunSource:
    from evolver_tui.engine.training.source import NoSource

    try:
        return make_source(workspace, place)
    except UsageError as error:
        return NoSource(place, str(error))


def make_source(workspace: Workspace, place: str) -> SettlingSource:
    """The source of a path or URL, not opened.

    Raises:
        UsageError: it can be none, or needs an extra that is not installed.
    """
    from evolver_tui.adapters.process_identity import has_ended
    from evolver_tui.adapters.training_files.places import FilePlace, check_file
    from evolver_tui.adapters.training_files.source import FileSource

    if "://" in place:
        return make_progress_source(workspace, place)
    if not place.strip() or "\0" in place:
        raise UsageError("This is no path.", "Name a folder or a file.")
    path = absolute(Path(place))
    if path.exists() and not path.is_dir():
        check_file(path)
    return FileSource(str(path), FilePlace(path), has_ended)


def make_progress_source(workspace: Workspace, url: str, session_id: str = "") -> ProgressSource:
    """A progress server as a source, not opened.

    Args:
        url: with a session's id as its fragment, where there is no `session_id`, to have that one followed at once.

    Raises:
        UsageError: it is no address of one.
    """
    from evolver_tui.adapters.progress_client.source import ProgressSource
    from evolver_tui.core.address import Address, show_addresses
    from evolver_tui.settings.values import address_problem

    base, _, fragment = url.strip().partition("#")
    problem = address_problem(base, ("http", "https"))
    if problem is not None:
        raise UsageError(f"{show_addresses(url)} is no progress server's address.", f"It has to be {problem}.")
    find_token = partial(workspace.secret, workspace.config.training.token_env)
    return ProgressSource(Address(base), find_token, session_id=session_id or unquote(fragment))
