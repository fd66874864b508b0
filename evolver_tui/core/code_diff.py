"""What differs between two programs, line by line and within lines, folded to what changed.

It takes a bounded number of steps whatever is compared, since both sides may be hostile: where finding the best way
from one to the other would take more, a longer way is told, which is as true. Lines are compared as they were written
and told as they may be shown.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from evolver_tui.core.safe_text import safe_text

CONTEXT: Final = 3
"""Lines that are the same and stand beside what changed."""
MOST_STEPS: Final = 400_000
"""Pairs that are looked at to find what is the same, over a whole comparison."""
_DEEPEST: Final = 8
"""How often what lies between lines that occur once is searched for such lines again."""
_LONGEST_LINE: Final = 2_000
"""Characters of a line in which more is looked for than where the change begins and ends."""
_FEWEST_FOLDED: Final = 2
"""Lines for which a fold is worth its row."""
_ALIKE: Final = 0.5
"""The share of words that two lines have to have in common so that one is told as the other, changed."""

_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")

Span: TypeAlias = tuple[int, int]
"""From a character to the one after the last."""


class DiffLine(NamedTuple):
    """A line of one side, or of both."""

    sign: str
    """`+` for one that came, `-` for one that went, a blank for one that stayed."""
    old: int
    """Its number before, from 1; 0 where it was not there."""
    new: int
    """Its number after, from 1; 0 where it is not there."""
    text: str
    """What may be shown of it."""
    spans: tuple[Span, ...] = ()
    """Of a line that is another's successor, or was another's predecessor, what of `text` differs; else empty."""
    has_end: bool = True
    """False for a last line without a line end."""


class Fold(NamedTuple):
    """Lines that are the same on both sides and are not shown."""

    lines: int
    old: int
    """The number of the first of them before."""
    new: int
    """And after."""


class Pair(NamedTuple):
    """What stands beside each other: a line that stayed, one and what became of it, or one alone."""

    old: DiffLine | None
    new: DiffLine | None


class CodeDiff(NamedTuple):
    """The way from one program to another."""

    pairs: tuple[Pair | Fold, ...]
    """Both sides beside each other."""
    added: int
    """Lines that came."""
    removed: int
    """Lines that went."""

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed)

    @property
    def rows(self) -> Iterator[DiffLine | Fold]:
        """One under the other: of what changed, first what went, then what came."""
        went: list[DiffLine] = []
        came: list[DiffLine] = []
        for pair in self.pairs:
            if isinstance(pair, Pair) and (pair.old is None or pair.new is None or pair.old.sign == "-"):
                went += [pair.old] if pair.old else []
                came += [pair.new] if pair.new else []
                continue
            yield from (*went, *came)
            went, came = [], []
            line = pair if isinstance(pair, Fold) else pair.new
            if line is not None:
                yield line
        yield from (*went, *came)

    def unified(self, old_name: str, new_name: str) -> Iterator[str]:
        """The lines of a unified diff; none where nothing differs."""
        if self.is_same:
            return
        yield f"--- {old_name}"
        yield f"+++ {new_name}"
        for hunk in self._hunks():
            old = [line for line in hunk if line.sign != "+"]
            new = [line for line in hunk if line.sign != "-"]
            yield f"@@ -{_range(old, new=False)} +{_range(new, new=True)} @@"
            for line in hunk:
                yield f"{line.sign}{line.text}"
                if not line.has_end:
                    yield "\\ No newline at end of file"

    def _hunks(self) -> Iterator[list[DiffLine]]:
        hunk: list[DiffLine] = []
        for row in self.rows:
            if isinstance(row, DiffLine):
                hunk.append(row)
            elif hunk:
                yield hunk
                hunk = []
        if hunk:
            yield hunk


def compare(old: str, new: str, *, context: int = CONTEXT, steps: int = MOST_STEPS) -> CodeDiff:
    """The way from one program to another.

    Args:
        context: lines around each change that are told as well.
        steps: see `MOST_STEPS`.
    """
    before, after = _lines(old), _lines(new)
    budget = _Budget(steps)
    pairs: list[Pair] = []
    at_old = at_new = 0
    for match_old, match_new in (*_matches(before, after, budget), (len(before), len(after))):
        if at_old < match_old or at_new < match_new:
            pairs += _changed(before, after, range(at_old, match_old), range(at_new, match_new), budget)
        if match_old < len(before):
            pairs.append(_kept(before[match_old], match_old + 1, match_new + 1))
        at_old, at_new = match_old + 1, match_new + 1
    added = sum(pair.new is not None and pair.new.sign == "+" for pair in pairs)
    removed = sum(pair.old is not None and pair.old.sign == "-" for pair in pairs)
    return CodeDiff(tuple(_folded(pairs, context)), added, removed)


def _lines(code: str) -> list[str]:
    """Each with its end."""
    return [line for line in re.split(r"(?<=\n)", code) if line]


def _told(line: str, sign: str, old: int, new: int, spans: tuple[Span, ...] = ()) -> DiffLine:
    return DiffLine(sign, old, new, safe_text(line.removesuffix("\n")), spans, line.endswith("\n"))


def _kept(line: str, old: int, new: int) -> Pair:
    told = _told(line, " ", old, new)
    return Pair(told, told)


def _folded(pairs: Sequence[Pair], context: int) -> Iterator[Pair | Fold]:
    changed = [place for place, pair in enumerate(pairs) if pair.old is None or pair.old.sign == "-"]
    shown: set[int] = set()
    for place in changed:
        shown.update(range(max(0, place - context), min(len(pairs), place + context + 1)))
    place = 0
    while place < len(pairs):
        end = place
        while end < len(pairs) and end not in shown:
            end += 1
        first = pairs[place].new
        if end - place >= _FEWEST_FOLDED and first is not None:
            yield Fold(end - place, first.old, first.new)
            place = end
        else:
            end = max(end, place + 1)
            yield from pairs[place:end]
            place = end


def _range(lines: Sequence[DiffLine], *, new: bool) -> str:
    """Where a hunk stands on one side, as patches write it."""
    if not lines:
        return "0,0"
    first = lines[0].new if new else lines[0].old
    return f"{first}" if len(lines) == 1 else f"{first},{len(lines)}"


# --- what is the same


class _Budget:
    """Steps that may be taken still."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def allows(self, steps: int) -> bool:
        """Take so many; False where there are not so many left."""
        if steps > self.left:
            return False
        self.left -= steps
        return True


def _matches(old: Sequence[Hashable], new: Sequence[Hashable], budget: _Budget) -> list[tuple[int, int]]:
    """Places of both that hold the same, growing on both sides."""
    found: list[tuple[int, int]] = []
    waiting = [(0, len(old), 0, len(new), 0)]
    while waiting:
        old_start, old_end, new_start, new_end, depth = waiting.pop()
        while old_start < old_end and new_start < new_end and old[old_start] == new[new_start]:
            found.append((old_start, new_start))
            old_start, new_start = old_start + 1, new_start + 1
        while old_start < old_end and new_start < new_end and old[old_end - 1] == new[new_end - 1]:
            old_end, new_end = old_end - 1, new_end - 1
            found.append((old_end, new_end))
        if old_start == old_end or new_start == new_end:
            continue
        anchors = _anchors(old[old_start:old_end], new[new_start:new_end]) if depth < _DEEPEST else []
        if not anchors:
            rest = _longest(old[old_start:old_end], new[new_start:new_end], budget)
            found += ((old_start + one, new_start + other) for one, other in rest)
            continue
        at_old, at_new = old_start, new_start
        for one, other in (*anchors, (old_end - old_start, new_end - new_start)):
            waiting.append((at_old, old_start + one, at_new, new_start + other, depth + 1))
            at_old, at_new = old_start + one, new_start + other
            if at_old < old_end:
                found.append((at_old, at_new))
            at_old, at_new = at_old + 1, at_new + 1
    return sorted(found)


def _anchors(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """What occurs once on each side, as much of it as has the same order."""
    once_old, once_new = _once(old), _once(new)
    places = [(place, once_new[line]) for line, place in once_old.items() if line in once_new]  # by the place before
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(places):
        length = bisect_left(ends, place)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        last[length : length + 1] = [number]
    found: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        found.append(places[number])
        number = before[number]
    return found[::-1]


def _once(lines: Sequence[Hashable]) -> dict[Hashable, int]:
    """Lines that occur once, and where."""
    counts = Counter(lines)
    return {line: place for place, line in enumerate(lines) if counts[line] == 1}


def _longest(old: Sequence[Hashable], new: Sequence[Hashable], budget: _Budget) -> list[tuple[int, int]]:
    """The longest common subsequence; nothing where it would take too many steps."""
    if not budget.allows(len(old) * len(new)):
        return []
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for one in range(len(old) - 1, -1, -1):
        row, below, line = lengths[one], lengths[one + 1], old[one]
        for other in range(len(new) - 1, -1, -1):
            row[other] = below[other + 1] + 1 if line == new[other] else max(below[other], row[other + 1])
    found = []
    one = other = 0
    while one < len(old) and other < len(new):
        if old[one] == new[other]:
            found.append((one, other))
            one, other = one + 1, other + 1
        elif lengths[one + 1][other] >= lengths[one][other + 1]:
            one += 1
        else:
            other += 1
    return found


# --- what changed within lines


def _changed(before: Sequence[str], after: Sequence[str], old: range, new: range, budget: _Budget) -> Iterator[Pair]:
    """Lines that went and lines that came, each with what became of it."""
    at_old, at_new = old.start, new.start
    for one, other in (*_successors(before, after, old, new, budget), (old.stop, new.stop)):
        yield from (Pair(_told(before[place], "-", place + 1, 0), None) for place in range(at_old, one))
        yield from (Pair(None, _told(after[place], "+", 0, place + 1)) for place in range(at_new, other))
        if one < old.stop:
            yield _successor(before[one], after[other], one + 1, other + 1, budget)
        at_old, at_new = one + 1, other + 1


def _successors(
    before: Sequence[str], after: Sequence[str], old: range, new: range, budget: _Budget
) -> list[tuple[int, int]]:
    """Which of the lines that came are which of those that went, changed; growing on both sides."""
    words = [
        [Counter(_WORD.findall(lines[place][:_LONGEST_LINE].strip())) for place in places]
        for lines, places in ((before, old), (after, new))
    ]
    sizes = [sum(map(len, side)) + len(side) for side in words]
    if not budget.allows(len(new) * sizes[0] + len(old) * sizes[1]):
        return []
    worth = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    alike = [[_share(one, other) for other in words[1]] for one in words[0]]
    for one in range(len(old) - 1, -1, -1):
        for other in range(len(new) - 1, -1, -1):
            share = alike[one][other]
            paired = worth[one + 1][other + 1] + share if share >= _ALIKE else 0.0
            worth[one][other] = max(paired, worth[one + 1][other], worth[one][other + 1])
    found = []
    one = other = 0
    while one < len(old) and other < len(new):
        share = alike[one][other]
        if share >= _ALIKE and worth[one][other] == worth[one + 1][other + 1] + share:
            found.append((old[one], new[other]))
            one, other = one + 1, other + 1
        elif worth[one + 1][other] >= worth[one][other + 1]:
            one += 1
        else:
            other += 1
    return found


def _share(one: Counter[str], other: Counter[str]) -> float:
    """The share of words that two lines have in common."""
    both, every = (one & other).total(), one.total() + other.total()
    return 2 * both / every if every else 0.0


def _successor(before: str, after: str, old: int, new: int, budget: _Budget) -> Pair:
    went, came = _told(before, "-", old, 0), _told(after, "+", 0, new)
    old_spans, new_spans = _differing(went.text, came.text, budget)
    return Pair(went._replace(spans=old_spans), came._replace(spans=new_spans))


def _differing(old: str, new: str, budget: _Budget) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """What of two lines differs; all of them where that cannot be shown, as of a tab and the spaces it is drawn as."""
    if old == new:
        return ((0, len(old)),), ((0, len(new)),)
    if max(len(old), len(new)) > _LONGEST_LINE:
        start = _shared(old, new)
        end = _shared(old[start:][::-1], new[start:][::-1])
        return ((start, len(old) - end),), ((start, len(new) - end),)
    old_words, new_words = _WORD.findall(old), _WORD.findall(new)
    same = _matches(old_words, new_words, budget)
    return _spans(old_words, {one for one, _ in same}), _spans(new_words, {other for _, other in same})


def _shared(one: str, other: str) -> int:
    """Characters with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))


def _spans(words: Sequence[str], same: set[int]) -> tuple[Span, ...]:
    """What of a line is not the same; neighbours in one."""
    found: list[Span] = []
    position = 0
    for place, word in enumerate(words):
        if place not in same:
            if found and found[-1][1] == position:
                found[-1] = (found[-1][0], position + len(word))
            else:
                found.append((position, position + len(word)))
        position += len(word)
    return tuple(found)
