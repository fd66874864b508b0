"""Each test has a folder of its own, and nothing was said or begun before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import evolver_tui.track as track
from evolver_tui.track import current_run, saying


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("EVOLVER_TRACK_DIR", str(tmp_path / "runs"))
    monkeypatch.delenv("EVOLVER_TRACK_SERVER", raising=False)
    monkeypatch.setattr(saying, "_said", set())
    monkeypatch.setattr(current_run, "_run", None)
    names = ("run", "config", "summary", "log", "event")
    before = {name: getattr(track, name) for name in names}
    yield
    made = current_run.current()
    if made is not None:
        made.finish()
    for name, value in before.items():
        setattr(track, name, value)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Where runs are kept."""
    return tmp_path / "runs"
