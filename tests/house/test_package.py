"""What an installation brings along, and what it leaves behind."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_the_themes_and_the_node_runtime_and_nobodys_nodes(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    themes = {f"evolver_tui/themes/{file.name}" for file in (ROOT / "themes").glob("*.toml")}
    assert themes
    assert themes | {"node_runtime.py", "evolver_tui/py.typed", "evolver_tui/tui/styles.tcss"} <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"evolver_tui", "node_runtime.py"}
