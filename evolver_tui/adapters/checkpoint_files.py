"""A training run's folder: its config, what it learns from, its checkpoints, and what its models came to.

A checkpoint is a file of a digest, a line of JSON and the model's state; the digest is of all that follows it. It
appears whole or not at all, and one that is not whole any more is known by its digest.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from evolver_tui.core.errors import TrainingError
from evolver_tui.engine.training.checkpoint import Checkpoint, TrainingState
from evolver_tui.engine.training.trainable import Example
from evolver_tui.settings.private_file import write_private

KEPT: Final = 3
"""Checkpoints of a run, the latest; where the disk is full, one."""
RUN_FILE: Final = "run.json"
RESULT_FILE: Final = "result.json"
"""Is there where the run is over."""
_UNSAID_RESULT: Final = f".{RESULT_FILE}.unfinished"
_EXAMPLES: Final = "examples.json.gz"
_LOCK: Final = ".lock"
_NAME: Final = re.compile(r"checkpoint-(\d{4})-(\d{9})")
_FORMAT: Final = 1
_LARGEST_PLAN: Final = 1_000_000


class CheckpointFiles:
    """One run's folder, of this process alone while it is open.

    Args:
        folder: is made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = -1

    def open(self) -> Self:
        """Take the folder. Raises TrainingError where another process trains in it, or it cannot be written."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        if not _claim(self._lock):
            os.close(self._lock)
            self._lock = -1
            raise TrainingError(
                f"Another process trains in {self.folder}.", "Wait for its end, or name another session_id."
            )
        for path in self.folder.glob(".*.unfinished"):  # of one that was killed
            with contextlib.suppress(OSError):
                path.unlink()
        return self

    def close(self) -> None:
        """Let go of it, and leave no folder in which no run was begun."""
        lock, self._lock = self._lock, -1
        if lock < 0:
            return
        if not (self.folder / RUN_FILE).exists():
            with contextlib.suppress(OSError):
                (self.folder / _LOCK).unlink()
                self.folder.rmdir()
        os.close(lock)

    # --- what the run is

    def begin(self, plan: Mapping[str, Any], examples: Sequence[Example]) -> None:
        """Keep what it is told and what it learns from. Raises TrainingError."""
        packed = gzip.compress(json.dumps([list(example) for example in examples]).encode(), mtime=0)
        try:
            write_private(self.folder / _EXAMPLES, packed)
            content = {"format": _FORMAT, **plan, "examples_sha256": hashlib.sha256(packed).hexdigest()}
            write_private(self.folder / RUN_FILE, json.dumps(content, indent=2).encode() + b"\n")
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def plan(self) -> Mapping[str, Any] | None:
        """What it was told; None for a folder in which no run was begun. Raises TrainingError."""
        return read_plan(self.folder)

    def examples(self, plan: Mapping[str, Any]) -> Sequence[Example]:
        """What it learns from. Raises TrainingError where that is not there any more as it was."""
        try:
            packed = (self.folder / _EXAMPLES).read_bytes()
        except OSError:
            packed = b""
        if hashlib.sha256(packed).hexdigest() != plan.get("examples_sha256"):
            raise TrainingError(f"{self.folder / _EXAMPLES} is not what the run began with.", "Begin a run anew.")
        try:
            return [Example(str(text), approved) for text, approved in json.loads(gzip.decompress(packed))]
        except (ValueError, TypeError, OSError, EOFError, RecursionError):
            raise TrainingError(f"{self.folder / _EXAMPLES} holds no examples.", "Begin a run anew.") from None

    @property
    def is_over(self) -> bool:
        """Whether all models are done."""
        return (self.folder / RESULT_FILE).exists()

    # --- checkpoints

    def save(self, checkpoint: Checkpoint, *, is_packed: bool) -> int:
        model = gzip.compress(checkpoint.model, 6, mtime=0) if is_packed else checkpoint.model
        head = {"format": _FORMAT, "is_packed": is_packed, "state": checkpoint.state.to_json_value()}
        line = json.dumps(head).encode() + b"\n"
        digest = hashlib.sha256(line)
        digest.update(model)
        content = b"".join((digest.hexdigest().encode(), b"\n", line, model))
        state = checkpoint.state
        write_private(self.folder / f"checkpoint-{state.model:04}-{state.step:09}", content)
        for path in list(self._checkpoints())[1 if is_packed else KEPT :]:
            path.unlink(missing_ok=True)
        return len(content)

    def latest(self, damaged: Callable[[str], None], takes: Callable[[TrainingState], bool]) -> Checkpoint | None:
        for path in self._checkpoints():
            try:
                found = _read(path)
            except (OSError, ValueError, TypeError, KeyError, RecursionError, MemoryError, EOFError):
                damaged(path.name)
                with contextlib.suppress(OSError):
                    path.rename(path.with_name(f"damaged-{path.name}"))
                continue
            if takes(found.state):
                return found
        return None

    def clean_up(self) -> int:
        removed = 0
        for path in [*self.folder.glob(".*.unfinished"), *self.folder.glob("damaged-*")]:
            with contextlib.suppress(OSError):
                path.unlink()
        is_kept = False
        for path in self._checkpoints():
            if not is_kept:
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError, EOFError):
                    _read(path)
                    is_kept = True
                    continue
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
        return removed

    def keep(self, name: str, content: bytes) -> None:
        write_private(self.folder / name, content)

    def keep_result(self, result: Mapping[str, Any]) -> None:
        self.keep(_UNSAID_RESULT, json.dumps(result, indent=2).encode() + b"\n")

    def finish(self) -> None:
        (self.folder / _UNSAID_RESULT).replace(self.folder / RESULT_FILE)
        for path in [*self._checkpoints(), *self.folder.glob("damaged-*")]:
            with contextlib.suppress(OSError):
                path.unlink()

    def _checkpoints(self) -> Iterator[Path]:
        """The latest first."""
        names = sorted((name for name in os.listdir(self.folder) if _NAME.fullmatch(name)), reverse=True)
        return (self.folder / name for name in names)


def read_plan(folder: Path) -> Mapping[str, Any] | None:
    """What a run was told; None for a folder in which no run was begun. Raises TrainingError."""
    path = folder / RUN_FILE
    try:
        content = path.read_bytes()[: _LARGEST_PLAN + 1]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror}.", "Begin a run anew.") from None
    try:
        plan = json.loads(content)
    except (ValueError, RecursionError):
        plan = None
    if not isinstance(plan, dict) or plan.get("format") != _FORMAT:
        raise TrainingError(f"{path} is not what a run's folder has.", "Begin a run anew under another session_id.")
    return plan


def unfinished_runs(folder: Path) -> list[str]:
    """The runs in it that are not over, the one written last first."""
    found: list[tuple[float, str]] = []
    with contextlib.suppress(OSError):
        for each in os.scandir(folder):
            with contextlib.suppress(OSError):
                path = Path(each.path)
                if (path / RUN_FILE).exists() and not (path / RESULT_FILE).exists():
                    found.append((path.stat().st_mtime, each.name))
    return [name for _, name in sorted(found, reverse=True)]


def _read(path: Path) -> Checkpoint:
    """Raises OSError, ValueError, TypeError, KeyError, EOFError for what is no whole checkpoint."""
    digest, _, body = path.read_bytes().partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError("its digest is another")
    line, _, model = body.partition(b"\n")
    head = json.loads(line)
    if head["format"] != _FORMAT:
        raise ValueError("it is of another format")
    state = TrainingState.from_json_value(head["state"])
    return Checkpoint(state, gzip.decompress(model) if head["is_packed"] else model)


def _claim(descriptor: int) -> bool:
    """Whether no other process has it; where a file system knows no claims, nobody has."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _unwritable(folder: Path, error: OSError) -> TrainingError:
    return TrainingError(f"{folder} cannot be written: {error.strerror or error}.", "Name another save_dir.")
