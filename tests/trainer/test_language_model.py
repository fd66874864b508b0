"""The language model learns, saves memory where it has to, and goes on from its state as if it had not been away."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import TrainingError
from evolver_tui.engine.training.trainable import BadExamples, Example, StepPlan
from tests.support.trainings import Training, decisions, small_config

torch = pytest.importorskip("torch")

from evolver_tui.adapters.torch_model.model import LanguageModel, node_kind  # noqa: E402
from evolver_tui.adapters.torch_model.network import Shape, losses  # noqa: E402

SHAPE = Shape(16, 2, 16)
PLAN = StepPlan(0.01, 64)


@pytest.fixture
def model() -> Any:
    return node_kind(decisions(20), SHAPE, 0).make(0)


def weights_of(model: Any) -> dict[str, Any]:
    found = torch.load(io.BytesIO(model.result()), weights_only=True)["weights"]
    return dict(found)


def test_it_learns_and_does_well_on_programs_that_it_never_saw(tmp_path: Path) -> None:
    config = small_config(epochs=3, batch_size=64, learning_rate=0.01, progress_update_interval=1)
    training = Training(tmp_path, config, node_kind(decisions(20), SHAPE, 0))
    outcome = training.run()
    told = [loss for *_, loss in training.losses()]
    assert told[-1] < 0.7 * told[0]
    assert outcome.results[0]["held_out"]["loss"] < 0.7 * told[0]
    (begun,) = [each.payload for each in training.told if each.name == "training.started"]
    assert begun["device"].startswith(("CPU", "CUDA", "Apple"))
    assert begun["parameters"] == sum(value.numel() for value in weights_of_file(tmp_path / "model-1.pt"))


def weights_of_file(path: Path) -> list[Any]:
    return list(torch.load(path, weights_only=True)["weights"].values())


def test_the_usual_size_is_about_a_million_numbers() -> None:
    large = node_kind(decisions(2), Shape(128, 4, 128), 0).make(0)
    assert 700_000 < large.parameters < 1_100_000


def test_from_its_state_it_goes_on_with_the_same_numbers(model: Any) -> None:
    batches = [list(range(start, start + 32)) for start in (0, 32, 64, 96)]
    for batch in batches[:2]:
        model.step(batch, PLAN)
    state = model.state()
    expected = [model.step(batch, PLAN) for batch in batches[2:]]
    other = node_kind(decisions(20), SHAPE, 5).make(3)
    other.restore(state)
    assert [other.step(batch, PLAN) for batch in batches[2:]] == expected
    assert other.sha256() == model.sha256()


def test_what_it_computes_again_changes_no_number(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    again = node_kind(decisions(20), SHAPE, 0).make(0)
    assert again.save_memory()
    calls: list[object] = []

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given[0])
        return torch.utils.checkpoint.checkpoint(*given, **named)

    monkeypatch.setattr("evolver_tui.adapters.torch_model.network.checkpoint", counted)
    state = model.state()  # with where its dice stand
    first = model.step(range(32), PLAN)
    assert not calls
    again.restore(state)
    assert again.step(range(32), PLAN) == pytest.approx(first)
    assert len(calls) == SHAPE.layers


def test_a_gradient_is_cut_to_its_length(model: Any) -> None:
    before = {name: value.clone() for name, value in weights_of(model).items()}
    seen: list[float] = []

    def look(optimizer: Any, *_: object) -> None:
        parts = [each.grad.norm() for group in optimizer.param_groups for each in group["params"]]
        seen.append(float(torch.stack(parts).norm()))

    model._optimizer.register_step_pre_hook(look)
    model.step(range(32), PLAN._replace(clip=0.001))
    assert seen[0] == pytest.approx(0.001, rel=0.01)
    model.step(range(32), PLAN)
    assert seen[1] > 0.01
    assert any(not torch.equal(before[name], value) for name, value in weights_of(model).items())


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        lambda: MemoryError(),
    ],
)
def test_a_step_without_memory_is_taken_back(model: Any, monkeypatch: pytest.MonkeyPatch, error: Any) -> None:
    state = model.state()
    parts = iter((False, True))

    def short(network: Any, symbols: Any, targets: Any) -> Any:
        if next(parts, False):
            raise error()
        return losses(network, symbols, targets)

    monkeypatch.setattr("evolver_tui.adapters.torch_model.model.losses", short)
    with pytest.raises(MemoryError):
        model.step(range(32), PLAN._replace(at_once=16))
    monkeypatch.undo()
    afterwards = model.step(range(32), PLAN)
    untroubled = node_kind(decisions(20), SHAPE, 0).make(0)
    untroubled.restore(state)
    assert untroubled.step(range(32), PLAN) == afterwards


def test_a_model_that_the_memory_does_not_hold_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")

    kind = node_kind(decisions(12), SHAPE, 0)
    made = kind.make(0)
    monkeypatch.setattr("evolver_tui.adapters.torch_model.model.Network", too_large)
    with pytest.raises(MemoryError, match="can't allocate memory"):
        kind.make(1)
    monkeypatch.setattr(torch, "save", too_large)
    with pytest.raises(MemoryError, match="can't allocate memory"):
        made.state()


def test_another_fault_of_a_step_is_none_of_memory(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("evolver_tui.adapters.torch_model.model.losses", wrong)
    with pytest.raises(RuntimeError, match="shapes"):
        model.step(range(8), PLAN)


def test_where_the_memory_never_does_it_computes_again_and_holds_less(tmp_path: Path) -> None:
    def out_of_memory(batch: Sequence[int], plan: StepPlan) -> float:
        raise MemoryError("out of memory")

    config = small_config(epochs=1, batch_size=64, fallback_batch_size=16)
    training = Training(tmp_path, config, node_kind(decisions(12), SHAPE, 0), {1: out_of_memory, 2: out_of_memory})
    training.run()
    assert [done for _, done in training.recoveries()] == [
        "holds 32 examples at once",
        "holds 16 examples at once and computes again what it does not hold (gradient checkpointing)",
    ]
    assert training.seen().status == "completed"


def test_a_program_with_half_a_character_is_left_out(tmp_path: Path) -> None:
    examples = [*decisions(12), Example("a = '\udcff'\n" * 3)]
    examples = [examples[-1], *examples[:-1]]
    kind = node_kind(examples, SHAPE, 0)
    with pytest.raises(BadExamples):
        kind.make(0).step([0], PLAN)
    training = Training(tmp_path, small_config(epochs=1, batch_size=64), kind)
    training.run()
    assert {strategy for strategy, _ in training.recoveries()} == {"data"}
    assert training.seen().status == "completed"


@pytest.mark.parametrize("state", [b"", b"PK\x03\x04", b"\x80\x04cos\nsystem\n", b"{}"])
def test_what_is_no_state_of_it_is_refused(model: Any, state: bytes) -> None:
    with pytest.raises(ValueError, match="it holds no such model"):
        model.restore(state)


def test_a_state_of_another_size_is_refused(model: Any) -> None:
    other = node_kind(decisions(4), Shape(16, 1, 16), 0).make(0)
    with pytest.raises(ValueError, match="another size"):
        model.restore(other.state())


@pytest.mark.parametrize("count", [0, 1])
def test_few_nodes_do_not_do(count: int) -> None:
    with pytest.raises(TrainingError, match="a language model needs 2 or more"):
        node_kind(decisions(count), SHAPE, 0)


def test_programs_of_any_kind_are_cut_into_pieces() -> None:
    examples = [Example(text) for text in ("", "a", "x" * 15, "x" * 16, "x" * 17, "é" * 100, "\0\x1b\u202e")]
    made: LanguageModel = node_kind(examples, SHAPE, 0).make(0)  # type: ignore[assignment]
    assert made.step(list(range(made.items)), PLAN) > 0
