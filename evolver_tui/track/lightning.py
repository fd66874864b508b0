"""A callback for the Trainer of Lightning. Importing this imports Lightning.

trainer = Trainer(..., callbacks=[EvolverCallback(project="addition")])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evolver_tui.core.training.record import CHECKPOINT, TRAINING_STARTED
from evolver_tui.track.current_run import current, init
from evolver_tui.track.run import Run
from evolver_tui.track.saying import say_once
from evolver_tui.track.values import as_mapping, reason

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    from pytorch_lightning.callbacks import Callback


class EvolverCallback(Callback):  # type: ignore[misc]
    """Logs what a LightningModule logs and the loss of its steps; tells of beginning, epochs, checkpoints and end."""

    def __init__(self, **init_arguments: Any) -> None:
        """Args:
        init_arguments: those of `track.init`; a run that is there already is used and left open.
        """
        super().__init__()
        self._arguments = init_arguments
        self._run: Run | None = None
        self._is_ours = False

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """A run is begun, and gone on with where the Trainer resumes from a checkpoint."""
        if not getattr(trainer, "is_global_zero", True):
            return
        try:
            self._begin(trainer, pl_module)
        except Exception as error:  # noqa: BLE001 - nothing of this may end a training
            say_once("lightning", f"The training is not told of: {reason(error)}.")

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:  # fmt: skip
        """Numbers of a step."""
        if self._run is not None:
            loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
            found = {"loss": loss} if loss is not None else {}
            self._run.log({**found, **_metrics(trainer)}, trainer.global_step)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Numbers of a validation."""
        if self._run is not None and not getattr(trainer, "sanity_checking", False):
            self._run.log(_metrics(trainer), trainer.global_step)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """An epoch is over."""
        self._tell("epoch_completed", trainer, epoch=trainer.current_epoch + 1)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:
        """A checkpoint is saved."""
        self._tell(CHECKPOINT, trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """The training ends by an exception."""
        if self._run is not None:
            self._run.fail(exception)
            self._run = None

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """The training is over; a run that was begun here is as well."""
        if self._run is not None and self._is_ours:
            self._run.finish(1 if getattr(trainer, "interrupted", False) else 0)
            self._run = None

    def _begin(self, trainer: Any, module: Any) -> None:
        latest, total = current(), _total_steps(trainer)
        if latest is not None and not latest.is_over:
            self._run, self._is_ours = latest, False
            latest.progress_callback({"totalSteps": total})
        else:
            resumed = {"resume": True, "step": trainer.global_step} if trainer.global_step else {}
            config = {**as_mapping(getattr(module, "hparams", None)), **as_mapping(self._arguments.get("config"))}
            totals = {"total_steps": total, "model_params": sum(each.numel() for each in module.parameters())}
            self._run, self._is_ours = init(**{**totals, **resumed, **self._arguments, "config": config}), True
        self._run.event(TRAINING_STARTED, step=trainer.global_step)

    def _tell(self, name: str, trainer: Any, **payload: Any) -> None:
        if self._run is not None:
            self._run.event(name, step=trainer.global_step, **payload)


def _metrics(trainer: Any) -> dict[str, Any]:
    """What the module logged last."""
    found = getattr(trainer, "callback_metrics", None)
    return dict(found) if isinstance(found, Mapping) else {}


def _total_steps(trainer: Any) -> int:
    """Of all epochs; 0 where it is without an end."""
    total = trainer.estimated_stepping_batches
    return int(total) if 0 < total < 2**53 else 0
