"""Prices and budget in the config: each mistake has its sentence and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.settings.config import check_config, load_config, show_config

MODEL = '[backend]\nkind = "openai"\nmodel = "gpt-4.1"\n'
PRICE = '[prices."gpt-4.1"]\nper_million_input = 2\nper_million_output = 8.5\ncurrency = "EUR"\n'


def problems(folder: Path, text: str) -> list[str]:
    file = folder / "config.toml"
    file.write_text(text)
    return [problem.removeprefix(f"{file}: ") for problem in check_config(file)]


@pytest.mark.parametrize("day", ["2026-11-29", '"2026-11-29"'])
def test_a_price_is_shown_as_it_is_read(tmp_path: Path, day: str) -> None:
    text = f"{MODEL}{PRICE}entered = {day}\n[budget]\nper_day = 5\n"
    assert problems(tmp_path, text) == []
    config = load_config(tmp_path / "config.toml")
    assert config.prices["gpt-4.1"].entered == "2026-11-29"
    (tmp_path / "again.toml").write_text(show_config(config))
    assert load_config(tmp_path / "again.toml") == config


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PRICE, "does not say when its prices were entered"),
        (PRICE + "entered = 2026-02-30T10:00:00\n", "is not TOML"),
        (PRICE + 'entered = "spring"\n', "has to be a day such as 2026-11-29"),
        ("[prices.gpt-4.1]\nper_million_input = 2\n", "Put a model's name into quotes"),
        ("[prices]\nm = 2\n", "has to be a section"),
        ('[prices."m\\u001b"]\nper_million_input = 2\n', "is no name of a model"),
        (PRICE + "entered = 2026-11-29\nper_million_inputs = 3\n", "has no key per_million_inputs"),
        (MODEL + "[budget]\nper_day = 5\n", 'no price of the model gpt-4.1 is known. Add a section [prices."gpt-4.1"]'),
        ("[budget]\nwarn_at = 2\n", "[budget] warn_at has to be a number from 0.01 to 1"),
    ],
)
def test_a_mistake_has_its_sentence(tmp_path: Path, text: str, told: str) -> None:
    found = problems(tmp_path, text)
    assert any(told in problem for problem in found), found
    assert "\x1b" not in "".join(found)


def test_prices_beside_the_model_count_as_before(tmp_path: Path) -> None:
    assert problems(tmp_path, MODEL + "price_per_million_input = 2\n[budget]\nper_day = 5\n") == []
    assert problems(tmp_path, MODEL + "[budget]\ntokens_per_day = 5000\n") == []
