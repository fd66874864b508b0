"""A run's config and summary: values by name, as wandb has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evolver_tui.track.values import as_mapping


class Names(dict[str, Any]):
    """A dict whose values are attributes as well, as the config of wandb is."""

    __slots__ = ("_changed",)

    def __init__(self, values: Mapping[str, Any], changed: Callable[[], None] = lambda: None) -> None:
        super().__init__(values)
        object.__setattr__(self, "_changed", changed)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} here") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        object.__getattribute__(self, "_changed")()

    def update(self, *values: Any, allow_val_change: bool = True, **named: Any) -> None:
        """As of a dict."""
        try:
            given = dict(*values)
        except (TypeError, ValueError):  # what an argument parser found
            given = as_mapping(*values)
        for name, value in {**given, **named}.items():
            self[name] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Names, (dict(self),)
