"""A training's config has the specification's names and defaults, and every mistake in it is named."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import ConfigError
from evolver_tui.settings.trainer_config import TrainerConfig, read_trainer_config

SPECIFIED = {
    "model_count": 3, "batch_size": 32, "learning_rate": 0.001, "epochs": 100, "progress_update_interval": 10,
    "checkpoint_interval": 100, "max_retries": 3, "enable_recovery": True, "fallback_batch_size": 8,
    "fallback_epochs": 10,
}  # fmt: skip


def written(folder: Path, text: str, name: str = "training.toml") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def test_names_and_defaults_are_those_of_the_specification() -> None:
    values = asdict(TrainerConfig())
    assert {name: values[name] for name in SPECIFIED} == SPECIFIED
    assert {"session_id", "save_dir"} <= values.keys()


def test_it_is_made_as_the_specification_shows() -> None:
    config = TrainerConfig(
        model_count=3, batch_size=32, learning_rate=0.001, epochs=100, progress_update_interval=10,
        checkpoint_interval=100, max_retries=3, enable_recovery=True,
    )  # fmt: skip
    assert config == TrainerConfig()


def test_what_json_has_and_toml_has_not_is_named_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as wrong:
        read_trainer_config(written(tmp_path, '{"epochs": null, "seed": -1}', "training.json"))
    assert "epochs has to be a whole number, and is null." in str(wrong.value)
    assert "seed has to be a number from 0 to 4294967295, and is -1." in wrong.value.way_out


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    values: dict[str, Any] = {"epochs": 7, "learning_rate": 1, "session_id": "r1", "enable_recovery": False}
    toml = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    expected = TrainerConfig(epochs=7, learning_rate=1.0, session_id="r1", enable_recovery=False)
    assert read_trainer_config(written(tmp_path, toml)) == expected
    assert read_trainer_config(written(tmp_path, json.dumps(values), "training.json")) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("epoch = 3", "it has no key epoch. Did you mean 'epochs'?"),
        ("epochs = 0", "epochs has to be a number from 1"),
        ('epochs = "many"', "epochs has to be a whole number, and is the text many. The default is 100."),
        ("learning_rate = 0", "learning_rate has to be a number above 0"),
        ("learning_rate = nan", "learning_rate has to be a number above 0"),
        ("learning_rate = inf", "learning_rate has to be a number above 0"),
        ("enable_recovery = 1", "enable_recovery has to be true or false"),
        ('session_id = "../a"', "session_id has to be a name of letters"),
        ('session_id = "."', "session_id has to be a name of letters"),
        ('model = "gpt"', "model has to be one of 'decisions', 'nodes'"),
        ("width = 30", "width has to be a multiple of 4"),
        ("[training]\nepochs = 3", "it has no key training"),
        ("model_count = 999999999999999999999999", "model_count has to be a number from 1 to 100"),
    ],
)  # fmt: skip
def test_each_mistake_is_named(tmp_path: Path, line: str, words: str) -> None:
    path = written(tmp_path, line)
    with pytest.raises(ConfigError) as refused:
        read_trainer_config(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read_trainer_config(written(tmp_path, "epochs = 0\nbatch = 3\n"))
    assert "epochs has to be" in str(refused.value)
    assert "batch_size" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("epochs", "a.toml"), ("\udc80", "a.toml"), ("[", "a.json"), ("[1]", "a.json"), ("NaN", "a.json"),
        ("[" * 100_000, "a.json"), ("#" * 2_000_000, "a.toml"), ("a." * 5_000 + "b = 1", "a.toml"),
    ],
)  # fmt: skip
def test_what_is_no_config_is_said(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_trainer_config(written(tmp_path, text, name))
    assert refused.value.way_out


@pytest.mark.parametrize("name", ["missing.toml", ".", "a\0b", "x" * 5_000])
def test_what_is_no_file_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_trainer_config(tmp_path / name)
