"""How a section of the config declares what can be set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from typing import Any, ClassVar, NoReturn, TypeVar, dataclass_transform

from evolver_tui.settings.values import Check

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Section:
    """What can be set together, and is set. Nothing of it changes.

    It is a frozen dataclass whose methods are the same ones in each: every start of the program would wait for those
    that a dataclass has made for itself.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls) -> None:
        dataclass(init=False, repr=False, eq=False)(cls)

    def __init__(self, **values: Any) -> None:
        for each in fields(self):
            if each.name in values:
                value = values.pop(each.name)
            else:
                value = each.default if each.default_factory is MISSING else each.default_factory()
            object.__setattr__(self, each.name, value)
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        return other.__class__ is self.__class__ and tuple(self._values()) == tuple(other._values())

    def __hash__(self) -> int:
        return hash(tuple(self._values()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
        return f"{type(self).__name__}({shown})"

    def _values(self) -> Iterator[Any]:
        return (getattr(self, each.name) for each in fields(self))


def setting(default: T, doc: str, check: Check | None = None) -> T:
    """A field of a section: its default, what it is for, and what holds beyond its type."""
    declared: T = field(default=default, metadata={"doc": doc, "check": check})
    return declared
