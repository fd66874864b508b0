"""A routine's shared data and log (spec 001): changed by the routine, committed with its next step or question."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from evolver_tui.core.errors import RoutineError
from evolver_tui.core.routine_state import SharedState
from evolver_tui.core.times import utc_text


class SharedData(MutableMapping[str, Any]):
    """A mapping of JSON values. While the journal is read again, changes are left out: they were made before.

    What is set is a copy, as JSON makes it. Setting what is no JSON raises RoutineError.
    """

    def __init__(self, committed: Mapping[str, Any], may_change: Callable[[], bool]) -> None:
        self._values = dict(committed)
        self._may_change = may_change
        self.is_changed = False

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise RoutineError(f"The shared data's key {key!a} is no text.", "Name values by text.")
        value = _as_json(value, f"The shared data's {key!a}")
        if self._may_change():
            self._values[key] = value
            self.is_changed = True

    def __delitem__(self, key: str) -> None:
        if self._may_change():
            del self._values[key]
            self.is_changed = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class SharedLog(Sequence[Mapping[str, Any]]):
    """Entries that are only ever added. While the journal is read again, additions are left out."""

    def __init__(
        self, committed: Sequence[Mapping[str, Any]], now: Callable[[], float], may_change: Callable[[], bool]
    ) -> None:
        self._entries = list(committed)
        self._now = now
        self._may_change = may_change
        self.is_changed = False

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add a JSON object; it gets a `timestamp` (ISO 8601, UTC) where it has none.

        Raises:
            RoutineError: it is no mapping of JSON values.
        """
        if not isinstance(entry, Mapping):
            raise RoutineError("An entry of the shared log has to be an object.", "Append a dict.")
        entry = _as_json(dict(entry), "An entry of the shared log")
        if self._may_change():
            self._entries.append({"timestamp": utc_text(self._now()), **entry})
            self.is_changed = True

    def __getitem__(self, index: Any) -> Any:
        return self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)


def _as_json(value: Any, what: str) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise RoutineError(f"{what} cannot be stored as JSON: {error}.", "Share JSON values only.") from None


def shared_state(data: SharedData, log: SharedLog) -> SharedState | None:
    """Both as they are to be committed; None where nothing changed since the job was taken up."""
    return SharedState(dict(data), tuple(log)) if data.is_changed or log.is_changed else None
