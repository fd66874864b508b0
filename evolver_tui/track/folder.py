"""The folder of run files, as the program itself finds it, without the library that it asks."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

FOLDER_VARIABLE = "EVOLVER_TRACK_DIR"
_HOME_VARIABLE = "EVOLVER_HOME"
_APPLICATION = "evolver-tui"


def default_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Where runs are kept when nobody says where: an absolute path.

    Raises:
        OSError: there is no home folder to keep them in.
    """
    named = environ.get(FOLDER_VARIABLE, "").strip()
    if named:
        return os.path.abspath(os.path.expanduser(named))
    home = environ.get(_HOME_VARIABLE, "").strip()
    if home:
        return os.path.join(os.path.abspath(os.path.expanduser(home)), "data", "training")
    folder = os.path.expanduser(_data_folder(environ, platform))
    if not os.path.isabs(folder):
        raise OSError(f"this account has no home folder; name one in {FOLDER_VARIABLE}")
    return os.path.join(folder, _APPLICATION, "training")


def _data_folder(environ: Mapping[str, str], platform: str) -> str:
    if platform == "darwin":
        return "~/Library/Application Support"
    if platform == "win32":
        return environ.get("LOCALAPPDATA", "") or "~\\AppData\\Local"
    return environ.get("XDG_DATA_HOME", "").strip() or "~/.local/share"
