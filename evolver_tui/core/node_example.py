"""What an approved node was seen to do: inputs with their outputs, which whatever comes later is held against.

An example is kept of each run that gave an output. A tool's answer is kept beside it where the whole exchange was; a
longer one was cut in the run, and an answer that nobody gave would be worse than none. Where an answer is missing the
tool answers dry, which is what it did in a run that was not live. So a dry run can be run again without one, and a
live run of which an answer is missing is no example.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from evolver_tui.core.errors import NodeError
from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.core.node_run import MOST_EXCHANGED, NodeRun, ToolExchange
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.shape import DEEPEST, Shape, is_deeper, is_object, is_text, misfit

LARGEST_EXAMPLE: Final = 1 << 18
"""Bytes of an example's file."""
SUFFIX: Final = ".json"
_SHAPE: Final[dict[str, Shape]] = {
    "input": is_object,
    "output": is_object,
    "tools": [{"tool": is_text, "prompt": is_text, "arguments": is_object, "answer": is_text}],
}
_WAY_OUT: Final = "Mend or remove it."


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a tool answered to a call."""

    tool: str
    prompt: str
    arguments: Mapping[str, Any]
    """The values beside the prompt."""
    answer: str

    def to_json_value(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {"tool": self.tool, "prompt": self.prompt, "arguments": dict(self.arguments), "answer": self.answer}


@dataclass(frozen=True, slots=True)
class NodeExample:
    """An input, what the node made of it, and what its tools answered on the way."""

    name: str
    """What its file is called, without the suffix: `1-sample-1`."""
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    answers: tuple[KeptAnswer, ...] = ()

    def to_json_value(self) -> dict[str, Any]:
        """The example as JSON, without its name."""
        tools = [answer.to_json_value() for answer in self.answers]
        return {"input": dict(self.input), "output": dict(self.output), "tools": tools}

    @classmethod
    def from_json_value(cls, name: str, value: Mapping[str, Any]) -> NodeExample:
        """The inverse of `to_json_value`. Raises KeyError, TypeError."""
        return cls(name, value["input"], value["output"], tuple(KeptAnswer(**answer) for answer in value["tools"]))

    @classmethod
    def from_file(cls, name: str, content: bytes) -> NodeExample:
        """Read the file of an example. Raises NodeError: it is none."""
        shown = ascii(name)
        try:
            value = strict_json(content.decode("utf-8"))
        except RecursionError:
            raise NodeError(f"{shown} is nested too deeply to be an example.", _WAY_OUT) from None
        except Equivocal as error:
            raise NodeError(f"{shown} {error}.", _WAY_OUT) from None
        except ValueError as error:
            raise NodeError(f"{shown} is no JSON, so no example: {safe_text(error, 200)}.", _WAY_OUT) from None
        if is_deeper(value, DEEPEST):
            raise NodeError(f"{shown} is nested too deeply to be an example.", _WAY_OUT)
        problem = misfit(value, _SHAPE, "")
        if problem or not isinstance(value, dict):
            raise NodeError(f"{shown} is no example: its {problem or 'object'} is missing or wrong.", _WAY_OUT)
        try:
            return cls.from_json_value(name.removesuffix(SUFFIX), value)
        except TypeError:
            raise NodeError(f"{shown} is no example: a tool's answer has more than belongs there.", _WAY_OUT) from None


@dataclass(frozen=True, slots=True)
class KeptExamples:
    """The examples of one version of a node."""

    version: int
    """0 where there is no such node."""
    examples: tuple[NodeExample, ...] = ()
    problems: tuple[str, ...] = ()
    """A sentence for each file that is left out."""


def examples_of(runs: Iterable[NodeRun]) -> Iterator[NodeExample]:
    """An example of each run that can be one, named by its place among them all."""
    for number, run in enumerate(runs, 1):
        answers = tuple(answer for call in run.tool_calls if (answer := _kept(call)) is not None)
        if run.output is not None and (not run.is_live or len(answers) == run.tool_call_count):
            slug = re.sub(r"[^a-z0-9]+", "-", run.name.lower())[:60].strip("-")
            yield NodeExample(f"{number}-{slug}", run.input, run.output, answers)


def _kept(call: ToolExchange) -> KeptAnswer | None:
    """A call's answer, where nothing of it was cut; one that failed fails again by itself, or was live."""
    if call.error or any(len(text) > MOST_EXCHANGED for text in (call.prompt, call.arguments, call.answer)):
        return None
    try:
        arguments = strict_json(call.arguments) if call.arguments else {}
    except (ValueError, RecursionError):
        return None
    return KeptAnswer(call.tool, call.prompt, arguments, call.answer) if isinstance(arguments, dict) else None


# --- what differs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """A place in which two outputs differ. Its texts are short and safe to draw."""

    path: str
    """Such as `items[2].title`; empty for the whole output."""
    expected: str
    output: str

    def __str__(self) -> str:
        return f"{self.path or 'the output'}: {self.expected} → {self.output}"


def differences(expected: object, output: object, most: int = 10) -> Sequence[Difference]:
    """Where two JSON values differ: the first places in their order."""
    return list(islice(_differences(expected, output, ""), most))


_ABSENT: Final = object()


def _differences(expected: object, output: object, path: str) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(output, Mapping):
        for name in dict.fromkeys((*expected, *output)):
            inner = f"{path}.{name}" if re.fullmatch(r"\w+", name) else f"{path}[{json.dumps(name)}]"
            yield from _differences(expected.get(name, _ABSENT), output.get(name, _ABSENT), inner.lstrip("."))
    elif isinstance(expected, list) and isinstance(output, list):
        for index in range(max(len(expected), len(output))):
            before, after = (each[index] if index < len(each) else _ABSENT for each in (expected, output))
            yield from _differences(before, after, f"{path}[{index}]")
    elif type(expected) is not type(output) or expected != output:
        yield Difference(safe_text(path, 200), _shown(expected), _shown(output))


def _shown(value: object) -> str:
    return "nothing" if value is _ABSENT else safe_text(json.dumps(value, ensure_ascii=False), 80)
