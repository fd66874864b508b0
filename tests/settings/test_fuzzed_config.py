"""Whatever stands in the config file is a config, or problems in words that name the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.errors import ConfigError
from evolver_tui.settings.config import Config, check_config, load_config, show_config
from evolver_tui.settings.values import toml
from tests.support.fuzzing import fuzzed, spoiled
from tests.support.hostile import HOSTILE

EXAMPLE = show_config(Config(keys={"desk.quit": "q"}, routines={"triage": "triage:work"}))
SECTIONS = ["hub", "backend", "desk", "keys", "routines", "x", "hub.url", '"\\u001b[2J"', "[hub]"]
SECTIONS += ["listeners", "listeners.ops", "listeners.log"]
NAMES = [
    "url",
    "method",
    "token_env",
    "kind",
    "model",
    "ping_seconds",
    "redirect_hosts",
    "a.b",
    '"\\u202e"',
    "max_tokens",
    "signals",
    "path",
    "url_env",
    "how",
]
VALUES = st.sampled_from(
    [
        "nan",
        "-inf",
        "9" * 30,
        "9" * 5_000,
        "0x",
        "1979-05-27",
        "true",
        "[]",
        "{}",
        "[1, 'a']",
        "{a = 1}",
        '"""',
        "'webhook'",
        "'file'",
        "'otel'",
        "''",
        "-0.0",
    ]
) | st.sampled_from([text for text in HOSTILE.values() if len(text) < 300]).map(toml)
LINES = st.sampled_from(SECTIONS).map(lambda name: f"[{name}]") | st.builds(
    "{} = {}".format, st.sampled_from(NAMES), VALUES
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "config.toml"


def assert_read(file: Path, content: bytes) -> None:
    """It can be used, or `check` names every problem in a line that a terminal can show."""
    file.write_bytes(content)
    problems = check_config(file)
    for problem in problems:
        assert str(file) in problem
        assert problem.isprintable()
        assert len(problem) < 1_000
    try:
        config = load_config(file)
    except ConfigError:
        assert problems
    else:
        assert show_config(config, file).replace("\n", "").isprintable()


@given(st.lists(LINES, max_size=6))
@fuzzed(200)
def test_any_lines_are_a_config_or_problems_in_words(file: Path, lines: Sequence[str]) -> None:
    assert_read(file, "\n".join(lines).encode("utf-8", "surrogatepass"))


@given(
    spoiled(
        st.just(EXAMPLE[:3_000]), ['"', "'", "[", "]", "=", "\n", "\0", "\ud800", "\x1b[2J", "\ufeff", "nan", '"""']
    )
)
@fuzzed(150)
def test_any_spoiled_file_is_a_config_or_problems_in_words(file: Path, text: str) -> None:
    assert_read(file, text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60))
@fuzzed(100)
def test_any_bytes_are_a_config_or_a_problem_in_words(file: Path, content: bytes) -> None:
    assert_read(file, content)


LARGE: dict[str, Callable[[], Any]] = {
    "a name of a variable": lambda: f'[hub]\ntoken_env = "{"A" * 10**6}"',
    "an address": lambda: f'[hub]\nurl = "http://{"a@" * 500_000}"',
    "a path": lambda: f'[hub]\nurl = "http://h/{"%41" * 300_000}"',
    "hosts": lambda: "[hub]\nredirect_hosts = [" + '"a.b:1", ' * 100_000 + "]",
    "a target": lambda: f'[routines]\nx = "{"a." * 300_000}"',
    "a key": lambda: f"{'k' * 10**6} = 1\n[hub]\n{'m' * 10**6} = 1",
    "keys": lambda: "[keys]\n" + "\n".join(f'"k{index}" = "a"' for index in range(20_000)),
    "unknown keys": lambda: "[hub]\n" + "\n".join(f"k{index} = 1" for index in range(3_000)),
    "a nested key": lambda: "[keys]\n" + "a." * 5_000 + 'a = "b"',
    "brackets": lambda: "x = " + "[" * 100_000,
}
"""Sizes at which anything quadratic takes minutes."""


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_comes_to_an_end(file: Path, name: str) -> None:
    assert_read(file, LARGE[name]().encode())
