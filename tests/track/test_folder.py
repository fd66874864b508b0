"""The hook finds the program's own folder without the library that the program asks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evolver_tui.settings.paths import find_paths
from evolver_tui.track.folder import default_folder


@pytest.mark.parametrize(
    "environ",
    [
        {}, {"XDG_DATA_HOME": ""}, {"XDG_DATA_HOME": "/data"}, {"XDG_DATA_HOME": " "}, {"EVOLVER_HOME": "/home/x"},
        {"EVOLVER_HOME": "~/x"}, {"EVOLVER_HOME": "rel/ative", "XDG_DATA_HOME": "/data"}, {"EVOLVER_HOME": " "},
    ],
    ids=str,
)  # fmt: skip
def test_it_is_the_folder_of_the_program(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "EVOLVER_HOME", "EVOLVER_TRACK_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert default_folder(os.environ) == str(find_paths(None, os.environ).training)


def test_on_macos_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/Users/ada")
    from platformdirs.macos import MacOS

    assert default_folder({}, "darwin") == str(Path(MacOS("evolver-tui", False).user_data_dir) / "training")


def test_a_folder_that_is_named_goes_before_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert default_folder({"EVOLVER_TRACK_DIR": "runs", "EVOLVER_HOME": "/x"}) == str(tmp_path / "runs")
    assert default_folder({"EVOLVER_TRACK_DIR": "~/runs"}) == "/home/ada/runs"
