"""What is remembered from one start to the next. Losing it costs a few key strokes, so nothing here stops a start."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreError, UsageError
from evolver_tui.settings.paths import ensure_folder
from evolver_tui.settings.regular_file import open_regular

_LARGEST = 64 * 1024
_LONGEST_VALUE = 2000


class RememberedState(NamedTuple):
    """The choices of the last time. An empty text means none."""

    hub_url: Address = Address()
    """The last hub. What was secret in it was not kept: then it is not whole."""
    theme: str = ""


def load_state(path: Path) -> RememberedState:
    """What the file remembers; a missing, torn or foreign file, or a value of another kind, counts as nothing."""
    try:
        with open_regular(path) as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            return RememberedState()
        import json

        found = json.loads(content)
    except (OSError, ValueError, RecursionError):
        return RememberedState()
    if not isinstance(found, dict):
        return RememberedState()
    return RememberedState(hub_url=Address(_text(found.get("hub_url"))), theme=_text(found.get("theme")))


def _text(value: object) -> str:
    fits = isinstance(value, str) and len(value) <= _LONGEST_VALUE and value.isprintable()
    return str(value) if fits else ""


def save_state(path: Path, state: RememberedState) -> None:
    """Write the file at once and whole, readable by its owner alone. Of the hub's address it keeps what is shown.

    Raises:
        StoreError: it cannot be written; what was remembered before is still there.
    """
    import json

    from evolver_tui.settings.private_file import write_private

    kept = {"hub_url": str(state.hub_url), "theme": state.theme}
    way_out = "The choice holds for this start only."
    try:
        ensure_folder(path.parent)
        write_private(path, (json.dumps(kept, indent=2) + "\n").encode())
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.", way_out) from None
    except UsageError as error:
        raise StoreError(error.message, way_out) from None
