"""What came of running a node: the evidence that a reviewer looks at, cut to what a person can read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, NamedTuple

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.shape import Shape, integer, is_anything, is_deeper, is_number, is_object, is_text, or_null

MOST_OUTPUT: Final = 20_000
"""Characters of stdout that are kept, and of stderr."""
DEEPEST_OUTPUT: Final = 100
"""Levels of nesting of an input or output: what is deeper could not be kept, and carried elsewhere, for certain."""
MOST_EXCHANGED: Final = 4_000
"""Characters of a tool call's prompt that are kept, of its arguments and of its answer."""
MOST_CALLS: Final = 20
"""Tool calls that are kept of a run; more are counted."""


@dataclass(frozen=True, slots=True)
class ToolExchange:
    """One tool call of a run, and what came back."""

    tool: str
    prompt: str
    arguments: str
    """The values beside the prompt, as JSON; empty for none."""
    answer: str
    error: str
    """Why there is no answer; empty where there is one."""
    seconds: float


@dataclass(frozen=True, slots=True)
class NodeRun:
    """One run of a node's code on one input."""

    name: str
    """Which input it is, in a word or two: `sample 1`, `empty`, `fields missing`, `v2 example 1`, `by hand`."""
    input: Mapping[str, Any]
    stdout: str
    stderr: str
    output: Mapping[str, Any] | None
    """The one JSON object on stdout; None when the run failed."""
    error: str
    """Why it failed, as a sentence; empty when it did not."""
    exit_code: int
    """Negative for the signal that ended it."""
    seconds: float
    cpu_seconds: float
    memory_mb: float
    tier: str
    """How it was held: `full`, `guard` or `none`."""
    limit: str = ""
    """The limit that it met, by the name that the config has for it; empty for none."""
    tool_calls: tuple[ToolExchange, ...] = ()
    tool_call_count: int = 0
    is_live: bool = False
    """Whether tools answered as in earnest; where not, they answered dry, and no model was asked."""
    expected: Mapping[str, Any] | None = None
    """What the version that it would replace gave for this input; None where nobody knows."""

    @property
    def succeeded(self) -> bool:
        """Whether it ended well and wrote exactly one JSON object."""
        return self.output is not None

    @property
    def is_changed(self) -> bool:
        """Whether it gave another output than the version that it would replace; one that failed gave none."""
        return self.succeeded and self.expected is not None and _canonical(self.output) != _canonical(self.expected)

    def to_json_value(self) -> dict[str, Any]:
        """The run as JSON."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**values, "tool_calls": [asdict(call) for call in self.tool_calls]}

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> NodeRun:
        """The inverse of `to_json_value`. Raises KeyError, TypeError."""
        return cls(**{**value, "tool_calls": tuple(ToolExchange(**call) for call in value["tool_calls"])})


def told_calls(runs: Sequence[NodeRun]) -> list[Mapping[str, Any]]:
    """The tool calls of some runs as signals tell of them: without what was asked and answered."""
    calls = (call for run in runs for call in run.tool_calls)
    return [
        {"tool": call.tool, "seconds": round(call.seconds, 6)} | ({"error": call.error} if call.error else {})
        for call in calls
    ]


@dataclass(frozen=True, slots=True)
class Tryout:
    """What came of trying a draft, before a person judges it."""

    runs: tuple[NodeRun, ...]
    problem: str = ""
    """Why it was not run, or not to the end, as a sentence; empty where it was."""
    repairs: int = 0
    """How many drafts before this one failed their try and went back to the author."""

    @property
    def failed(self) -> tuple[NodeRun, ...]:
        """The runs that gave no output."""
        return tuple(run for run in self.runs if not run.succeeded)

    @property
    def changed(self) -> tuple[NodeRun, ...]:
        """The runs that gave another output than the version that it would replace."""
        return tuple(run for run in self.runs if run.is_changed)

    @property
    def tier(self) -> str:
        """How the runs were held; empty where nothing ran."""
        return self.runs[0].tier if self.runs else ""

    def to_json_value(self) -> dict[str, Any]:
        """The tryout as JSON."""
        return {"runs": [run.to_json_value() for run in self.runs], "problem": self.problem, "repairs": self.repairs}

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Tryout:
        """The inverse of `to_json_value`. Raises KeyError, TypeError."""
        return cls(tuple(map(NodeRun.from_json_value, value["runs"])), value["problem"], value["repairs"])


def cut(text: str, most: int) -> str:
    """`text`, or its beginning and a word on how much is left out, which is more than `most` together."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def _canonical(value: object) -> str:
    """Text in which equal JSON values are equal; in Python, 1 and true are as well."""
    return json.dumps(value, sort_keys=True)


# --- in a line -------------------------------------------------------------------------------------------------------


class TryoutParts(NamedTuple):
    """What came of a try in its parts, each safe to draw, and empty where there is nothing to be said."""

    ran: str
    failure: str
    """The end of a failed run's own words, and which input it was."""
    changed: str
    tries: str
    called: str
    took: str
    """Of all runs together."""
    memory: str
    """The most that one of them had."""
    box: str
    problem: str


def tryout_parts(tryout: Tryout) -> TryoutParts:
    """The parts, of a try with runs."""
    runs, failed = tryout.runs, tryout.failed
    failure = ""
    if failed:
        words = re.sub(r"^It ended with exit code \d+: ", "", failed[0].error)
        failure = f"{safe_text(words, 120)} on {safe_text(failed[0].name, 40)}"
    calls, tries = sum(run.tool_call_count for run in runs), _counted(tryout.repairs, "failed try", "failed tries")
    return TryoutParts(
        ran=f"ran {len(runs) - len(failed)} of {_counted(len(runs), 'input')}",
        failure=failure,
        changed=_counted(len(tryout.changed), "output") + " changed" if tryout.changed else "",
        tries=("after " if failed else "mended after ") + tries if tryout.repairs else "",
        called=_counted(calls, "tool call") if calls else "",
        took=f"{sum(run.seconds for run in runs):.1f} s",
        memory=f"{max(run.memory_mb for run in runs):.0f} MB",
        box=f"box {safe_text(tryout.tier, 20)}" if tryout.tier != "none" else "no box",
        problem=safe_text(tryout.problem, 300),
    )


def tryout_line(tryout: Tryout) -> str:
    """What came of a try as a line that is safe to draw: `ran 3 of 3 inputs · 2 tool calls · 0.2 s · 31 MB · box full`.

    A run that failed is named with the end of its own words; seconds are of all runs together, memory is the most that
    one of them had.
    """
    if not tryout.runs:
        return f"not run: {safe_text(tryout.problem, 300)}" if tryout.problem else "not run"
    ran, failure, *rest = tryout_parts(tryout)
    return " · ".join(part for part in (f"{ran}: {failure}" if failure else ran, *rest) if part)


def _counted(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


# --- inputs ----------------------------------------------------------------------------------------------------------

MOST_SAMPLES: Final = 3
"""Inputs that a model may propose for its draft."""
_LARGEST_SAMPLE: Final = 20_000
"""Characters of one as JSON."""


def sample_inputs_in(value: object) -> tuple[Mapping[str, Any], ...]:
    """What of a model's proposal can be an input: its first three JSON objects of a fair size."""
    found = value if isinstance(value, list) else []
    return tuple(each for each in found if isinstance(each, dict) and each and _is_fair(each))[:MOST_SAMPLES]


def _is_fair(value: Mapping[str, Any]) -> bool:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return len(text) <= _LARGEST_SAMPLE and not is_deeper(value, DEEPEST_OUTPUT)


def inputs_to_try(samples: Sequence[Mapping[str, Any]], task: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The inputs that a draft is tried with, each with its name.

    Args:
        samples: what the model proposed; where it proposed nothing the task itself is the sample.
        task: as its sender wrote it.
    """
    samples = samples or [_of_task(task)]
    named = [(f"sample {number}", sample) for number, sample in enumerate(samples, 1)]
    fuller = max(samples, key=len)
    without = {key: value for key, value in fuller.items() if key != _weightiest(fuller)}
    return [*named, ("fields missing", without), ("empty", {})] if without else [*named, ("empty", {})]


def _of_task(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """A task as an input, with a text under each name by which nodes look for one."""
    text = str(task.get("content") or task.get("text") or task.get("taskName") or "A short text.")
    texts = dict.fromkeys(("content", "text", "prompt", "description"), text)
    return {**texts, **{key: value for key, value in task.items() if _is_fair({key: value})}}


def _weightiest(value: Mapping[str, Any]) -> str:
    return max(value, key=lambda key: len(json.dumps(value[key])), default="")


# --- what it looks like from elsewhere -------------------------------------------------------------------------------

_EXCHANGE: Final[dict[str, Shape]] = {
    "tool": is_text, "prompt": is_text, "arguments": is_text, "answer": is_text, "error": is_text, "seconds": is_number,
}  # fmt: skip
_RUN: Final[dict[str, Shape]] = {
    "name": is_text,
    "input": is_object,
    "stdout": is_text,
    "stderr": is_text,
    "output": or_null(is_object),
    "error": is_text,
    "exit_code": integer(-1000, 1000),
    "seconds": is_number,
    "cpu_seconds": is_number,
    "memory_mb": is_number,
    "tier": is_text,
    "limit": is_text,
    "tool_calls": [_EXCHANGE],
    "tool_call_count": integer(0, 2**31 - 1),
    "is_live": is_anything,
    "expected": or_null(is_object),
}
TRYOUT_SHAPE: Final[dict[str, Shape]] = {"runs": [_RUN], "problem": is_text, "repairs": integer(0, 2**31 - 1)}
"""What `Tryout.to_json_value` gives."""
