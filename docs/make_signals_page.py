"""Write the table of docs/signals.md from the catalogue: `python docs/make_signals_page.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE

PAGE: Final = Path(__file__).parent / "signals.md"
_BEGIN: Final = "<!-- catalogue -->\n"
_END: Final = "<!-- end -->"
_JSON_WORDS: Final[Mapping[Any, str]] = {
    str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null", Any: "any JSON",
}  # fmt: skip


def page(text: str) -> str:
    """The page with its table as the catalogue has it."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + "\n".join(_table()) + "\n" + _END + after


def _table() -> Iterator[str]:
    yield "| Signal | Level | By | When | Payload |"
    yield "| --- | --- | --- | --- | --- |"
    for each in CATALOGUE.values():
        payload = _payload(each.payload)
        yield f"| `{each.name}` | {each.level or 'info'} | {each.emitter} | {each.tells} | {payload} |"


def _payload(kind: type[Any]) -> str:
    """Each field and what JSON it is, then what it means."""
    fields = [
        f"`{name}{'' if name in kind.__required_keys__ else '?'}` {_in_words(each)}"
        for name, each in get_type_hints(kind).items()
    ]
    return f"{', '.join(fields)}. {' '.join(str(inspect.getdoc(kind)).split())}" if fields else ""


def _in_words(kind: Any) -> str:
    if get_origin(kind) is UnionType:
        return " or ".join(map(_in_words, get_args(kind)))
    if get_origin(kind) is list:
        return f"list of {_in_words(get_args(kind)[0])}s"
    if get_origin(kind) is Mapping:
        return "object"
    return _JSON_WORDS[kind]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
