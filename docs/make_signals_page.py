"""Write the tables of docs/signals.md from the catalogue and the config: `python docs/make_signals_page.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE
from evolver_tui.settings.listener_config import KINDS, ListenerConfig
from evolver_tui.settings.values import toml

PAGE: Final = Path(__file__).parent / "signals.md"
_END: Final = "<!-- end -->\n"
_JSON_WORDS: Final[Mapping[Any, str]] = {
    str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null", Any: "any JSON",
}  # fmt: skip


def page(text: str) -> str:
    """The page with its tables as catalogue and config have them."""
    text = _filled(text, "catalogue", _table())
    for name, kind in KINDS.items():
        text = _filled(text, f"listener {name}", _keys(kind))
    return text


def _filled(text: str, place: str, lines: Iterator[str]) -> str:
    begin = f"<!-- {place} -->\n"
    before, found, rest = text.partition(begin)
    assert found, f"{PAGE} has no place for {place}"
    _, _, after = rest.partition(_END)
    return before + begin + "\n".join(lines) + "\n" + _END + after


def _keys(kind: type[ListenerConfig]) -> Iterator[str]:
    yield "| Key | Default | What it is |"
    yield "| --- | --- | --- |"
    for key in fields(kind):
        default = toml(key.default)
        yield f"| `{key.name}` | {f'`{default}`' if default != toml('') else ''} | {key.metadata['doc']} |"


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
