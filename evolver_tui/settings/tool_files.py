"""A person's own tools: one TOML file each in the config folder's `tools`.

    description = "Says a text in the words of a pirate."
    prompt_template = "Say this as a pirate would: {prompt}"
    system_prompt = "Answer with the text alone."
    temperature = 0.8
    max_tokens = 500

In the template a placeholder stands for JSON: `Say this as a pirate would: "Good day.\\n"`. It may have quotes around
it. `{prompt}` has to be there; others are filled with what a call brings by these names. Without `temperature` and
`max_tokens` those of the config are used.

The file's name is the tool's name. `kind` is "llm" where it is left out; a "node" or "http" tool has a `target`
instead of prompts: a node id, or the URL that {"prompt": ...} is posted to.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError, NodeError
from evolver_tui.core.node import check_node_id
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.core.tool import ToolDefinition

Number = TypeVar("Number", int, float)

SIZE_LIMIT = 256 * 1024
"""Bytes of a tool file."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KINDS = ("llm", "node", "http")
_TEXTS = ("name", "kind", "description", "prompt_template", "system_prompt", "target")
_KEYS = (*_TEXTS, "temperature", "max_tokens")
_LLM_ONLY = ("prompt_template", "system_prompt", "temperature", "max_tokens")


@dataclass(frozen=True, slots=True)
class ToolFolder:
    """The tools that are there, and what is wrong with the files that are not."""

    tools: Mapping[str, ToolDefinition]
    """By name: the built-in ones, and a person's own, which win."""
    problems: tuple[ConfigError, ...] = ()


def load_tools(folder: Path, built_in: Iterable[ToolDefinition]) -> ToolFolder:
    """The built-in tools and those of `folder`. A file that cannot be used becomes a problem and leaves the rest."""
    tools = {tool.name: tool for tool in built_in}
    problems: list[ConfigError] = []
    taken: dict[str, Path] = {}
    try:
        files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    except OSError as error:
        files = []
        problems.append(_problem(folder, f"the folder cannot be read ({error.strerror})", "Allow reading it."))
    for file in files:
        try:
            tool = read_tool(file)
        except ConfigError as error:
            problems.append(error)
            continue
        if tool.name in taken:
            problems.append(_problem(file, f"the name {tool.name} is taken by {taken[tool.name].name}", "Rename one."))
            continue
        taken[tool.name] = file
        tools[tool.name] = tool
    return ToolFolder(tools, tuple(problems))


def read_tool(file: Path) -> ToolDefinition:
    """Read one tool file.

    Raises:
        ConfigError: it cannot be read or used; names the file, the key and the nearest known key.
    """
    values = _values(file)
    for key in values:
        if key not in _KEYS:
            raise _problem(file, f"the key {safe_text(key, 60)!r} is unknown", did_you_mean(key, _KEYS, "keys"))
    for key in _TEXTS:
        if not isinstance(values.get(key, ""), str):
            raise _problem(file, f"{key} has to be a text", f'Write {key} = "...".')
    name = values.get("name", file.stem)
    if not _NAME.fullmatch(name):
        raise _problem(file, "its name is no tool's name", "Use a to z, 0 to 9 and _, starting with a letter.")
    kind = values.get("kind", "llm")
    if kind not in _KINDS:
        raise _problem(file, f"kind = {safe_text(kind, 60)!r} is unknown", did_you_mean(kind, _KINDS, "kinds"))
    if not values.get("description", "").strip():
        raise _problem(file, "description is missing", "Say in one line what the tool does: the author reads it.")
    _check_kind(file, kind, values)
    return ToolDefinition(
        name=name,
        kind=cast(Literal["llm", "node", "http"], kind),
        description=values["description"].strip(),
        prompt_template=values.get("prompt_template", "{prompt}"),
        system_prompt=values.get("system_prompt", ""),
        temperature=_number(file, values, "temperature", float, 2),
        max_tokens=_number(file, values, "max_tokens", int, 1_000_000),
        target=values.get("target", "") if kind == "node" else "",
        address=Address(values.get("target", "") if kind == "http" else ""),
    )


def _check_kind(file: Path, kind: str, values: Mapping[str, Any]) -> None:
    if kind == "llm":
        if "target" in values:
            raise _problem(file, "target belongs to node and http tools", "Remove it, or set kind.")
        if "{prompt}" not in values.get("prompt_template", "{prompt}"):
            raise _problem(file, "prompt_template does not hold {prompt}", "Put {prompt} where the text belongs.")
        return
    for key in _LLM_ONLY:
        if key in values:
            raise _problem(file, f"{key} belongs to llm tools", "Remove it.")
    target = values.get("target", "")
    if kind == "node":
        try:
            check_node_id(target)
        except NodeError:
            raise _problem(file, "target is no node's id", "Name a node of the library.") from None
    elif not _is_web_address(target):
        raise _problem(file, "target has to be a web address without a secret in it", 'Write target = "https://...".')


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket without its pair
        return False
    has_at = "@" in parts.netloc or Address(text).is_ambiguous
    return fits and text.isascii() and text.isprintable() and " " not in text and not has_at


def _values(file: Path) -> dict[str, Any]:
    try:
        if not file.is_file():  # a pipe would block
            raise _problem(file, "it is no regular file", "Put a TOML file there.")
        with file.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
        if len(content) > SIZE_LIMIT:
            raise _problem(file, f"it is larger than {SIZE_LIMIT // 1024} KiB", "Shorten it.")
        return tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise _problem(file, f"it cannot be read ({error.strerror})", "Allow reading it.") from None
    except UnicodeDecodeError:
        raise _problem(file, "it is no UTF-8 text", "Save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise _problem(file, f"it is no TOML: {safe_text(error, 120)}", "Mend that line.") from None


def _number(file: Path, values: Mapping[str, Any], key: str, kind: type[Number], high: Number) -> Number | None:
    """A number of the file; None where it says nothing, which leaves it to the config."""
    value = values.get(key)
    if value is None:
        return None
    is_whole = kind is int
    low = 1 if is_whole else 0
    fits = isinstance(value, int if is_whole else (int, float)) and not isinstance(value, bool) and low <= value <= high
    if not fits:
        what = "a whole number" if is_whole else "a number"
        raise _problem(file, f"{key} has to be {what} from {low} to {high:,}", "Without it the config's is used.")
    return kind(value)


def _problem(file: Path, what: str, way_out: str) -> ConfigError:
    return ConfigError(f"Tool file {safe_text(file)}: {what}.", way_out)
