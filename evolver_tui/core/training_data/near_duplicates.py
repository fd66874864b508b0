"""Programs that are nearly the same: sketches of what stands in them, compared in a time that does not grow with how
many there are."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, Generic, TypeAlias, TypeVar

Owner = TypeVar("Owner")
Sketch: TypeAlias = "array[int]"
"""64-bit digests, the lowest first."""

ALIKE: Final = 0.85
"""The Jaccard similarity from which two count as the same: of 100 runs of tokens that either has, both have 85."""
_RUN: Final = 5
"""Tokens of a shingle."""
_SKETCHED: Final = 256
"""Shingles that are kept of a program, those with the lowest digests. With all of them the similarity is exact; the
estimate of a longer one is off by 0.02 as a rule (the root of 0.85 * 0.15 / 256)."""
_LOOKED_UP: Final = 16
"""Of these, by which others are found."""
_SHARED: Final = 4
"""Of those, so many that one has to share to be compared: two that are alike share fewer once in a hundred million
times."""
_FOUND_BY: Final = 64
"""Shingles by which one of the latest is remembered."""
_RAREST: Final = 24
"""Of these, by which others are found, those that fewest have: what all share tells nothing, and two that are alike
differ in ten of the 64 as a rule at most."""
_MOST_SHARING: Final = 32
"""Programs that are remembered for each shingle, the latest."""

_MOST_COUNTED: Final = 50_000
"""Owners that are counted over all the digests that one is looked up by."""
_MOST_COMPARED: Final = 64
"""Sketches that one is compared with, those that share most with it."""

_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\'))*+(?:\'\'\')?'
    r'|"(?:[^"\\\n]|\\.)*+"?|\'(?:[^\'\\\n]|\\.)*+\'?|#[^\n]*+|\w++|[^\w\s]',
    re.DOTALL,
)
"""Python's, near enough: a text that is no program has some as well."""


def tokens(code: str) -> Sequence[str]:
    """What a program is made of, without white space and comments."""
    return [token for token in _TOKEN.findall(code) if not token.startswith("#")]


@lru_cache(maxsize=8)
def sketch(code: str) -> Sketch:
    """The sketch of a program's tokens."""
    return sketch_of(tokens(code))


def sketch_of(found: Sequence[str]) -> Sketch:
    """The lowest digests of the shingles of these tokens, runs of five; in their order."""
    runs = {" ".join(found[at : at + _RUN]) for at in range(max(1, len(found) - _RUN + 1))}
    digests = (blake2b(run.encode("utf-8", "surrogatepass"), digest_size=8).digest() for run in runs)
    return array("Q", sorted(int.from_bytes(digest) for digest in digests)[:_SKETCHED])


def likeness(one: Sketch, other: Sketch, least: float = ALIKE) -> float:
    """The Jaccard similarity of two sketched programs, from 0 to 1; 0 as well where it is below `least`."""
    both = set(one).intersection(other)
    if len(both) < least * max(len(one), len(other)):
        return 0.0
    lowest = sorted({*one, *other})[:_SKETCHED]
    return sum(digest in both for digest in lowest) / len(lowest)


class LatestSketches:
    """Sketches in the order in which they came, some 10 KB each at most, to find those that one may be like.

    Finding them takes a bounded number of steps: among many that share their shingles, one that is alike may be missed.
    One that is the same never is.
    """

    def __init__(self) -> None:
        self._sketches: list[Sketch] = []
        self._same: dict[bytes, int] = {}
        """The first place of each, by a digest."""
        self._sharing: defaultdict[int, list[int]] = defaultdict(list)

    def __getitem__(self, place: int) -> Sketch:
        return self._sketches[place]

    def add(self, found: Sketch) -> None:
        """Remember one, in the next place."""
        for digest in found[:_FOUND_BY]:
            places = self._sharing[digest]
            places.append(len(self._sketches))
            del places[:-_MOST_SHARING]
        self._same.setdefault(_digest(found), len(self._sketches))
        self._sketches.append(found)

    def likely(self, found: Sketch) -> list[int]:
        """The places of those that share enough with it to be compared."""
        lowest = found[:_FOUND_BY]
        rarest = sorted((self._sharing[digest] for digest in lowest if digest in self._sharing), key=len)[:_RAREST]
        sharing = Counter(place for places in rarest for place in places)
        needed = min(_SHARED, len(lowest))
        likely = {place for place, shared in sharing.items() if shared >= needed}
        if (same := self._same.get(_digest(found))) is not None:
            likely.add(same)
        return sorted(likely)


def _digest(found: Sketch) -> bytes:
    return blake2b(found.tobytes(), digest_size=16).digest()


class NearDuplicates(Generic[Owner]):
    """Remembers programs, to tell one that nearly was there before."""

    def __init__(self) -> None:
        self._sketches = LatestSketches()
        self._owners: list[Owner] = []

    def first_like(self, code: str, owner: Owner) -> Owner | None:
        """Whose program this one nearly is; None where there was none, and then it is remembered as this owner's."""
        found = sketch(code)
        for place in self._sketches.likely(found):
            if likeness(found, self._sketches[place]) >= ALIKE:
                return self._owners[place]
        self._sketches.add(found)
        self._owners.append(owner)
        return None


class SketchIndex(Generic[Owner]):
    """Sketches by their owners, to find those that are most like one. Each takes some 4 KB.

    Finding them takes a bounded number of steps, whatever there is: where thousands share what they are found by, one
    that is alike may be missed behind others that are.
    """

    def __init__(self) -> None:
        self._sketches: dict[Owner, Sketch] = {}
        self._having: defaultdict[int, set[Owner]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._sketches)

    def put(self, owner: Owner, found: Sketch) -> None:
        """This owner has this one from here on."""
        self.drop(owner)
        self._sketches[owner] = found
        for digest in found[:_LOOKED_UP]:
            self._having[digest].add(owner)

    def drop(self, owner: Owner) -> None:
        """This owner has none any longer."""
        for digest in self._sketches.pop(owner, array("Q"))[:_LOOKED_UP]:
            self._having[digest].discard(owner)
            if not self._having[digest]:
                del self._having[digest]

    def nearest(self, found: Sketch, least: float, most: int = 3) -> list[tuple[float, Owner]]:
        """Those that are most like it, with how much they are: at least so much, at most so many, the likest first."""
        lowest = sorted((self._having[digest] for digest in found[:_LOOKED_UP] if digest in self._having), key=len)
        shared: Counter[Owner] = Counter()
        steps = _MOST_COUNTED
        for owners in lowest:  # what few have tells more
            steps -= len(owners)
            if steps < 0 and shared:
                break
            shared.update(owners)
        needed = min(_SHARED, len(found[:_LOOKED_UP]), len(lowest))
        likely = [owner for owner, times in shared.most_common(_MOST_COMPARED) if times >= needed]
        alike = [(likeness(found, self._sketches[owner], least), owner) for owner in likely]
        return sorted((each for each in alike if each[0] >= least), key=lambda each: -each[0])[:most]
