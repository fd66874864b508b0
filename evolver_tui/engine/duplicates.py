"""Which nodes of the library, and which drafts beside it, a draft is like: so that nobody approves one thing twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import Final

from evolver_tui.core.errors import EvolverError, NodeError
from evolver_tui.core.likeness import LEAST_LIKE, LikeProgram
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.program_shape import ProgramShape, shape_of
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.training_data.near_duplicates import SketchIndex, likeness
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.readers import JobReader

MOST_TOLD: Final = 3
"""Programs that are told of one draft, the likest first."""
_MOST_DRAFTS: Final = 100
"""Drafts beside it that are looked at, those that wait longest."""
_MOST_SHAPES: Final = 500
"""Drafts whose shapes are remembered."""


class AlikeNodes:
    """The shapes of a library's current versions, read once each and kept as long as the process.

    A lookup among thousands takes a few milliseconds once they were read; reading them takes a thread some
    milliseconds each, and whoever asks meanwhile waits for it.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._mark: object = None
        self._known: dict[str, tuple[int, str]] = {}
        """Version and digest of what was read, by id."""
        self._shapes: dict[str, str] = {}
        self._same: defaultdict[str, set[str]] = defaultdict(set)
        """Ids by what their code does."""
        self._index: SketchIndex[str] = SketchIndex()
        self._reading = asyncio.Lock()

    async def like(self, draft: NodeDraft) -> Sequence[LikeProgram]:
        """The nodes that a draft is like, the likest first; none where the library cannot be read."""
        async with self._reading:
            try:
                return await asyncio.to_thread(self._like, draft)
            except EvolverError:
                return ()

    def _like(self, draft: NodeDraft) -> Sequence[LikeProgram]:
        self._catch_up()
        shape = shape_of(draft.code)
        sha256 = draft.sha256
        same = self._same.get(shape.digest, set()) if shape.digest else set()
        found = dict.fromkeys(same, 1.0)
        for share, node_id in self._index.nearest(shape.sketch, LEAST_LIKE, MOST_TOLD):
            found.setdefault(node_id, share)

        def order(node_id: str) -> tuple[bool, bool, float, bool, str]:
            is_it = self._known[node_id][1] == sha256
            return (not is_it, node_id not in same, -found[node_id], node_id != draft.node_id, node_id)

        return [self._told(each, found[each], each in same) for each in nsmallest(MOST_TOLD, found, key=order)]

    def _told(self, node_id: str, share: float, does_the_same: bool) -> LikeProgram:
        version, sha256 = self._known[node_id]
        task_id = ""
        with contextlib.suppress(NodeError):
            record = self._library.latest(node_id)
            task_id = record.task_id if record is not None else ""
        return LikeProgram(node_id, version, task_id, sha256, share, does_the_same)

    def _catch_up(self) -> None:
        """Read what came and changed since it was read last."""
        mark = self._library.mark()
        if mark == self._mark and self._mark is not None:
            return
        now = self._library.digests()
        for node_id in [each for each, known in self._known.items() if now.get(each) != known]:
            self._forget(node_id)
        for node_id, (version, sha256) in now.items():
            if node_id not in self._known:
                with contextlib.suppress(NodeError):  # its bytes are not those that were approved
                    self._remember(node_id, (version, sha256), shape_of(self._library.code(node_id, version)))
        self._mark = mark

    def _remember(self, node_id: str, known: tuple[int, str], shape: ProgramShape) -> None:
        self._known[node_id] = known
        self._shapes[node_id] = shape.digest
        if shape.digest:
            self._same[shape.digest].add(node_id)
        self._index.put(node_id, shape.sketch)

    def _forget(self, node_id: str) -> None:
        self._known.pop(node_id, None)
        digest = self._shapes.pop(node_id, "")
        self._same[digest].discard(node_id)
        if not self._same[digest]:
            del self._same[digest]
        self._index.drop(node_id)


class AlikePrograms:
    """What a draft is like: nodes of the library, and drafts that wait for a decision."""

    def __init__(self, library: Library, jobs: JobReader) -> None:
        self._nodes = AlikeNodes(library)
        self._jobs = jobs
        self._shapes: OrderedDict[str, ProgramShape] = OrderedDict()
        """Of drafts, by digest."""

    async def of(self, job: int, draft: NodeDraft) -> Sequence[LikeProgram]:
        """What a job's draft is like, the likest first, as far as it can be read."""
        nodes = await self._nodes.like(draft)
        try:
            waiting = await self._jobs.open_questions(_MOST_DRAFTS)
        except EvolverError:
            waiting = ()
        others = [each for each in waiting if each.job != job]
        drafts = await asyncio.to_thread(lambda: [*self._drafts_like(draft, others)])
        return sorted((*nodes, *drafts), key=lambda each: order_of(each, draft.sha256))[:MOST_TOLD]

    def _drafts_like(self, draft: NodeDraft, waiting: Iterable[OpenQuestion]) -> Iterator[LikeProgram]:
        """Which of the drafts that wait it is like. A draft that was not seen before takes some milliseconds."""
        shape = self._shape_of(draft)
        for asked in waiting:
            if not isinstance(asked.subject, ReviewSubject):
                continue
            other = asked.subject.draft
            its_shape = self._shape_of(other)
            is_same = bool(shape.digest) and shape.digest == its_shape.digest
            share = 1.0 if is_same else likeness(shape.sketch, its_shape.sketch, LEAST_LIKE)
            if share >= LEAST_LIKE:
                yield LikeProgram(other.node_id, 0, asked.task_id, other.sha256, share, is_same)

    def _shape_of(self, draft: NodeDraft) -> ProgramShape:
        sha256 = draft.sha256
        shape = self._shapes.pop(sha256, None) or shape_of(draft.code)
        self._shapes[sha256] = shape
        if len(self._shapes) > _MOST_SHAPES:
            self._shapes.popitem(last=False)
        return shape


def order_of(like: LikeProgram, sha256: str) -> tuple[bool, bool, float, bool]:
    """The likest first: the same bytes, what does the same, what is nearest; a node before a draft."""
    return like.sha256 != sha256, not like.does_the_same, -like.likeness, like.version == 0
