"""The language model as the trainer sees it: windows of programs, steps, and all that a checkpoint needs."""

from __future__ import annotations

import ctypes
import hashlib
import io
import math
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch

from evolver_tui.adapters.torch_model.network import END, NO_MATTER, Network, Shape, losses
from evolver_tui.core.errors import TrainingError
from evolver_tui.engine.training.trainable import BadExamples, Example, StepPlan, TrainableKind

FEWEST_NODES: Final = 2
_HELD_OUT: Final = 10
"""One program of so many is not trained on."""
_WITHOUT_MEMORY: Final = ("out of memory", "can't allocate memory", "not enough memory")


class _Windows:
    """Programs, cut into pieces of what a model looks back on."""

    def __init__(self, examples: Sequence[Example], length: int) -> None:
        texts = [example.text for example in examples]
        held_out = len(texts) // _HELD_OUT
        self.length = length
        self.pieces: list[list[int]] = []
        self.unusable: dict[int, str] = {}
        """Of the pieces: what is wrong with each."""
        for text in texts[: len(texts) - held_out]:
            first = len(self.pieces)
            self.pieces += self._cut(text)
            if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
                self.unusable |= dict.fromkeys(range(first, len(self.pieces)), "it holds half a character")
        self.later = [piece for text in texts[len(texts) - held_out :] for piece in self._cut(text)]

    def _cut(self, text: str) -> Iterator[list[int]]:
        symbols = [*text.encode("utf-8", "surrogatepass"), END]
        for start in range(0, max(1, len(symbols) - 1), self.length):
            yield symbols[start : start + self.length + 1]

    def tensors(self, pieces: Sequence[Sequence[int]], device: Any) -> tuple[Any, Any, int]:
        """What is looked at, what follows it, and how many of these count."""
        shown, following = [], []
        for piece in pieces:
            missing = self.length + 1 - len(piece)
            shown.append([*piece[:-1], *[END] * missing])
            following.append([*piece[1:], *[NO_MATTER] * missing])
        count = sum(len(piece) - 1 for piece in pieces)
        return torch.tensor(shown, device=device), torch.tensor(following, device=device), count


@contextmanager
def _memory_told() -> Iterator[None]:
    """A MemoryError is raised wherever the memory does not do, a device's either."""
    try:
        yield
    except RuntimeError as error:  # an OutOfMemoryError of a device is one
        if not _is_about_memory(error):
            raise
        raise MemoryError(str(error).splitlines()[0][:200]) from None


def _is_about_memory(error: Exception) -> bool:
    return any(words in str(error).lower() for words in _WITHOUT_MEMORY)


class LanguageModel:
    """One model; everything random follows from `seed`."""

    def __init__(self, windows: _Windows, shape: Shape, seed: int, device: Any) -> None:
        torch.manual_seed(seed)
        self._windows = windows
        self._shape = shape
        self._device = device
        if device.type == "cpu":
            torch.use_deterministic_algorithms(True, warn_only=True)
        self._network = Network(shape).to(device)
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=0.001)

    @property
    def parameters(self) -> int:
        """Numbers of all layers."""
        return sum(each.numel() for each in self._network.parameters())

    @property
    def items(self) -> int:
        """Pieces of programs."""
        return len(self._windows.pieces)

    @property
    def device(self) -> str:
        """E.g. `CPU, 4 threads`."""
        if self._device.type == "cuda":
            return f"CUDA, {torch.cuda.get_device_name(self._device)}"
        return "Apple's GPU" if self._device.type == "mps" else f"CPU, {torch.get_num_threads()} threads"

    def step(self, batch: Sequence[int], plan: StepPlan) -> float:
        bad = [item for item in batch if item in self._windows.unusable]
        if bad:
            raise BadExamples(bad, self._windows.unusable[bad[0]])
        before = self._random()
        try:
            with _memory_told():
                return self._learn(batch, plan)
        except MemoryError:
            self._let_go(before)
            raise

    def _learn(self, batch: Sequence[int], plan: StepPlan) -> float:
        self._network.train()
        self._optimizer.zero_grad(set_to_none=True)
        pieces = [self._windows.pieces[item] for item in batch]
        count = sum(len(piece) - 1 for piece in pieces)
        loss = 0.0
        for start in range(0, len(pieces), plan.at_once):
            shown, following, _ = self._windows.tensors(pieces[start : start + plan.at_once], self._device)
            part = losses(self._network, shown, following) / count
            part.backward()
            loss += float(part.detach())
        if not math.isfinite(loss):
            return loss  # nothing is learned from what is no number
        if plan.clip is not None:
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), plan.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = plan.rate
        self._optimizer.step()
        return loss

    def _let_go(self, before: Mapping[str, Any]) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        self._set_random(before)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _random(self) -> dict[str, Any]:
        found = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self._device)
        return found

    def _set_random(self, states: Mapping[str, Any]) -> None:
        torch.set_rng_state(states["cpu"].cpu())
        if self._device.type == "cuda" and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"].cpu(), self._device)

    def save_memory(self) -> bool:
        self._network.computes_again = True
        return True

    @_memory_told()
    def state(self) -> bytes:
        return _packed(
            {
                "shape": list(self._shape), "network": self._network.state_dict(),
                "optimizer": self._optimizer.state_dict(), "random": self._random(),
            }
        )  # fmt: skip

    @_memory_told()
    def restore(self, state: bytes) -> None:
        try:
            found = torch.load(io.BytesIO(state), map_location=self._device, weights_only=True)
            if found["shape"] != list(self._shape):
                raise ValueError("it is of another size")
            self._network.load_state_dict(found["network"])
            self._optimizer.load_state_dict(found["optimizer"])
            self._set_random(found["random"])
        except (KeyError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            if _is_about_memory(error):
                raise
            raise ValueError("it holds no such model") from None

    @_memory_told()
    def result(self) -> bytes:
        return _packed({"kind": "nodes", "shape": dict(self._shape._asdict()), "weights": self._network.state_dict()})

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for name, value in sorted(self._network.state_dict().items()):
            plain = value.detach().to("cpu").contiguous()
            digest.update(f"{name} {tuple(plain.shape)}\n".encode())
            digest.update(ctypes.string_at(plain.data_ptr(), plain.numel() * plain.element_size()))
        return digest.hexdigest()

    @_memory_told()
    def held_out(self) -> Mapping[str, float]:
        """Nats and bits for a byte of the programs held out."""
        if not self._windows.later:
            return {}
        self._network.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for piece in self._windows.later:
                shown, following, counted = self._windows.tensors([piece], self._device)
                total += float(losses(self._network, shown, following))
                count += counted
        loss = total / max(1, count)
        return {"loss": round(loss, 4), "bits_per_byte": round(loss / math.log(2), 4)}


def node_kind(examples: Sequence[Example], shape: Shape, seed: int) -> TrainableKind:
    """Language models on these programs. Raises TrainingError where there are too few."""
    if len(examples) < FEWEST_NODES:
        raise TrainingError(
            f"There are {len(examples)} approved nodes in the library; a language model needs {FEWEST_NODES} or more.",
            "Approve some, or name a library with --nodes.",
        )
    windows = _Windows(examples, shape.context_length)
    device = torch.device(_best_device())

    @_memory_told()
    def make(number: int) -> LanguageModel:
        mixed = hashlib.sha256(f"{seed} {number}".encode()).digest()
        return LanguageModel(windows, shape, int.from_bytes(mixed[:7], "big"), device)

    return TrainableKind("nodes", ".pt", make)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _packed(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()
