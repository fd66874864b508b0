"""What comes in the hour, and what a reviewer thinks of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tests.support.hour.drafts import long_program, nearly, program


class Wish(StrEnum):
    """What a reviewer wants done with a draft."""

    APPROVE = "approve"
    SEND_BACK = "send back"
    REJECT = "reject"
    CANCEL = "cancel"
    REUSE = "reuse"
    """Use a node of the library instead."""


@dataclass(frozen=True, slots=True)
class Scripted:
    """One task of the hour, with the drafts that the model writes for it."""

    task: Mapping[str, Any]
    node_id: str
    drafts: Sequence[str]
    """The first one, and the one that comes after that was sent back."""
    wish: Wish = Wish.APPROVE
    """What is to become of the first draft; the second is approved."""
    reason: str = ""
    """With which it is sent back."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What a person says to its question, by the field's label; empty where it asks nothing."""
    like: str = ""
    """The node of the library that the draft is nearly the same as."""

    @property
    def id(self) -> str:
        """The task's id."""
        return str(self.task["id"])


@dataclass(frozen=True, slots=True)
class Script:
    """All of it."""

    bursts: Sequence[Sequence[Scripted]]
    """What the hub sends at once; the next one once those before are decided, or nearly."""
    drops: frozenset[int]
    """The bursts in whose middle the connection is cut."""
    moves_after: int
    """The burst during which the console is killed, and another host goes on."""
    library: Mapping[str, str]
    """Nodes that are there before, by id."""

    @property
    def tasks(self) -> Sequence[Scripted]:
        """Every task, in the order of coming."""
        return [one for burst in self.bursts for one in burst]


_SUBJECTS: Final = (
    "Blog Post", "Support Tickets", "Release Notes", "Invoice Batch", "Meeting Minutes", "Product Page", "Press Review",
    "Onboarding Guide", "Incident Report", "Privacy Notice", "Customer Letter", "Weekly Newsletter",
)  # fmt: skip
_VERBS: Final = {"summarize": "Summarize", "generate": "Generate", "translate": "Translate"}
_LANGUAGES: Final = {"Languages": "de->en"}
_OTHERS: Final = {"Languages": "fr->en"}
_KIND: Final = {"Kind of task": "Summarize a text"}
_SIZES: Final = (1, 3, 1, 5, 2, 8, 1, 4, 1, 6)
"""Of bursts: sometimes one task comes onto an empty desk, and sometimes many at once."""
_HOUR: Final = 60
_MEDIUM: Final = {7: Wish.APPROVE, 23: Wish.REJECT, 46: Wish.APPROVE}
_HIGH: Final = {15: Wish.APPROVE, 34: Wish.SEND_BACK, 52: Wish.REJECT}
_SENT_BACK, _CANCELLED = 13, 41
_DUPLICATES: Final = (11, 26, 38, 55)
_ASKED_KIND: Final = (4, 5, 16, 17, 30, 48)
_ASKED_LANGUAGES: Final = (9, 21, 22, 36, 37, 58)
_OTHER_LANGUAGES: Final = 37
"""Asks the same as others, and is answered in another way."""
_DROPS: Final = (10, 25, 40, 50)
_MOVE: Final = 33
"""The tasks during whose bursts that happens."""
_LIBRARY: Final = range(62, 66)
"""Numbers of the programs that were saved before."""

_SHORT: Final = {"medium": 5, "high": 8, "sent back": 3, "cancelled": 11, "duplicate": 4, "kind": 6, "languages": 9}
"""Which task of a short hour is what."""


def hour() -> Script:
    """Sixty tasks."""
    tasks = {number: _scripted(number) for number in range(1, _HOUR + 1)}
    return _script(tasks, _DROPS, _MOVE)


def short_hour() -> Script:
    """A dozen tasks with one of each kind."""
    library = _library()
    (duplicate, node), code = (_SHORT["duplicate"], sorted(library)[0]), library[sorted(library)[0]]
    tasks = {number: _harmless(number) for number in range(1, 13)}
    tasks[_SHORT["medium"]] = _risky(_SHORT["medium"], Wish.APPROVE, runs_programs=False)
    tasks[_SHORT["high"]] = _risky(_SHORT["high"], Wish.APPROVE, runs_programs=True)
    tasks[_SHORT["sent back"]] = _harmless(_SHORT["sent back"], Wish.SEND_BACK)
    tasks[_SHORT["cancelled"]] = _harmless(_SHORT["cancelled"], Wish.CANCEL)
    tasks[duplicate] = _duplicate(duplicate, node, code)
    tasks[_SHORT["kind"]] = _asking(_SHORT["kind"], _KIND)
    tasks[_SHORT["languages"]] = _asking(_SHORT["languages"], _LANGUAGES)
    tasks[12] = _risky(12, Wish.REJECT, runs_programs=True)
    return _script(tasks, (2,), 7)


def _script(tasks: Mapping[int, Scripted], drops: Sequence[int], move: int) -> Script:
    bursts: list[Sequence[Scripted]] = []
    first, places = 1, {}
    while first <= len(tasks):
        last = min(first + _SIZES[len(bursts) % len(_SIZES)], len(tasks) + 1)
        places.update(dict.fromkeys(range(first, last), len(bursts)))
        bursts.append([tasks[number] for number in range(first, last)])
        first = last
    return Script(bursts, frozenset(places[number] for number in drops), places[move], _library())


def _library() -> Mapping[str, str]:
    return {f"saved_{number}": program(number, f"Saved node {number}") for number in _LIBRARY}


def _scripted(number: int) -> Scripted:
    if number in _MEDIUM:
        return _risky(number, _MEDIUM[number], runs_programs=False)
    if number in _HIGH:
        return _risky(number, _HIGH[number], runs_programs=True)
    if number in _DUPLICATES:
        node = f"saved_{_LIBRARY[_DUPLICATES.index(number)]}"
        return _duplicate(number, node, _library()[node])
    if number in _ASKED_KIND:
        return _asking(number, _KIND)
    if number in _ASKED_LANGUAGES:
        return _asking(number, _OTHERS if number == _OTHER_LANGUAGES else _LANGUAGES)
    wishes = {_SENT_BACK: Wish.SEND_BACK, _CANCELLED: Wish.CANCEL}
    return _harmless(number, wishes.get(number, Wish.APPROVE))


def _harmless(number: int, wish: Wish = Wish.APPROVE) -> Scripted:
    drafts = [program(number, _title(number))]
    if wish is Wish.SEND_BACK:
        drafts.append(drafts[0].replace("def main():\n", "def main() -> None:\n"))
    reason = "say what main returns" if wish is Wish.SEND_BACK else ""
    return Scripted(_task(number), _node(number), drafts, wish, reason)


def _risky(number: int, wish: Wish, *, runs_programs: bool) -> Scripted:
    drafts = [long_program(number, _title(number), runs_programs=runs_programs)]
    if wish is Wish.SEND_BACK:
        drafts.append(program(number, _title(number)))
    return Scripted(
        _task(number), _node(number), drafts, wish, "do without a program of the system" * (len(drafts) - 1)
    )


def _duplicate(number: int, node: str, code: str) -> Scripted:
    return Scripted(_task(number), _node(number), [nearly(code, _title(number))], like=node)


def _asking(number: int, answers: Mapping[str, str]) -> Scripted:
    task = {**_task(number), "llmTaskType": "translate"}
    if answers is _KIND:
        del task["llmTaskType"]
    return Scripted(task, _node(number), [program(number, _title(number))], answers=answers)


def _task(number: int) -> Mapping[str, Any]:
    kind = "generate" if number % 3 else "summarize"
    return {"id": f"hour-{number:02}", "taskName": _title(number), "llmTaskType": kind, "priority": "medium"}


def _title(number: int) -> str:
    verb = tuple(_VERBS.values())[number % 2]
    return f"{verb} {_SUBJECTS[number % len(_SUBJECTS)]} {number}"


def _node(number: int) -> str:
    subject = _SUBJECTS[number % len(_SUBJECTS)].lower().replace(" ", "_")
    return f"{subject}_{number:02}"
