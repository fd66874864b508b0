"""A reviewer who knows the console well: what is seen on the screen decides which key is pressed."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from tests.support.hour.reading import Sight, read
from tests.support.hour.script import Script, Scripted, Wish
from tests.support.terminal import ENTER, ESCAPE, PAGE_DOWN, SECONDS_TO_LOOK, SMALL, Terminal

_SECONDS_AT_QUEUE, _SECONDS_AT_CARD = 1.0, 10.0
"""For so long a screen may show what is over before somebody looks for the next thing by a key: at the queue, and at
the card, where it comes by itself."""
_SECONDS_FOR_A_KEY = 15.0
"""A key that has done nothing by then is pressed again."""
_SECONDS_IDLE = 90.0
"""Only a hang takes so long."""
_SECONDS_BETWEEN_LOOKS = 0.03
_MOST_IN_VAIN = 8
"""Keys in a row that changed nothing, before the hour is given up."""

F7, CTRL_U = "\x1b[18~", "\x15"
_REFUSED: Final = re.compile(
    "Nothing was decided|another draft|only just appeared|Too little of|still being read|nothing that you decided"
)
_NOTHING_LEFT: Final = re.compile("nothing that you decided")
_NAMES: Final = {F7: "f7", CTRL_U: "ctrl+u", ENTER: "enter", ESCAPE: "escape", PAGE_DOWN: "page down", " ": "space"}
_DECIDING: Final = {
    Wish.APPROVE: "a",
    Wish.SEND_BACK: "r",
    Wish.REJECT: "R",
    Wish.CANCEL: "D",
    Wish.REUSE: "N",
}
_CHOICES: Final = {"Summarize a text": "1"}
"""The key of a choice, by its title."""


class Meant(NamedTuple):
    """What a person wanted when a key was pressed that decides."""

    task_id: str
    attempt: int
    """Of the draft; 0 for a question."""
    kind: str


@dataclass
class Count:
    """What was counted for one kind of thing that is done."""

    done: int = 0
    keys: int = 0
    texts: int = 0
    """Lines that were typed."""
    screens: list[int] = field(default_factory=list)
    """How many screens each took."""


@dataclass
class Tally:
    """All that was counted in the hour."""

    decisions: Count = field(default_factory=Count)
    answers: Count = field(default_factory=Count)
    meant: list[Meant] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    """By the task: the node that the screen said the draft is nearly the same as, before anything was decided."""
    seen_at: dict[str, float] = field(default_factory=dict)
    """When each task's draft or question was first on the card; seconds that only count up."""
    keys: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each key was pressed for what."""
    steps: list[str] = field(default_factory=list)
    """Each key with what was seen before it."""
    in_vain: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of those, after which nothing changed."""


class Care(Enum):
    """How much of a draft is read before it is decided about."""

    WHAT_MATTERS = auto()
    """To approve it: all of it where its risk is not low, else until every line was in sight that the card's edge
    counts as unlike what was approved, since the card tells what its tries gave and what it calls. To turn it down:
    what the card tells of it."""
    EVERY_LINE = auto()


class Lost(Exception):
    """The reviewer does not know what to do."""


class Reviewer:
    """In front of one console after the other."""

    def __init__(self, script: Script, tally: Tally, size: tuple[int, int], care: Care) -> None:
        self.tally = tally
        self._care = care
        self._by_node = {one.node_id: one for one in script.tasks}
        self._by_id = {one.id: one for one in script.tasks}
        self._size = size
        self._terminal: Terminal | None = None
        self._keys, self._texts = 0, 0
        """Since the last thing was done."""
        self._screens: dict[tuple[str, int], set[tuple[int, int]]] = {}
        """Which parts of each draft were looked at."""
        self._marked: dict[tuple[str, int], frozenset[int]] = {}
        """Which marked lines of each were in sight."""
        self._come: list[Scripted] = []
        self._done: set[tuple[str, int]] = set()
        """What was decided, and the task and 0 of a question that was answered."""
        self._vain = 0
        self._is_zoomed = size == SMALL

    def sit_down(self, terminal: Terminal) -> None:
        """Look at another console."""
        self._terminal = terminal
        self._is_zoomed = self._size == SMALL

    @property
    def screen(self) -> Sight:
        """What is seen now."""
        assert self._terminal is not None
        return read(self._terminal.text)

    def expect(self, tasks: Sequence[Scripted]) -> None:
        """Know that these were sent."""
        self._come += tasks

    def work_down_to(self, left: int) -> None:
        """Do whatever waits, until no more than so many tasks of those that came are not decided.

        Raises:
            Lost: nothing that is pressed changes anything.
        """
        idle_since = time.monotonic()
        while sum((one.id, self._last_attempt(one)) not in self._done for one in self._come) > left:
            sight = self._settled()
            self._note(sight)
            if self._is_to_do(sight):
                self._act(sight)
                idle_since = time.monotonic()
            elif sight.needs_you and time.monotonic() - idle_since > _patience(sight):
                self._press("o", "go on", sight)
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > _SECONDS_IDLE:
                raise Lost(f"nothing comes:\n{self._text}")
            else:
                time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _last_attempt(self, one: Scripted) -> int:
        return 2 if one.wish is Wish.SEND_BACK else 1

    def take_all_back(self) -> None:
        """Take back one decision after the other, until the console has none left."""
        while self._vain < _MOST_IN_VAIN // 2:
            after = self._press("u", "take back", self._settled())
            if after.dialog:  # it was decided on the other host
                self._press("y", "confirm", after)
            if _NOTHING_LEFT.search(self.screen.notice):
                return

    # --- what is seen

    def _settled(self) -> Sight:
        """What has stood on the screen long enough for a person to have seen it."""
        sight, since = self.screen, time.monotonic()
        while time.monotonic() - since < SECONDS_TO_LOOK:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            now = self.screen
            if now != sight:
                sight, since = now, time.monotonic()
        return sight

    def _draft_of(self, sight: Sight) -> tuple[str, int] | None:
        one = self._by_node.get(sight.node)
        return (one.id, sight.attempt) if one is not None else None

    def _note(self, sight: Sight) -> None:
        draft = self._draft_of(sight)
        if draft is None or sight.dialog:
            return
        self.tally.seen_at.setdefault(draft[0], time.monotonic())
        if sight.can_decide and draft not in self._done:
            self._screens.setdefault(draft, set()).add(sight.lines[:2])
            self._marked[draft] = self._marked.get(draft, frozenset()) | sight.marked
            if sight.same_as:
                self.tally.told.setdefault(draft[0], sight.same_as)

    def _is_to_do(self, sight: Sight) -> bool:
        """Whether something in front can be done now."""
        if sight.dialog:
            return True
        if sight.asks:
            return sight.can_answer and (sight.asks, 0) not in self._done
        return sight.can_decide and self._draft_of(sight) not in (None, *self._done)

    def _is_read(self, sight: Sight) -> bool:
        """Whether enough of the draft was in sight."""
        draft = self._draft_of(sight)
        assert draft is not None
        if sight.is_read or self._care is Care.EVERY_LINE:
            return sight.is_read
        if self._wish(sight, draft) is not Wish.APPROVE:
            return True
        return sight.risk == "low" and len(self._marked.get(draft, ())) >= sight.unlike

    def _wish(self, sight: Sight, draft: tuple[str, int]) -> Wish:
        """What is to become of a draft; of one that the screen calls a duplicate, that the other is used."""
        one = self._by_id[draft[0]]
        if one.like and sight.same_as == one.like:
            return Wish.REUSE
        return one.wish if draft[1] == 1 else Wish.APPROVE

    # --- what is done about it

    def _act(self, sight: Sight) -> None:
        if sight.dialog:
            self._answer_dialog(sight)
        elif sight.asks:
            self._press(ENTER, "open the question", sight)
        elif not self._is_zoomed:
            self._is_zoomed = True
            self._press("+", "zoom", sight)
        elif not self._is_read(sight):
            self._press(PAGE_DOWN, "read", sight)
        elif sight.is_new:
            time.sleep(_SECONDS_BETWEEN_LOOKS)  # who reads a whole draft needs longer than its guard
        else:
            self._decide(sight)

    def _decide(self, sight: Sight) -> None:
        draft = self._draft_of(sight)
        assert draft is not None
        wish = self._wish(sight, draft)
        after = self._press(_DECIDING[wish], wish.value, sight)
        if after.dialog:
            after = self._answer_dialog(after)
        self._finish(after, draft, wish.value)

    def _finish(self, after: Sight, draft: tuple[str, int], kind: str) -> None:
        """Note what was decided, once the screen says so; nothing where a key was refused."""
        deadline = time.monotonic() + _SECONDS_FOR_A_KEY
        while after.dialog or (self._draft_of(after) == draft and after.can_decide):
            if after.dialog or _REFUSED.search(after.notice) or time.monotonic() > deadline:
                return
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            after = self.screen
        self._done.add(draft)
        self.tally.meant.append(Meant(*draft, kind))
        self._count(self.tally.decisions, [len(self._screens.get(draft, ())) or 1])

    def _answer_dialog(self, sight: Sight) -> Sight:
        """Do what a dialog wants."""
        title = sight.dialog
        if " asks · " in title:
            return self._fill_in(sight)
        if title.startswith("Why is"):
            return self._type(self._by_node[title.split()[2]].reason, "reason", sight)
        if title.startswith("Approve ") and "Type " in self._text:
            return self._type(title.removeprefix("Approve ").rstrip("?"), "name", sight)
        if title.startswith(("Approve ", "Reject ", "Cancel ", "Use ")):
            return self._press("y", "confirm", sight)
        return self._press(ESCAPE, "leave", sight)

    @property
    def _text(self) -> str:
        assert self._terminal is not None
        return self._terminal.text

    def _fill_in(self, sight: Sight) -> Sight:
        """Answer a question in its dialog, and all that ask the same where they are to get the same answer."""
        one = self._by_id[sight.dialog.split()[0]]
        self.tally.seen_at.setdefault(one.id, time.monotonic())
        alike = [other for other in self._come if other.answers.keys() == one.answers.keys() and other != one]
        alike = [other for other in alike if (other.id, 0) not in self._done]
        wants_all = sight.alike == len(alike) > 0 and all(other.answers == one.answers for other in alike)
        if wants_all != sight.are_answered_too:
            sight = self._press(F7, "answer alike", sight)
        self._fill(one.answers)
        after = self._press(ENTER, "answer", self.screen)
        if after.dialog != sight.dialog:
            answered = [one, *(alike if wants_all and sight.are_answered_too else ())]
            self._done |= {(each.id, 0) for each in answered}
            self.tally.meant += [Meant(each.id, 0, "answer") for each in answered]
            self._count(self.tally.answers, [1] * len(answered))
        return after

    def _fill(self, answers: Mapping[str, str]) -> None:
        """Fill in what does not stand in the form: it opens at the first field that is missing."""
        for label, value in answers.items():
            assert label in self._text, f"no field {label}:\n{self._text}"
            if value in _CHOICES and not re.search(f"● +{re.escape(value)}", self._text):
                self._send(_CHOICES[value], "choose")
            elif value not in _CHOICES and not re.search(f"┃ +{re.escape(value)} ", self._text):
                if re.search("┃ +[a-z]+->[a-z]+ ", self._text):
                    self._send(CTRL_U, "empty the line")
                self._write(value)
        time.sleep(SECONDS_TO_LOOK)

    def _type(self, text: str, what: str, sight: Sight) -> Sight:
        self._write(text)
        time.sleep(SECONDS_TO_LOOK)
        return self._press(ENTER, what, sight)

    # --- keys

    def _write(self, text: str) -> None:
        assert self._terminal is not None
        self._texts += 1
        self._terminal.send(text)
        self._terminal.wait_for(text[:20])

    def _send(self, key: str, purpose: str) -> None:
        assert self._terminal is not None
        self._keys += 1
        name = _NAMES.get(key, key)
        self.tally.keys[name, purpose] += 1
        self.tally.steps.append(f"{time.monotonic():.1f} {name} to {purpose} at {self.screen}")
        self._terminal.send(key)

    def _press(self, key: str, purpose: str, sight: Sight) -> Sight:
        """Press a key, and wait until the screen says something else; returns that."""
        self._send(key, purpose)
        deadline = time.monotonic() + _SECONDS_FOR_A_KEY
        while (now := self.screen).is_like(sight) and time.monotonic() < deadline:
            if _REFUSED.search(now.notice) and now.notice != sight.notice:
                break
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        if not now.is_like(sight):
            self._vain = 0
            return self._settled()
        self.tally.in_vain[_NAMES.get(key, key), purpose] += 1
        self.tally.steps.append(f"{time.monotonic():.1f} in vain:\n{self._text}")
        self._vain += 1
        if self._vain > _MOST_IN_VAIN:
            raise Lost(f"{key!r} for {purpose} changes nothing:\n{self._text}")
        return now

    def _count(self, count: Count, screens: Sequence[int]) -> None:
        """Note so many things as done by the keys since the one before."""
        count.done += len(screens)
        count.keys += self._keys
        count.texts += self._texts
        count.screens += screens
        self._keys = self._texts = 0


def _patience(sight: Sight) -> float:
    return _SECONDS_AT_QUEUE if sight.is_at_queue else _SECONDS_AT_CARD
