"""A callback for the Trainer of transformers. Importing this imports transformers.

    trainer = Trainer(..., callbacks=[EvolverCallback(project="addition")])

In a Trainer's `report_to` it needs nothing: it is a callback like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers.trainer_callback import TrainerCallback

from evolver_tui.core.training.record import CHECKPOINT, TRAINING_STARTED
from evolver_tui.track.current_run import current, init
from evolver_tui.track.run import Run
from evolver_tui.track.saying import say_once
from evolver_tui.track.values import as_mapping, reason

_NO_METRICS = ("total_flos",)


class EvolverCallback(TrainerCallback):  # type: ignore[misc]
    """Logs what the Trainer logs, and tells of its beginning, epochs, checkpoints, evaluations and end."""

    def __init__(self, **init_arguments: Any) -> None:
        """Args:
        init_arguments: those of `track.init`; a run that is there already is used and left open.
        """
        self._arguments = init_arguments
        self._run: Run | None = None
        self._is_ours = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **further: Any) -> None:
        """A run is begun, and gone on with where the Trainer resumes from a checkpoint."""
        if not getattr(state, "is_world_process_zero", True):
            return
        try:
            self._begin(args, state, further.get("model"))
        except Exception as error:  # noqa: BLE001 - nothing of this may end a training
            say_once("huggingface", f"The training is not told of: {reason(error)}.")

    def _begin(self, args: Any, state: Any, model: Any) -> None:
        latest = current()
        if latest is not None and not latest.is_over:
            self._run, self._is_ours = latest, False
            latest.progress_callback({"totalSteps": state.max_steps})
            latest.config.update({"args": as_mapping(args)})
        else:
            resumed = {"resume": True, "step": state.global_step} if state.global_step else {}
            config = {**as_mapping(self._arguments.get("config")), "args": as_mapping(args)}
            params = {"model_params": _params(model)}
            name = {"name": getattr(args, "run_name", None) or ""}
            given = {**name, **params, **resumed, **self._arguments, "config": config, "total_steps": state.max_steps}
            self._run, self._is_ours = init(**given), True
        self._run.event(TRAINING_STARTED, step=state.global_step)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **further: Any
    ) -> None:
        """Numbers; those of an evaluation have its prefix."""
        if self._run is not None and logs:
            self._run.log({name: value for name, value in logs.items() if name not in _NO_METRICS}, state.global_step)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **further: Any) -> None:
        """An epoch is over."""
        self._tell("epoch_completed", state, epoch=state.epoch)

    def on_save(self, args: Any, state: Any, control: Any, **further: Any) -> None:
        """A checkpoint was saved."""
        self._tell(CHECKPOINT, state, folder=str(getattr(args, "output_dir", "")))

    def on_train_end(self, args: Any, state: Any, control: Any, **further: Any) -> None:
        """The training is over; a run that was begun here is as well."""
        if self._run is not None and self._is_ours:
            self._run.finish()
            self._run = None

    def _tell(self, name: str, state: Any, **payload: Any) -> None:
        if self._run is not None:
            self._run.event(name, step=state.global_step, **payload)


def _params(model: Any) -> int:
    try:
        return int(sum(each.numel() for each in model.parameters()))
    except Exception:  # noqa: BLE001 - whatever a model is
        return 0
