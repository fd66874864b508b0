"""The doctor's look at what is here whatever the config says: Python, packages, terminal, colours, locale."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Final

from evolver_tui import __version__
from evolver_tui.cli.doctor.diagnosis import Diagnosis, State
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.stand_ins import can_carry

_PARTS_OF_PYTHON: Final = ("_sqlite3", "_ssl", "_ctypes", "zlib")
"""What some builds of Python lack, since the library was not there when they were made."""
_USUAL_SIZE: Final = (80, 24)
EXTRAS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "keyring": ("Secrets may lie in the system's keyring", ("keyring",)),
    "postgres": ("The database may be PostgreSQL", ("psycopg",)),
    "cloud": ("Jobs move by a storage such as s3://", ("fsspec", "s3fs")),
    "langgraph": ("Routines may be LangGraph graphs", ("langgraph",)),
    "notify": ("Listeners may send messages by Apprise", ("apprise",)),
    "otel": (
        "Listeners may tell an OpenTelemetry collector",
        ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "requests"),
    ),
    "rules": ("Rules may compare and reckon", ("cel-expr-python",)),
    "nats": ("Chats may come over NATS and Redis", ("nats-py", "redis")),
    "server": ("The gateway of chats and the progress server may listen", ("starlette", "uvicorn", "python-socketio")),
    "web": ("The console may be used in a browser", ("textual-serve", "starlette", "uvicorn")),
    "watch": ("A progress server may be watched by WebSocket", ("python-socketio", "aiohttp")),
    "tensorboard": ("TensorBoard's event files may be watched", ("tensorboard",)),
    "train": ("A language model may be trained on approved nodes", ("torch",)),
}
"""Each optional extra: what it is good for, and the packages that it brings."""


def python() -> Iterator[Diagnosis]:
    """The program, and the Python that runs it."""
    system = os.uname()
    yield Diagnosis(
        "program", State.OK, f"evolver-tui {__version__} on {system.sysname} {system.release} ({system.machine})."
    )
    version = f"Python {sys.version.partition(' ')[0]}, {sys.executable or 'of an unknown place'}"
    missing = [part for part in _PARTS_OF_PYTHON if find_spec(part) is None]
    if missing:
        names = ", ".join(part.lstrip("_") for part in missing)
        yield Diagnosis(
            "python",
            State.BROKEN,
            f"{version}, was built without {names}.",
            "Use another Python, or build it with their libraries.",
        )
    else:
        yield Diagnosis("python", State.OK, f"{version}.")


def packages() -> Iterator[Diagnosis]:
    """The packages that the program was made for, and the optional extras."""
    from importlib.metadata import PackageNotFoundError, requires, version

    def found(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return ""

    try:
        needed = [line for line in requires("evolver-tui") or () if "extra ==" not in line]
    except PackageNotFoundError:
        yield Diagnosis("packages", State.NOTE, "evolver-tui itself is not installed.", "Install it: pip install -e .")
        needed = []
    yield from _needed({line: found(_name_of(line)) for line in needed})
    for extra, (use, names) in EXTRAS.items():
        versions = [f"{name} {found(name)}" for name in names if found(name)]
        if len(versions) == len(names):
            yield Diagnosis(f"[{extra}]", State.OK, f"{use}: {', '.join(versions)}.")
        else:
            yield Diagnosis(f"[{extra}]", State.OFF, f"{use} with this extra.", f"pip install 'evolver-tui[{extra}]'")


def lacks_extra(extra: str) -> bool:
    """Whether a package of an optional extra is not there."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return not all(version(name) for name in EXTRAS[extra][1])
    except PackageNotFoundError:
        return True


def _name_of(requirement: str) -> str:
    """The package in front of a requirement's extras and versions."""
    return "".join(
        character if character.isalnum() or character in "-_." else " " for character in requirement
    ).split()[0]


def _needed(found: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Args: found: each requirement to the version that is there, empty for none."""
    missing = [_name_of(line) for line, version in found.items() if not version]
    others = [
        (line, version)
        for line, version in found.items()
        if version and "==" in line and line.partition("==")[2] != version
    ]
    if missing:
        message = f"Missing: {', '.join(missing)}."
        yield Diagnosis("packages", State.BROKEN, message, f"pip install {' '.join(missing)}")
    for line, version in others:
        name, _, wanted = line.partition("==")
        message = f"{name} is {version}; this program was made for {wanted} and may break."
        yield Diagnosis("packages", State.NOTE, message, f"pip install '{line}'")
    if found and not missing and not others:
        yield Diagnosis(
            "packages", State.OK, ", ".join(f"{_name_of(line)} {version}" for line, version in found.items()) + "."
        )


def terminal(environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Whether the console could be drawn here, and how."""
    name = safe_text(environ.get("TERM", ""), 60)
    inside = [
        words
        for variable, words in (("TMUX", "in tmux"), ("STY", "in screen"), ("SSH_CONNECTION", "over ssh"))
        if environ.get(variable)
    ]
    where = " ".join(["", *inside])
    size = _size()
    if size is None:
        yield Diagnosis(
            "terminal", State.NOTE, "There is none here, and the console needs one.",
            "Open one, or work without: evolver-tui connect, worker, jobs.",
        )  # fmt: skip
    elif name in ("", "dumb", "unknown"):
        said = f"TERM is {name}" if name else "TERM is not set"
        yield Diagnosis(
            "terminal",
            State.NOTE,
            f"{said}{where}: the console cannot know what it may draw.",
            "Set TERM to what your terminal is, e.g. xterm-256color.",
        )
    elif 0 in size:  # as some containers have it
        yield Diagnosis("terminal", State.OK, f"{name}{where}, which does not say its size.")
    elif size[0] < _USUAL_SIZE[0] or size[1] < _USUAL_SIZE[1]:
        yield Diagnosis(
            "terminal", State.NOTE, f"{name}{where}, {size[0]}x{size[1]}: much is cut off.", "Make it 80x24 or larger."
        )
    else:
        yield Diagnosis("terminal", State.OK, f"{name}{where}, {size[0]}x{size[1]}.")


def _size() -> tuple[int, int] | None:
    """Columns and rows of the terminal that any standard stream is on."""
    for descriptor in (1, 2, 0):
        try:
            columns, rows = os.get_terminal_size(descriptor)
            return columns, rows
        except OSError:
            continue
    return None


def colours(environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """How many colours the console would draw with: what Textual and Rich make of the environment."""
    if "NO_COLOR" in environ:
        yield Diagnosis("colours", State.OK, "None, as NO_COLOR asks.")
        return
    count = color_count(environ)
    if _size() is None and not environ.get("TERM"):
        yield Diagnosis("colours", State.OFF, "Not known without a terminal.")
    elif count >= 256:
        yield Diagnosis("colours", State.OK, f"{count:,}.")
    elif count:
        yield Diagnosis(
            "colours",
            State.NOTE,
            "16, as TERM says.",
            'Choose the theme "sixteen"; or, where the terminal has more, set COLORTERM=truecolor.',
        )
    else:
        yield Diagnosis(
            "colours",
            State.NOTE,
            "None: TERM names a terminal without any.",
            "Set TERM to what your terminal is, e.g. xterm-256color.",
        )


def color_count(environ: Mapping[str, str]) -> int:
    """The number of colours by COLORTERM and TERM; 0 for none."""
    term = environ.get("TERM", "").strip().lower()
    if term in ("dumb", "unknown"):
        return 0
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return 16_777_216
    return 256 if term.rpartition("-")[2] in ("256color", "kitty") else 16


def locale(environ: Mapping[str, str], encoding: str) -> Iterator[Diagnosis]:
    """Whether the signs of the console can be written in the locale's encoding."""
    from evolver_tui.tui.drawing.symbols import SIGNS

    names = [f"{name}={safe_text(environ[name], 60)}" for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)]
    said = f"{encoding} ({', '.join(names) or 'no locale is set'})"
    if can_carry(encoding, SIGNS):
        yield Diagnosis("locale", State.OK, f"{said}.")
    else:
        yield Diagnosis(
            "locale", State.NOTE, f"{said}: borders and signs are plain.", "Choose a UTF-8 locale, e.g. LC_ALL=C.UTF-8."
        )
