"""What `evolver-tui train` is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from evolver_tui.core.errors import TrainingError, UsageError
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.settings.paths import absolute
from evolver_tui.settings.trainer_config import NODES, TrainerConfig, trainer_config
from evolver_tui.settings.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evolver_tui.adapters.checkpoint_files import CheckpointFiles
    from evolver_tui.core.training.record import Record
    from evolver_tui.engine.session import Session
    from evolver_tui.engine.training.trainable import Example, TrainableKind
    from evolver_tui.engine.training.trainer import Trainer
    from evolver_tui.track.run_file import RunFile

_MOST_WAITING: Final = 4_000_000
"""Bytes of records that wait for a disk."""


class PlannedTraining(NamedTuple):
    """A run whose folder is this process's."""

    run_id: str
    config: TrainerConfig
    files: CheckpointFiles
    plan: Mapping[str, Any] | None
    """What an earlier process kept of it; None where it begins."""


def runs_folder(workspace: Workspace, save_dir: str) -> Path:
    """Where runs have their folders. Raises UsageError."""
    return absolute(Path(save_dir)) if save_dir else workspace.paths.models


def plan_training(workspace: Workspace, config: TrainerConfig, now: float) -> PlannedTraining:
    """A run that begins. Its `files` have to be closed.

    Raises:
        UsageError: one of this id was begun before, or what it needs is not installed.
        TrainingError: its folder cannot be used.
    """
    from datetime import datetime

    from evolver_tui.adapters.checkpoint_files import CheckpointFiles, read_plan

    check_installed(config)
    run_id = config.session_id or f"train_{datetime.fromtimestamp(now):%Y%m%d_%H%M%S_%f}"
    folder = runs_folder(workspace, config.save_dir) / run_id
    files = CheckpointFiles(folder).open()
    try:
        if read_plan(folder) is not None:
            way_out = "Name another session_id."
            if not files.is_over:
                way_out = f"Go on with it by --resume {run_id}, or name another session_id."
            raise UsageError(f"A run {run_id} was begun before, in {folder}.", way_out)
    except BaseException:
        files.close()
        raise
    return PlannedTraining(run_id, replace(config, session_id=run_id), files, None)


def resume_training(workspace: Workspace, run_id: str, save_dir: str) -> PlannedTraining:
    """A run that goes on. Its `files` have to be closed.

    Args:
        run_id: empty for the one that was written last, of those that are not over.

    Raises:
        UsageError: there is none, or it is over.
        TrainingError: its folder cannot be used.
    """
    from evolver_tui.adapters.checkpoint_files import RUN_FILE, CheckpointFiles, read_plan, unfinished_runs
    from evolver_tui.settings.values import a_path_name

    parent = runs_folder(workspace, save_dir)
    unfinished = [name for name in unfinished_runs(parent) if a_path_name(name) is None]
    if not run_id and not unfinished:
        raise UsageError(f"No run in {parent} waits to be gone on with.", "Begin one: evolver-tui train.")
    run_id = run_id or unfinished[0]
    folder = parent / run_id
    if a_path_name(run_id) is not None or read_plan(folder) is None:
        raise UsageError(f"There is no run {run_id!a} in {parent}.", did_you_mean(run_id, unfinished, "runs"))
    files = CheckpointFiles(folder).open()
    try:
        plan = files.plan() or {}
        if files.is_over:
            raise UsageError(f"The run {run_id} is over; its models lie in {folder}.", "Begin another one.")
        kept = plan.get("config")
        config = trainer_config(folder / RUN_FILE, kept if isinstance(kept, dict) else {})
        check_installed(config)
    except BaseException:
        files.close()
        raise
    return PlannedTraining(run_id, replace(config, session_id=run_id, save_dir=save_dir), files, plan)


def check_installed(config: TrainerConfig) -> None:
    """Raises UsageError where what it needs is not there."""
    from importlib.util import find_spec

    if config.model == NODES and find_spec("torch") is None:
        raise UsageError("The language model needs torch, which is not installed.", "pip install 'evolver-tui[train]'")


async def make_trainer(workspace: Workspace, session: Session, planned: PlannedTraining) -> Trainer:
    """The trainer of a run, in an open session. Raises TrainingError, StoreError, NodeError."""
    from evolver_tui.core.training.record import RunHeader
    from evolver_tui.engine.training.trainer import Trainer
    from evolver_tui.engine.training.training_news import TrainingNews
    from evolver_tui.track.process import this_process

    config, files, plan = planned.config, planned.files, planned.plan
    if plan is not None:
        examples = files.examples(plan)
    elif config.model == NODES:
        examples = await asyncio.to_thread(_nodes, workspace)
    else:
        examples = await _decisions(session)
    kind = await asyncio.to_thread(_kind, config, examples)
    runs = Path(workspace.config.training.runs) if workspace.config.training.runs else workspace.paths.training
    recorder = _Recorder(absolute(runs), str((plan or {}).get("run_file", planned.run_id)), is_new=plan is None)
    values = asdict(config)
    if plan is None:
        files.begin({"config": values, "run_file": recorder.run_id}, examples)
    header = RunHeader(
        recorder.run_id, planned.run_id, "evolver-tui", values, session.clock.now(), 0, config.model_count, 0,
        this_process(),
    )  # fmt: skip
    news = TrainingNews(
        header, recorder.add, session.bus.emit, session.clock.now, kind=kind.name, folder=str(files.folder)
    )
    return Trainer(config, kind, files, news)


def _kind(config: TrainerConfig, examples: Sequence[Example]) -> TrainableKind:
    if config.model == NODES:
        from evolver_tui.adapters.torch_model.model import node_kind
        from evolver_tui.adapters.torch_model.network import Shape

        return node_kind(examples, Shape(config.context_length, config.layers, config.width), config.seed)
    from evolver_tui.engine.training.decision_model import decision_kind

    return decision_kind(examples, config.seed)


async def _decisions(session: Session) -> list[Example]:
    from evolver_tui.engine.reviewed_drafts import reviewed_drafts
    from evolver_tui.engine.training.trainable import Example

    async with aclosing(reviewed_drafts(session.store)) as drafts:
        return [Example(draft.code, draft.is_approved) async for draft in drafts]


def _nodes(workspace: Workspace) -> list[Example]:
    """The current version of each approved node; one that was changed since is passed by."""
    from evolver_tui.core.errors import NodeError
    from evolver_tui.engine.training.trainable import Example
    from evolver_tui.wiring import make_library

    library = make_library(workspace)
    found = []
    for record in library.list():
        try:
            found.append(Example(library.code(record.node_id)))
        except NodeError:
            continue
    return found


class _Recorder:
    """Adds records to the run's file. What a full disk does not take waits; the training goes on."""

    def __init__(self, folder: Path, run_id: str, *, is_new: bool) -> None:
        from evolver_tui.track.run_file import open_run_file, safe_id

        self._waiting = b""
        try:
            self._file: RunFile = open_run_file(str(folder), safe_id(run_id) or "run", is_new=is_new)
        except OSError as error:
            raise TrainingError(
                f"The run's file in {folder} cannot be written: {error.strerror or error}.", "Mend that."
            ) from None

    @property
    def run_id(self) -> str:
        """Its name in its folder."""
        return self._file.run_id

    def add(self, record: Record) -> None:
        """Add one."""
        from evolver_tui.core.training.record import Point, to_line

        if len(self._waiting) < _MOST_WAITING or not isinstance(record, Point):
            self._waiting += to_line(record)
        try:
            self._waiting = self._file.append(self._waiting)
        except OSError:
            pass
