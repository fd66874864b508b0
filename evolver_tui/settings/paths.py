"""Where things live on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from evolver_tui.core.errors import UsageError

APPLICATION = "evolver-tui"
HOME_VARIABLE = "EVOLVER_HOME"
OTHER_HOME = f"Name a folder of your own with --home DIR, or in {HOME_VARIABLE}."


class Paths(NamedTuple):
    """The three folders that belong to the program, and what lies in them. Nothing is created by asking."""

    config: Path
    """What a person writes: config.toml, themes, tools."""
    data: Path
    """What must not be lost: the database, the nodes, exports."""
    cache: Path
    """What can be thrown away."""

    @property
    def config_file(self) -> Path:
        """The settings."""
        return self.config / "config.toml"

    @property
    def rules_file(self) -> Path:
        """What is to be done when a signal tells of something."""
        return self.config / "rules.toml"

    @property
    def themes(self) -> Path:
        """The folder of a person's own theme files."""
        return self.config / "themes"

    @property
    def tools(self) -> Path:
        """The folder of a person's own tool definitions."""
        return self.config / "tools"

    @property
    def database(self) -> Path:
        """The database of tasks, decisions and signals."""
        return self.data / "evolver.db"

    @property
    def demo_database(self) -> Path:
        """The demo's own database, so that a look around puts nothing into the real queue and log."""
        return self.data / "demo.db"

    @property
    def exports(self) -> Path:
        """The folder of exports that were not given a file name."""
        return self.data / "exports"

    @property
    def training(self) -> Path:
        """The folder of training runs' files."""
        return self.data / "training"

    @property
    def models(self) -> Path:
        """The folder of trained models, and of the checkpoints that lead to them."""
        return self.data / "models"

    @property
    def undelivered(self) -> Path:
        """The folder of what listeners could not deliver, a file each."""
        return self.data / "undelivered"

    @property
    def state_file(self) -> Path:
        """What is remembered from one start to the next."""
        return self.data / "state.json"

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Files that may hold secrets, the first one that has a name wins."""
        return tuple(dict.fromkeys((self.data / "secrets.toml", self.config / "secrets.toml")))

    def create(self) -> None:
        """Make the folders, readable by their owner alone, and see that they can be written.

        Raises:
            UsageError: a folder cannot be made or written.
        """
        for folder in (self.config, self.data, self.cache):
            ensure_folder(folder)


def find_paths(home: Path | None, environ: Mapping[str, str]) -> Paths:
    """Find the program's folders.

    Args:
        home: the folder given by --home, or None.
        environ: the environment; EVOLVER_HOME counts when `home` is None.

    Returns:
        Folders under `home` or EVOLVER_HOME, else the platform's usual ones (these follow HOME and the XDG variables of
        the process itself). All are absolute.

    Raises:
        UsageError: there is no home folder to put them in.
    """
    named = home if home is not None else environ.get(HOME_VARIABLE, "").strip()
    if named:
        base = absolute(Path(named))
        return Paths(base / "config", base / "data", base / "cache")

    # Textual loads platformdirs anyway; a start with --home and no screen does without.
    from platformdirs import PlatformDirs

    folders = PlatformDirs(APPLICATION, appauthor=False)
    try:
        paths = Paths(
            Path(folders.user_config_dir),
            Path(folders.user_data_dir),
            Path(folders.user_cache_dir),
        )
    except RuntimeError:
        raise _no_home() from None
    if not all(folder.is_absolute() for folder in (paths.config, paths.data, paths.cache)):
        raise _no_home()
    return paths


def _no_home() -> UsageError:
    return UsageError("This account has no home folder to keep settings and data in.", OTHER_HOME)


def absolute(path: Path, base: Path = Path()) -> Path:
    """`path` with a leading ~ expanded, seen from `base` (the working folder) when it is relative.

    Raises:
        UsageError: the home folder that ~ stands for is unknown, or the working folder is gone.
    """
    try:
        return Path(os.path.abspath(base / path.expanduser()))
    except (RuntimeError, OSError):
        raise UsageError(f"The folder that {str(path)!r} starts from is unknown.", "Write the whole path.") from None


def ensure_folder(folder: Path) -> None:
    """Make `folder` and what is missing above it, each readable by its owner alone; see that it can be written.

    Raises:
        UsageError: it cannot be made or written, or is something else than a folder.
    """
    missing = _missing(folder)
    try:
        for step in reversed(missing):
            step.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be made: {error.strerror}.", OTHER_HOME) from None
    _check_folder(folder)


def examine_folder(folder: Path) -> bool:
    """Whether a folder is there. One that is not would be made by `ensure_folder`; this makes nothing.

    Raises:
        UsageError: it could not be made or written, or is something else than a folder.
    """
    missing = _missing(folder)
    if not missing:
        _check_folder(folder)
        return True
    above = missing[-1].parent
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"The folder {folder} cannot be made: {above} cannot be written.", OTHER_HOME)
    return False


def _missing(folder: Path) -> list[Path]:
    """What of a folder and those above it is not there, the deepest first."""
    missing = []
    for step in (folder, *folder.parents):
        if os.path.lexists(step):
            break
        missing.append(step)
    return missing


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"{folder} has to be a folder, and is something else.", OTHER_HOME)
    # Asks the system instead of comparing modes, so that a disk mounted read-only is found as well.
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"The folder {folder} cannot be written.", OTHER_HOME)


def node_folder(explicit: Path | None, cwd: Path, paths: Paths) -> Path:
    """The folder of the node library.

    Args:
        explicit: the folder given by --nodes or the config, or None; relative to `cwd`.
        cwd: the working folder; its `nodes` folder is taken where there is one.
        paths: the program's folders; `nodes` in the data folder is the last resort.

    Raises:
        UsageError: `explicit` lies where packages are installed: an upgrade would delete the nodes.
    """
    if explicit is not None:
        folder = absolute(explicit, cwd)
        if _among_packages(folder):
            raise UsageError(
                f"The node folder {folder} lies among installed packages, where an upgrade deletes it.",
                "Name another folder with --nodes DIR.",
            )
        return folder
    beside = absolute(Path("nodes"), cwd)
    if beside.is_dir() and not _among_packages(beside):
        return beside
    return paths.data / "nodes"


def _among_packages(folder: Path) -> bool:
    real = Path(os.path.realpath(folder))
    own = Path(__file__).resolve().parents[1]
    return not {"site-packages", "dist-packages"}.isdisjoint(real.parts) or real.is_relative_to(own)
