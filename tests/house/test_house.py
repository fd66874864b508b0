"""The rules of the house, held by tools: types, style, and who may import whom."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRST_FRAME_VENDORS = (
    "sqlmodel",
    "sqlalchemy",
    "pydantic",
    "httpx",
    "signalrcore",
    "websockets",
    "asyncpg",
    "keyring",
    "langgraph",
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "ruff", "check", "."),
        ("-m", "ruff", "format", "--check", "."),
        ("-m", "mypy"),
        ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
    ],
    ids=["ruff check", "ruff format", "mypy", "import-linter"],
)
def test_tool_is_content(command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.returncode == 0, result.stdout + result.stderr


def modules_after(code: str) -> set[str]:
    result = run("-c", f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "door",
    [
        "evolver_tui.core.task",
        "evolver_tui.engine.session",
        "evolver_tui.settings.config",
        "evolver_tui.engine.headless",
        "evolver_tui.routines",
    ],
)
def test_rooms_below_the_adapters_load_neither_console_nor_vendors(door: str) -> None:
    loaded = modules_after(f"import {door}")
    assert not loaded & {"textual", "rich", *FIRST_FRAME_VENDORS}


def test_the_console_before_its_first_frame_is_textual_and_the_standard_library() -> None:
    loaded = modules_after("import evolver_tui.cli.main, evolver_tui.tui.app")
    assert "textual" in loaded
    assert not loaded & set(FIRST_FRAME_VENDORS)


def test_asking_for_help_loads_no_textual() -> None:
    loaded = modules_after(
        "import evolver_tui.cli.main\ntry: evolver_tui.cli.main.main(['--help'])\nexcept SystemExit: pass"
    )
    assert not loaded & {"textual", *FIRST_FRAME_VENDORS}
