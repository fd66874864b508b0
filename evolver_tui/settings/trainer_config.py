"""What `evolver-tui train` is told by a file of its own, in TOML or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evolver_tui.core.errors import ConfigError
from evolver_tui.settings.regular_file import open_regular
from evolver_tui.settings.section_reader import SectionReader
from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.values import a_path_name, above, between, one_line, one_of, quoted

DECISIONS: Final = "decisions"
NODES: Final = "nodes"
"""What a model may be made of."""
_LARGEST_FILE: Final = 1_000_000


class TrainerConfig(Section):
    """One training: its models, and what is done when something goes wrong."""

    model_count: int = setting(3, "Models, trained one after the other.", between(1, 100))
    batch_size: int = setting(32, "Examples in a step.", between(1, 100_000))
    learning_rate: float = setting(0.001, "How far a step goes.", above(0, 10))
    epochs: int = setting(100, "How often each model sees every example.", between(1, 1_000_000))
    progress_update_interval: int = setting(10, "Steps from one update to the next.", between(1, 1_000_000))
    session_id: str = setting("", "The run's id. Empty: one is made.", a_path_name)
    checkpoint_interval: int = setting(100, "Steps from one checkpoint to the next.", between(1, 1_000_000_000))
    max_retries: int = setting(3, "How often in a row a fault is mended before the training fails.", between(0, 1000))
    enable_recovery: bool = setting(True, "Whether faults are mended at all.")
    save_dir: str = setting("", "Where runs are kept, a folder each. Empty: models in the data folder.", one_line)
    fallback_batch_size: int = setting(
        8, "Examples that are held in memory at once, at the least, where it does not do.", between(1, 100_000)
    )
    fallback_epochs: int = setting(
        10, "Epochs of a model where even that was too much, and memory is saved at the cost of time.",
        between(1, 1_000_000),
    )  # fmt: skip
    model: str = setting(
        DECISIONS, "What is trained: an estimate on `decisions`, or a language model on approved `nodes`.",
        one_of(DECISIONS, NODES),
    )  # fmt: skip
    seed: int = setting(0, "What all that is random follows from.", between(0, 2**32 - 1))
    context_length: int = setting(128, "Bytes that the language model looks back on.", between(8, 4096))
    layers: int = setting(4, "Its layers.", between(1, 64))
    width: int = setting(128, "Numbers in each of them, a multiple of 4.", between(8, 4096))


def read_trainer_config(path: Path) -> TrainerConfig:
    """Read a file; one whose name ends in .json is JSON, any other TOML.

    Raises:
        ConfigError: it cannot be read or used. All that is wrong with it is told, a sentence each.
    """
    return trainer_config(path, _values(path))


def trainer_config(path: Path, values: Mapping[str, Any]) -> TrainerConfig:
    """A config from what stands in a file. Raises ConfigError."""
    reader = SectionReader(path)
    config: TrainerConfig = reader.section("", TrainerConfig, dict(values))
    if config.width % 4 and not reader.is_unfit("", "width"):
        reader.wrong(f"width has to be a multiple of 4, and is {config.width}.", "The default is 128.")
    if not reader.problems:
        return config
    first, *more = reader.problems
    raise ConfigError(first.message, " ".join([first.way_out, *map(str, more)]))


def _values(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path) as file:
            content = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no file's name"
        raise ConfigError(f"{path} cannot be read: {reason}.", "Name a file in TOML or JSON.") from None
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path} is larger than {_LARGEST_FILE:,} bytes.", "Name the config of a training.")
    kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
    try:
        value = _parse(content.decode("utf-8-sig"), kind)
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8.", "Save the file as UTF-8.") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not {kind}: {quoted(str(error), 200)}.", "See README, Training.") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply.", "Its keys stand at the top.") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path} holds no object.", 'Example: {"epochs": 50}.')
    return value


def _parse(text: str, kind: str) -> Any:
    if kind == "JSON":
        import json

        return json.loads(text)
    import tomllib

    return tomllib.loads(text)
