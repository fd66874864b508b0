"""Trains models one after the other, and mends what goes wrong.

The order of the data follows from the seed, the model and the epoch, so a step is the same whenever it is done: a
training that was cut off and goes on from its checkpoint gives the very numbers of one that was not.
"""

from __future__ import annotations

import errno
import math
import random
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from evolver_tui.core.errors import TrainingError
from evolver_tui.engine.training.checkpoint import Checkpoint, CheckpointStore, TrainingState
from evolver_tui.engine.training.trainable import BadExamples, StepPlan, TrainableKind, TrainableModel
from evolver_tui.engine.training.training_news import TrainingNews
from evolver_tui.settings.trainer_config import TrainerConfig

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SETTLED: Final = 20
"""Losses after which their mean says what is far above it."""
_FORGETS: Final = 0.05
_FAR: Final = 8.0
"""Times the usual distance from the mean."""
_FAR_AT_LEAST: Final = 1.0
_CLIP: Final = 1.0
_MOST_BAD: Final = 0.5
"""Of all items."""


class Ending(StrEnum):
    """How a training ended that did not fail."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"


class Strategy(StrEnum):
    """What kind of fault is mended."""

    MEMORY = "memory"
    DATA = "data"
    DIVERGENCE = "divergence"
    DISK = "disk"


class Outcome(NamedTuple):
    """What a training came to."""

    ending: Ending
    results: tuple[Mapping[str, Any], ...]
    """Of each model that is done: model, file, sha256, loss, held_out."""
    model: int
    """Which one is not, from 0."""
    step: int


class _Diverged(Exception):
    """A loss is no number, or far above what it was."""


class Trainer:
    """One run. `run` works in the thread that calls it; `stop` may be called by any."""

    def __init__(
        self, config: TrainerConfig, kind: TrainableKind, checkpoints: CheckpointStore, news: TrainingNews
    ) -> None:
        self._config = config
        self._kind = kind
        self._checkpoints = checkpoints
        self._news = news
        self._stop = threading.Event()
        self._is_packed = False
        self._state = TrainingState()
        self._model: TrainableModel
        self._orders: tuple[tuple[int, int], list[int]] | None = None

    def stop(self) -> None:
        """Have it keep where it is after the step that it is at, and end."""
        self._stop.set()

    def run(self) -> Outcome:
        """Train what is left to train.

        Raises:
            TrainingError: it cannot go on; the news are told of it.
        """
        try:
            return self._run()
        except TrainingError as error:
            self._news.failed(self._state, error)
            raise
        except OSError as error:
            failure = TrainingError(
                f"The training's folder cannot be written: {error.strerror or error}.",
                "Mend that, then go on with --resume.",
            )
            self._news.failed(self._state, failure)
            raise failure from None
        except MemoryError:
            failure = TrainingError(
                "There is not enough memory for the model, or to keep it.",
                "Train a smaller model, or on another machine.",
            )
            self._news.failed(self._state, failure)
            raise failure from None

    # --- the way of a training

    def _run(self) -> Outcome:
        found = self._latest()
        if found is None:
            self._begin_model(0)
            self._news.started(self._state, self._model, self._steps)
            self._save()
        else:
            self._take(found)
            self._news.resumed(self._state, self._model, self._steps)
        while self._state.model < self._config.model_count:
            if not self._train():
                return self._outcome(Ending.INTERRUPTED)
            self._finish_model()
        result = {"models": self._state.results}
        self._on_disk(lambda _: self._checkpoints.keep_result(result), is_needed=True)
        self._news.completed(self._state)
        self._checkpoints.finish()  # which takes no room: what was told is true
        return self._outcome(Ending.COMPLETED)

    def _begin_model(self, number: int) -> None:
        before, config = self._state, self._config
        self._model = self._kind.make(number)
        self._state = TrainingState(
            number, 0, before.epochs or config.epochs, config.learning_rate, before.at_once or config.batch_size,
            saves_memory=before.saves_memory, bad=list(before.bad), attempts=before.attempts, results=before.results,
        )  # fmt: skip
        if before.saves_memory:
            self._model.save_memory()

    def _take(self, found: Checkpoint) -> None:
        """Go on from a checkpoint. Raises TrainingError."""
        self._state = found.state.copy()
        is_over = self._state.model >= self._config.model_count
        self._model = self._kind.make(min(self._state.model, self._config.model_count - 1))
        if is_over:
            return
        if self._state.saves_memory:
            self._model.save_memory()
        try:
            self._model.restore(found.model)
        except ValueError as error:
            raise TrainingError(
                f"The checkpoint is none of this model: {error}.", "Begin anew with another session_id."
            ) from None

    def _train(self) -> bool:
        """Train the model that is at hand; False where it was asked to end before."""
        while self._state.step < self._steps:
            if self._stop.is_set():
                self._save()
                self._news.interrupted(self._state)
                return False
            self._mending(self._step)
            state = self._state
            if state.step % self._config.checkpoint_interval == 0 and 0 < state.step < self._steps:
                self._save()
        return True

    def _mending(self, work: Callable[[], None]) -> None:
        """Do a step, or what has to be done before it can be done again."""
        try:
            work()
        except MemoryError as error:
            self._mend_memory(str(error))
        except BadExamples as error:
            self._mend_data(error.items, error.what)
        except _Diverged as error:
            self._mend_divergence(str(error))

    def _step(self) -> None:
        state = self._state
        batch = self._batch()
        loss = None
        if batch:
            loss = self._model.step(batch, StepPlan(state.rate, state.at_once, state.clip))
            self._judge(loss)
        state.step += 1
        if state.step % self._config.progress_update_interval == 0 or state.step == self._steps:
            self._news.progress(state, loss, self._steps)

    def _finish_model(self) -> None:
        state, model = self._state, self._model
        name = f"model-{state.model + 1}{self._kind.suffix}"
        self._on_disk(lambda _: self._checkpoints.keep(name, model.result()), is_needed=True)
        result = {
            "model": state.model + 1, "file": name, "sha256": model.sha256(), "loss": state.mean,
            "held_out": dict(model.held_out()),
        }  # fmt: skip
        state.results.append(result)
        self._news.model_completed(state, result)
        if state.model + 1 < self._config.model_count:
            self._begin_model(state.model + 1)
        else:
            state.model, state.step = self._config.model_count, 0
        self._save()

    def _outcome(self, ending: Ending) -> Outcome:
        return Outcome(ending, tuple(self._state.results), self._state.model, self._state.step)

    # --- what a step is of

    @property
    def _steps_an_epoch(self) -> int:
        return max(1, math.ceil(self._model.items / self._config.batch_size))

    @property
    def _steps(self) -> int:
        return self._state.epochs * self._steps_an_epoch

    def _batch(self) -> list[int]:
        """The items of the next step, without those that cannot be learned from."""
        epoch, place = divmod(self._state.step, self._steps_an_epoch)
        key = (self._state.model, epoch)
        if self._orders is None or self._orders[0] != key:
            order = list(range(self._model.items))
            random.Random(f"{self._config.seed} {self._state.model} {epoch}").shuffle(order)
            self._orders = key, order
        size = self._config.batch_size
        bad = set(self._state.bad)
        return [item for item in self._orders[1][place * size : (place + 1) * size] if item not in bad]

    def _judge(self, loss: float) -> None:
        """Raises _Diverged."""
        state = self._state
        if not math.isfinite(loss):
            raise _Diverged("the loss is no number")
        distance = abs(loss - state.mean)
        if state.losses >= _SETTLED and loss - state.mean > _FAR_AT_LEAST + _FAR * state.spread:
            raise _Diverged(f"the loss is {loss:.4g}, after {state.mean:.4g} on average")
        share = max(_FORGETS, 1 / (state.losses + 1))
        state.spread += share * ((distance if state.losses else 0.0) - state.spread)
        state.mean += share * (loss - state.mean)
        state.losses += 1

    # --- what goes wrong

    def _mend_memory(self, what: str) -> None:
        state, config = self._state, self._config
        what = what or "the memory does not do"
        self._attempt(Strategy.MEMORY, what)
        smallest = min(config.fallback_batch_size, config.batch_size)
        if state.at_once > smallest:
            state.at_once = max(smallest, state.at_once // 2)
            done = f"holds {state.at_once} examples at once"
            if state.at_once == smallest and not state.saves_memory and self._model.save_memory():
                state.saves_memory = True
                done += " and computes again what it does not hold (gradient checkpointing)"
        elif not state.saves_memory and self._model.save_memory():
            state.saves_memory = True
            done = "computes again what it does not hold (gradient checkpointing)"
        elif state.at_once > 1:
            state.at_once = max(1, state.at_once // 2)
            least = -(-state.step // self._steps_an_epoch)
            state.epochs = min(state.epochs, max(config.fallback_epochs, least))
            done = f"holds {state.at_once} examples at once, for {state.epochs} epochs"
        else:
            raise TrainingError(
                "The memory does not do for a single example.", "Train a smaller model, or on another machine."
            )
        self._news.recovered(state, Strategy.MEMORY, what, done, self._steps)

    def _mend_data(self, items: tuple[int, ...], what: str) -> None:
        state = self._state
        self._refuse(Strategy.DATA, what)
        is_known = set(items) <= set(state.bad)
        state.bad = sorted({*state.bad, *items})
        count = len(state.bad)
        if is_known or count > _MOST_BAD * self._model.items:
            raise TrainingError(f"{count} of {self._model.items} examples cannot be learned from: {what}.")
        done = f"leaves out {len(items)} example{'' if len(items) == 1 else 's'}, {count} by now"
        self._news.recovered(state, Strategy.DATA, what, done, self._steps)

    def _mend_divergence(self, what: str) -> None:
        """Back to the last checkpoint, with smaller steps; what is no number there again is the data's doing."""
        before = self._state
        self._attempt(Strategy.DIVERGENCE, what)
        is_data = before.diverged_at == before.step
        bad = sorted({*before.bad, *self._batch()}) if is_data else before.bad
        found = self._latest(self._is_regular) or self._latest()
        if found is None or found.state.model != before.model:
            raise TrainingError(
                f"{_sentence(what)}, and there is no checkpoint of the model to go back to.",
                "Begin anew with a lower learning_rate.",
            )
        self._take(found)
        state = self._state
        state.at_once, state.saves_memory, state.epochs = before.at_once, before.saves_memory, before.epochs
        state.bad, state.attempts, state.fault_at = bad, before.attempts, before.fault_at
        if is_data:
            state.rate, state.clip, strategy = before.rate, before.clip, Strategy.DATA
            done = f"goes back to step {state.step}, and leaves out the batch at step {before.step}"
        else:
            state.rate, state.clip, strategy = before.rate / 2, _CLIP, Strategy.DIVERGENCE
            state.diverged_at = before.step
            done = f"goes back to step {state.step}, with a rate of {state.rate:.3g} and gradients cut to {_CLIP:g}"
        self._news.recovered(state, strategy, what, done, self._steps, goes_back=True)

    def _is_regular(self, state: TrainingState) -> bool:
        """Whether a training that was never asked to end has a checkpoint there: one that was goes back as far."""
        return state.model == self._state.model and state.step % self._config.checkpoint_interval == 0

    def _latest(self, takes: Callable[[TrainingState], bool] = lambda _: True) -> Checkpoint | None:
        def damaged(name: str) -> None:
            self._refuse(Strategy.DATA, f"the checkpoint {name} is damaged")
            done = "takes the one before it"
            self._news.recovered(self._state, Strategy.DATA, f"the checkpoint {name} is damaged", done, 0)

        return self._checkpoints.latest(damaged, takes)

    def _save(self) -> None:
        """Keep where it is. What was mended is over once a checkpoint lies behind it."""
        state = self._state
        kept = state.copy()
        is_regular = state.step % self._config.checkpoint_interval == 0
        is_passed = (state.step > state.fault_at and is_regular) or state.model >= self._config.model_count
        if is_passed:
            kept.attempts = 0
        checkpoint = Checkpoint(kept, self._model.state())
        size = self._on_disk(lambda is_packed: self._checkpoints.save(checkpoint, is_packed=is_packed))
        if size:
            state.attempts = 0 if is_passed else state.attempts
            self._news.checkpoint_saved(state, size)

    def _on_disk(self, write: Callable[[bool], int | None], *, is_needed: bool = False) -> int:
        """Write; a full disk is helped with what is not needed any more, and by packing what is kept.

        Args:
            write: told whether to pack it; returns how many bytes it took.
            is_needed: it cannot go on without. Where it can, the next time is waited for.
        """
        try:
            return write(self._is_packed) or 0
        except OSError as error:
            if error.errno not in _FULL:
                raise
            what = error.strerror or "the disk is full"
        self._attempt(Strategy.DISK, what)
        removed, self._is_packed = self._checkpoints.clean_up(), True
        done = f"removes {removed} older checkpoint{'' if removed == 1 else 's'} and packs what it keeps"
        size = 0
        try:
            size = write(True) or 0
        except OSError as error:
            if error.errno not in _FULL or is_needed:
                raise
            done += ", and goes on without this one"
        self._news.recovered(self._state, Strategy.DISK, what, done, self._steps)
        return size

    def _attempt(self, strategy: Strategy, what: str) -> None:
        """Count a fault. Raises TrainingError for one too many."""
        self._refuse(strategy, what)
        self._state.attempts += 1
        self._state.fault_at = max(self._state.fault_at, self._state.step)
        if self._state.attempts > self._config.max_retries:
            times = self._config.max_retries
            raise TrainingError(
                f"{_sentence(what)}, and {times} attempt{'' if times == 1 else 's'} did not mend it.",
                _WAYS_OUT[strategy],
            )

    def _refuse(self, strategy: Strategy, what: str) -> None:
        """Raises TrainingError where nothing is mended."""
        if not self._config.enable_recovery:
            raise TrainingError(f"{_sentence(what)}.", f"{_WAYS_OUT[strategy]} enable_recovery = true mends it.")


def _sentence(what: str) -> str:
    return what[:1].upper() + what[1:].rstrip(".")


_WAYS_OUT: Final[Mapping[Strategy, str]] = {
    Strategy.MEMORY: "Train with a smaller batch_size.",
    Strategy.DATA: "See that what it learns from is whole.",
    Strategy.DIVERGENCE: "Train with a lower learning_rate.",
    Strategy.DISK: "Make room on the disk, then go on with --resume.",
}
