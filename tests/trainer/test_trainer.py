"""A training goes its way, and whatever goes wrong with it is mended, told, or told as what it failed of."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from evolver_tui.adapters.checkpoint_files import KEPT, CheckpointFiles
from evolver_tui.core.errors import TrainingError
from evolver_tui.core.training.record import CHECKPOINT, FAILED, Event, Point, RunEnd, RunHeader
from evolver_tui.engine.training.checkpoint import TrainingState
from evolver_tui.engine.training.decision_model import decision_kind
from evolver_tui.engine.training.trainable import BadExamples, Example, StepPlan, TrainableModel
from evolver_tui.engine.training.trainer import Ending, Outcome
from tests.support.trainings import FaultyFiles, a_training, decisions


def out_of_memory(batch: Sequence[int], plan: StepPlan) -> float:
    raise MemoryError("the device is out of memory")


def no_number(batch: Sequence[int], plan: StepPlan) -> float:
    return math.nan


def far_off(batch: Sequence[int], plan: StepPlan) -> float:
    return 1e6


def sums(outcome: Outcome) -> list[str]:
    return [result["sha256"] for result in outcome.results]


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"))


# --- without faults


def test_models_are_trained_one_after_the_other(tmp_path: Path) -> None:
    training = a_training(tmp_path, model_count=3)
    outcome = training.run()
    run = training.seen()
    assert outcome.ending is Ending.COMPLETED
    assert training.names() == ["training.started", *["training.model_completed"] * 3, "training.completed"]
    assert isinstance(training.records[0], RunHeader)
    assert (run.status, run.overall, run.completed) == ("completed", 100.0, {0, 1, 2})
    assert run.header.total_steps == 60
    assert [step for model, step, _ in training.losses() if model == 1] == [10, 20, 30, 40, 50, 60]
    assert len(set(sums(outcome))) == 3


def test_it_learns_and_its_result_can_be_looked_at(tmp_path: Path) -> None:
    training = a_training(tmp_path, epochs=60, progress_update_interval=1)
    outcome = training.run()
    losses = [loss for *_, loss in training.losses()]
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])
    result = json.loads((tmp_path / "model-1.json").read_bytes())
    assert result["features"]["files"]["weight"] < 0
    assert result["held_out"] == outcome.results[0]["held_out"]
    assert result["held_out"]["brier"] < result["held_out"]["base_brier"]


def test_the_same_config_gives_the_same_numbers_and_another_seed_others(tmp_path: Path) -> None:
    first, second, third = (
        a_training(tmp_path / name, seed=seed).run() for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert sums(first) == sums(second) != sums(third)


def test_every_item_is_seen_once_an_epoch(tmp_path: Path) -> None:
    training = a_training(tmp_path, epochs=2)
    training.run()
    items = [item for batch in training.batches for item in batch]
    assert sorted(items) == sorted([*range(48), *range(48)])
    assert items[:48] != items[48:]


def test_only_the_latest_checkpoints_are_kept_and_none_of_a_run_that_is_over(tmp_path: Path) -> None:
    kept: list[int] = []
    training = a_training(tmp_path, {40: lambda *_: kept.append(len(checkpoints(tmp_path)))}, checkpoint_interval=1)
    training.run()
    assert kept == [KEPT]
    assert checkpoints(tmp_path) == []
    assert json.loads((tmp_path / "result.json").read_bytes())["models"][0]["file"] == "model-1.json"


def test_updates_come_as_often_as_is_asked(tmp_path: Path) -> None:
    training = a_training(tmp_path, progress_update_interval=7)
    training.run()
    assert [each.step for each in training.records if isinstance(each, Point)] == [7, 14, 21, 28, 35, 42, 49, 56, 60]


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ([], "There are 0 decisions"), (decisions(29), "There are 29 decisions"),
        ([Example("a = 1", True)] * 50, "each of the 50 decisions is an approval"),
        ([Example("a = 1", None)] * 50, "There are 0 decisions"),
    ],
)  # fmt: skip
def test_what_does_not_do_for_an_estimate_is_said(examples: Sequence[Example], words: str) -> None:
    with pytest.raises(TrainingError) as refused:
        decision_kind(examples, 0)
    assert words.lower() in refused.value.message.lower()
    assert refused.value.way_out


# --- interruptions


def test_one_that_was_asked_to_end_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    whole = a_training(tmp_path / "whole", model_count=2)
    expected = whole.run()
    training = a_training(tmp_path / "cut", model_count=2)
    files = CheckpointFiles(training.folder).open()
    trainer = training.trainer(files)

    def stop(batch: Sequence[int], plan: StepPlan) -> None:
        trainer.stop()

    training.faults = {33: stop}
    trainer = training.trainer(files)
    cut = trainer.run()
    assert (cut.ending, cut.model, cut.step) == (Ending.INTERRUPTED, 0, 34)
    assert training.names()[-1] == "training.interrupted"
    assert not training.seen().is_over
    training.faults = {}
    assert sums(training.run(files)) == sums(expected)
    assert training.losses() == whole.losses()
    assert "training.resumed" in training.names()


@pytest.mark.parametrize("damage", ["torn", "changed", "empty", "no digest", "another"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    expected = a_training(tmp_path / "whole").run()
    training = a_training(tmp_path / "cut", {35: lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)})
    files = CheckpointFiles(training.folder).open()
    with pytest.raises(KeyboardInterrupt):
        training.run(files)
    last = checkpoints(training.folder)[-1]
    content = last.read_bytes()
    last.write_bytes({
        "torn": content[:-9], "changed": content[:-9] + b"x" + content[-8:], "empty": b"",
        "no digest": content.partition(b"\n")[2], "another": b"\x1b]0;x\x07" * 100,
    }[damage])  # fmt: skip
    training.faults = {}
    outcome = training.run(files)
    assert sums(outcome) == sums(expected)
    assert training.recoveries() == [("data", "takes the one before it")]
    assert not last.exists() or last.read_bytes() != content[:-9]


@pytest.mark.parametrize(
    "change",
    [
        {"model": "x"}, {"step": -1}, {"rate": math.inf}, {"bad": ["a"]}, {"bad": None}, {"results": [3]},
        {"unknown": 1}, {"clip": "wide"}, {"epochs": 1.5}, {"losses": True},
    ],
)  # fmt: skip
def test_what_is_no_state_of_a_training_is_refused(change: dict[str, object]) -> None:
    value = {**TrainingState(step=3, epochs=2, rate=0.1, at_once=8).to_json_value(), **change}
    with pytest.raises((TypeError, ValueError)):
        TrainingState.from_json_value(json.loads(json.dumps(value)))


def test_two_trainers_do_not_share_a_folder(tmp_path: Path) -> None:
    files = CheckpointFiles(tmp_path).open()
    with pytest.raises(TrainingError, match="Another process trains"):
        CheckpointFiles(tmp_path).open()
    files.close()
    CheckpointFiles(tmp_path).open().close()


def test_what_a_killed_one_left_unfinished_goes(tmp_path: Path) -> None:
    left = tmp_path / ".checkpoint-0000-000000010.abc.unfinished"
    left.write_bytes(b"x")
    with closing(CheckpointFiles(tmp_path).open()):
        assert not left.exists()


# --- memory


def test_where_the_memory_does_not_do_less_is_held_at_once(tmp_path: Path) -> None:
    training = a_training(tmp_path, {5: out_of_memory, 6: out_of_memory})
    training.run()
    assert [done for _, done in training.recoveries()] == [
        "holds 4 examples at once", "holds 2 examples at once",
    ]  # fmt: skip
    assert {plan.at_once for plan in training.plans[5:]} == {2}
    untroubled = a_training(tmp_path / "other")
    untroubled.run()
    assert training.batches == untroubled.batches, "the data keeps its order"
    assert training.seen().status == "completed"


def test_beyond_the_smallest_batch_it_trains_for_fewer_epochs(tmp_path: Path) -> None:
    training = a_training(tmp_path, {3: out_of_memory, 4: out_of_memory, 5: out_of_memory}, model_count=2)
    training.run()
    run = training.seen()
    assert training.recoveries()[-1] == ("memory", "holds 1 examples at once, for 2 epochs")
    assert run.header.total_steps == 12
    assert run.overall == 100
    assert [step for *_, step, _ in training.losses()] == [10, 12, 10, 12]


def test_a_memory_that_never_does_ends_it(tmp_path: Path) -> None:
    training = a_training(tmp_path, dict.fromkeys(range(50), out_of_memory))
    with pytest.raises(TrainingError, match="out of memory, and 3 attempts did not mend it"):
        training.run()
    assert training.seen().status == FAILED
    assert training.names()[-1] == "training.failed"


def test_a_model_that_is_too_large_to_be_made_is_told_in_the_log_and_in_the_run(tmp_path: Path) -> None:
    def too_large(number: int) -> TrainableModel:
        raise MemoryError("the device is out of memory")

    training = a_training(tmp_path)
    training.kind = training.kind._replace(make=too_large)
    with pytest.raises(TrainingError, match="not enough memory for the model") as failed:
        training.run()
    assert "smaller model" in failed.value.way_out
    assert training.names() == ["training.failed"]
    assert isinstance(training.records[0], RunHeader)
    assert training.seen().status == FAILED


# --- data


def test_examples_that_cannot_be_learned_from_are_left_out(tmp_path: Path) -> None:
    def bad(batch: Sequence[int], plan: StepPlan) -> float | None:
        if 7 in batch:
            raise BadExamples([7], "a feature is no number")
        return None

    training = a_training(tmp_path, dict.fromkeys(range(100), bad))
    training.run()
    assert training.recoveries() == [("data", "leaves out 1 example, 1 by now")]
    assert all(7 not in batch for batch in training.batches)


def test_a_batch_that_gives_no_number_again_is_left_out(tmp_path: Path) -> None:
    poisoned: list[int] = []

    def poison(batch: Sequence[int], plan: StepPlan) -> float | None:
        poisoned.extend(batch if not poisoned else ())
        return math.nan if set(batch) == set(poisoned) else None

    training = a_training(tmp_path, dict.fromkeys(range(15, 1_000), poison), epochs=4)
    training.run()
    strategies = [strategy for strategy, _ in training.recoveries()]
    assert strategies[:2] == ["divergence", "data"]
    assert set(poisoned).isdisjoint(training.batches[-1])
    assert training.seen().status == "completed"


def test_where_most_is_unusable_it_fails(tmp_path: Path) -> None:
    def bad(batch: Sequence[int], plan: StepPlan) -> float:
        raise BadExamples(batch, "it holds half a character")

    with pytest.raises(TrainingError, match="examples cannot be learned from: it holds half a character"):
        a_training(tmp_path, dict.fromkeys(range(100), bad)).run()


# --- divergence


@pytest.mark.parametrize("fault", [no_number, far_off])
def test_what_diverges_goes_back_with_smaller_steps(tmp_path: Path, fault: object) -> None:
    training = a_training(tmp_path, {25: fault}, epochs=10)  # type: ignore[dict-item]
    training.run()
    ((strategy, done),) = training.recoveries()
    assert strategy == "divergence"
    assert done == "goes back to step 20, with a rate of 0.025 and gradients cut to 1"
    assert training.plans[-1] == StepPlan(0.025, 8, 1.0)
    run = training.seen()
    assert [step for _, step, _ in training.losses()] == [10, 20, 30, 40, 50, 60], "told once each"
    assert (run.errors, run.recoveries, run.status) == (1, 1, "completed")


def test_one_that_was_asked_to_end_shortly_before_it_diverges_goes_back_as_far_as_one_that_was_not(
    tmp_path: Path,
) -> None:
    untroubled = a_training(tmp_path / "untroubled")
    untroubled.run()

    def far_off_at_first(batch: Sequence[int], plan: StepPlan) -> float | None:
        return 1e6 if tuple(batch) == untroubled.batches[25] and plan.clip is None else None

    whole = a_training(tmp_path / "whole", dict.fromkeys(range(100), far_off_at_first))
    expected = whole.run()
    training = a_training(tmp_path / "cut")
    with closing(CheckpointFiles(training.folder).open()) as files:
        trainer = training.trainer(files)

        def stop(batch: Sequence[int], plan: StepPlan) -> None:
            trainer.stop()

        training.faults = {22: stop}
        trainer = training.trainer(files)
        assert trainer.run().step == 23
        training.faults = dict.fromkeys(range(100), far_off_at_first)
        assert sums(training.run(files)) == sums(expected)
    assert training.recoveries() == whole.recoveries()
    assert training.losses() == whole.losses()


def test_what_diverges_again_and_again_fails(tmp_path: Path) -> None:
    training = a_training(tmp_path, dict.fromkeys(range(5, 500), no_number))
    with pytest.raises(TrainingError, match="3 attempts did not mend it") as failed:
        training.run()
    assert "learning_rate" in failed.value.way_out
    assert isinstance(training.records[-1], RunEnd)


def test_retries_are_counted_from_the_last_fault_that_was_passed(tmp_path: Path) -> None:
    faults = dict.fromkeys((5, 20, 40, 60, 80, 100), no_number)
    training = a_training(tmp_path, faults, epochs=20, max_retries=1, checkpoint_interval=5)
    training.run()
    assert len(training.recoveries()) == len(faults)


# --- the disk


def full(number: int, is_packed: bool) -> OSError | None:
    return OSError(errno.ENOSPC, "No space left on device") if number >= 3 and not is_packed else None


def test_a_full_disk_is_helped_by_cleaning_up_and_packing(tmp_path: Path) -> None:
    training = a_training(tmp_path)
    files = FaultyFiles(tmp_path, full)
    files.open()
    training.run(files)
    assert training.recoveries() == [("disk", "removes 2 older checkpoints and packs what it keeps")]
    plain, packed = training.sizes()[1], training.sizes()[4]
    assert packed < plain


def test_a_disk_that_stays_full_for_a_while_is_waited_for(tmp_path: Path) -> None:
    def refuses(number: int, is_packed: bool) -> OSError | None:
        return OSError(errno.ENOSPC, "No space left on device") if number in (2, 3) else None

    training = a_training(tmp_path)
    files = FaultyFiles(tmp_path, refuses)
    files.open()
    training.run(files)
    assert training.recoveries() == [
        ("disk", "removes 1 older checkpoint and packs what it keeps, and goes on without this one")
    ]
    assert training.seen().status == "completed"


def test_a_disk_that_stays_full_ends_it(tmp_path: Path) -> None:
    training = a_training(tmp_path, epochs=50)
    files = FaultyFiles(tmp_path, lambda number, _: OSError(errno.ENOSPC, "No space left on device"))
    files.open()
    with pytest.raises(TrainingError, match="No space left on device, and 3 attempts did not mend it") as failed:
        training.run(files)
    assert "--resume" in failed.value.way_out


class FullAtTheEnd(CheckpointFiles):
    """A disk that has no room for what all models came to, until something goes."""

    is_full = True

    def keep_result(self, result: Mapping[str, object]) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().keep_result(result)

    def clean_up(self) -> int:
        self.is_full = False
        return super().clean_up()


def test_a_disk_that_is_full_at_the_very_end_is_helped_before_the_end_is_told(tmp_path: Path) -> None:
    training = a_training(tmp_path)
    with closing(FullAtTheEnd(tmp_path).open()) as files:
        outcome = training.run(files)
        assert files.is_over
    assert outcome.ending is Ending.COMPLETED
    assert [strategy for strategy, _ in training.recoveries()] == ["disk"]
    assert training.names()[-2:] == ["training.recovered", "training.completed"]
    assert not list(tmp_path.glob(".*.unfinished"))


def test_another_fault_of_the_disk_is_told(tmp_path: Path) -> None:
    files = FaultyFiles(tmp_path, lambda number, _: OSError(errno.EIO, "Input/output error"))
    files.open()
    training = a_training(tmp_path)
    with pytest.raises(TrainingError, match="cannot be written: Input/output error"):
        training.run(files)
    assert training.seen().status == FAILED


# --- without recovery


@pytest.mark.parametrize("fault", [out_of_memory, no_number])
def test_without_recovery_the_first_fault_ends_it(tmp_path: Path, fault: object) -> None:
    training = a_training(tmp_path, {5: fault}, enable_recovery=False)  # type: ignore[dict-item]
    with pytest.raises(TrainingError, match="enable_recovery = true"):
        training.run()
    assert training.recoveries() == []
    assert training.names() == ["training.started", "training.failed"]


def test_what_was_mended_is_seen_in_the_run_file(tmp_path: Path) -> None:
    training = a_training(tmp_path, {5: out_of_memory, 25: no_number})
    training.run()
    events = [each.name for each in training.records if isinstance(each, Event) and each.name != CHECKPOINT]
    assert events == [
        "training_started", "error", "recovery", "error", "training_resumed", "recovery", "model_completed",
        "training_completed",
    ]  # fmt: skip
