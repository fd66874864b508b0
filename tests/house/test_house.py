"""The rules of the house, held by tools: types, style, and who may import whom."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATABASE = ("sqlmodel", "sqlalchemy", "pydantic", "psycopg", "sqlite3")
NETWORK = ("httpx", "signalrcore", "websockets", "httpx_sse")
EXTRAS = (
    "keyring",
    "fsspec",
    "s3fs",
    "botocore",
    "langgraph",
    "langchain_core",
    "apprise",
    "opentelemetry",
    "cel_expr_python",
    "nats",
    "nkeys",
    "redis",
    "starlette",
    "uvicorn",
    "socketio",
    "engineio",
    "aiohttp",
    "tensorboard",
    "torch",
)
SCREEN = ("textual", "rich", "pygments")
FORMS = ("jsonschema_rs",)
VENDORS = frozenset({*DATABASE, *NETWORK, *EXTRAS, *SCREEN, *FORMS} - {"sqlite3"})
"""What comes from elsewhere, as far as it is dear to load."""


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


DOORS = {
    "evolver_tui.core.form": "",
    "evolver_tui.core.task": "",
    "evolver_tui.core.router_answer": "",
    "evolver_tui.engine.author.author": "",
    "evolver_tui.engine.checks.checks": "",
    "evolver_tui.engine.durable.worker": "",
    "evolver_tui.engine.headless": "",
    "evolver_tui.engine.session": "",
    "evolver_tui.settings.config": "",
    "evolver_tui.settings.secrets": "",
    "evolver_tui.tools.definitions": "",
    "evolver_tui.chunks": "",
    "evolver_tui.track": "",
    "evolver_tui.routines": "",
    "evolver_tui.engine.workflow.gateway_run": "",
    "evolver_tui.wiring": "",
    "evolver_tui.wiring.trainer": "",
    "evolver_tui.wiring.training": "",
    "evolver_tui.wiring.workflow": "",
    "evolver_tui.cli.main": "",
    "evolver_tui.cli.doctor.command": "",
    "evolver_tui.cli.jobs.command": "",
    "evolver_tui.cli.nodes.command": "",
    "evolver_tui.cli.train": "",
    "evolver_tui.cli.workflow.command": "",
    "evolver_tui.adapters.bundles.storage": "",
    "evolver_tui.adapters.database.database": "sqlmodel sqlalchemy pydantic sqlite3",
    "evolver_tui.adapters.database.queue_peek": "sqlite3",
    "evolver_tui.adapters.database.file_condition": "sqlite3",
    "evolver_tui.adapters.database.file_reader": "sqlite3",
    "evolver_tui.adapters.listeners.apprise_listener": "",
    "evolver_tui.adapters.listeners.configured": "",
    "evolver_tui.adapters.listeners.otel_listener": "",
    "evolver_tui.adapters.listeners.webhook": "",
    "evolver_tui.adapters.listeners.webhook_endpoint": "httpx rich pygments",
    "evolver_tui.adapters.llm.http": "httpx rich pygments",  # where click is installed, httpx loads its own command
    "evolver_tui.adapters.llm.offline": "",
    "evolver_tui.adapters.nats.condition": "nats aiohttp",
    "evolver_tui.adapters.nats.connection": "nats aiohttp",
    "evolver_tui.adapters.nats.queue": "nats aiohttp",
    "evolver_tui.adapters.nats.settings": "",
    "evolver_tui.adapters.nodes.library": "",
    "evolver_tui.adapters.nodes.runner": "httpx",
    "evolver_tui.adapters.sandbox.box": "",
    "evolver_tui.adapters.private_servers": "",
    "evolver_tui.adapters.redis.registry": "redis opentelemetry",  # which redis loads where it is installed
    "evolver_tui.adapters.routines.langgraph": "",
    "evolver_tui.adapters.routines.plugins": "",
    "evolver_tui.adapters.rules.expression": "",
    "evolver_tui.adapters.sample_hub.hub": "websockets",
    "evolver_tui.adapters.signalr.link": "signalrcore websockets",
    "evolver_tui.adapters.signalr.probe": "",
    "evolver_tui.adapters.progress_client.endpoints": "httpx rich pygments",
    "evolver_tui.adapters.progress_client.source": "",
    "evolver_tui.cli.progress.watch": "",
    "evolver_tui.adapters.checkpoint_files": "",
    "evolver_tui.adapters.training_files.source": "",
    "evolver_tui.core.estimate.estimator": "",
    "evolver_tui.core.estimate.unlike_lines": "",
    "evolver_tui.engine.training.decision_model": "",
    "evolver_tui.engine.training.monitor": "",
    "evolver_tui.engine.training.trainer": "",
    "evolver_tui.adapters.web.access": "",
    "evolver_tui.adapters.web.gateway.server": "starlette uvicorn websockets",
    "evolver_tui.adapters.web.console.server": "starlette uvicorn websockets",
    "evolver_tui.adapters.web.progress.access": "",
    # python-socketio loads what it could use of that which is installed.
    "evolver_tui.adapters.web.progress.server": "starlette uvicorn websockets socketio engineio aiohttp redis "
    "opentelemetry",
    "evolver_tui.engine.training.progress_run": "",
    "evolver_tui.engine.workflow.monitor": "",
    "evolver_tui.tui.app": "textual rich",
    "evolver_tui.tui.screens.training.screen": "textual rich",
    "evolver_tui.tui.screens.workflows.screen": "textual rich",
}
"""What may be loaded once this module is imported."""


@pytest.mark.parametrize(("door", "may_load"), DOORS.items(), ids=DOORS)
def test_a_room_loads_what_it_needs_and_no_more(door: str, may_load: str) -> None:
    assert modules_after(f"import {door}") & {*VENDORS, "sqlite3"} <= set(may_load.split())


def test_the_console_before_its_first_frame_is_textual_and_the_standard_library() -> None:
    loaded = modules_after("import evolver_tui.cli.main, evolver_tui.tui.app")
    assert "textual" in loaded
    assert loaded & VENDORS <= {"textual", "rich"}


def test_what_the_training_view_needs_is_loaded_when_it_is_opened() -> None:
    loaded = modules_after("import evolver_tui.cli.console, evolver_tui.tui.app")
    rooms = ("core.training", "engine.training", "tui.screens.training.panes", "tui.screens.training.screen")
    drawing = {"evolver_tui.tui.drawing.braille", "evolver_tui.tui.drawing.plot_drawing"}
    early = {name for name in loaded if name.startswith(tuple(f"evolver_tui.{room}" for room in rooms))}
    assert not early | (loaded & drawing)


def test_asking_for_help_loads_nothing_from_elsewhere() -> None:
    loaded = modules_after(
        "import evolver_tui.cli.main\ntry: evolver_tui.cli.main.main(['--help'])\nexcept SystemExit: pass"
    )
    assert not loaded & VENDORS


def test_the_doctor_of_a_healthy_home_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    loaded = modules_after(
        "import os, evolver_tui.cli.main\nos.environ['EVOLVER_HUB_TOKEN'] = 'so that no keyring is asked'\n"
        f"evolver_tui.cli.main.main(['doctor', '--home', {str(tmp_path)!r}])"
    )
    assert not loaded & VENDORS


def test_a_training_that_tells_of_itself_loads_the_standard_library_and_what_is_pure() -> None:
    before = modules_after("")
    loaded = modules_after("import evolver_tui.track") - before
    own = {name for name in loaded if name.startswith("evolver_tui.")}
    assert {name for name in own if not name.startswith(("evolver_tui.track", "evolver_tui.core.training"))} == {
        "evolver_tui.core"
    }
    assert {name.partition(".")[0] for name in loaded - own} - {"evolver_tui"} <= sys.stdlib_module_names


LOADED_BY_NAME = {
    "keyring": "evolver_tui/settings/secrets.py",
    "fsspec": "evolver_tui/adapters/bundles/storage.py",
    "s3fs": "evolver_tui/adapters/bundles/storage.py",
}


@pytest.mark.parametrize(("vendor", "place"), LOADED_BY_NAME.items(), ids=LOADED_BY_NAME)
def test_a_vendor_that_is_loaded_by_its_name_is_known_to_one_place(vendor: str, place: str) -> None:
    """import-linter sees import statements alone."""
    statement = re.compile(
        rf"""(import_module|find_spec|__import__)\(["']{vendor}\b|^\s*(import|from) {vendor}\b""", re.M
    )
    files = (ROOT / "evolver_tui").rglob("*.py")
    assert {str(path.relative_to(ROOT)) for path in files if statement.search(path.read_text("utf-8"))} <= {place}


def test_no_test_imports_a_test() -> None:
    """What is shared stands below `tests/support`."""
    statement = re.compile(r"^\s*(?:from|import) tests(?:\.\w+)*\.(test_\w+)", re.MULTILINE)
    for path in (ROOT / "tests").rglob("*.py"):
        assert statement.findall(path.read_text("utf-8")) == [], path


def test_every_room_of_an_adapter_is_held_apart_from_the_others() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (apart,) = [set(contract["modules"]) for contract in contracts if contract["type"] == "independence"]
    rooms = {
        f"evolver_tui.adapters.{path.parent.name}" for path in (ROOT / "evolver_tui/adapters").glob("*/__init__.py")
    }
    assert rooms == apart
