"""Several drafts that are decided together: which of them can be, and what a person has to know of them beforehand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from evolver_tui.core.code_constants import ConstantChange, changed_constants
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.node import Risk
from evolver_tui.core.program_shape import frame_digest, shape_of
from evolver_tui.core.question import OpenQuestion, Unreadable
from evolver_tui.core.question_kinds.review import ReviewSubject

MOST_CHANGES: Final = 8
"""Constants in which a draft may differ from one that was read, to be decided by the look at that one."""
MOST_CHANGED: Final = 400
"""Characters of these."""

_RISKS: Final = [*Risk]
"""In their order, the lowest first."""


class BatchItem(NamedTuple):
    """A draft that is decided with the others."""

    asked: OpenQuestion
    subject: ReviewSubject
    like: str = ""
    """The id of the task whose draft was read, where this one was not and is of its frame; empty where it was read."""
    changes: tuple[ConstantChange, ...] = ()
    """What differs from that one."""


class LeftOut(NamedTuple):
    """One that is not decided with the others, and why."""

    question_id: int
    task_id: str
    node_id: str
    """Of its draft; empty where it has none."""
    reason: str
    """As the end of a sentence about it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is decided together, in the order in which it waits."""

    items: tuple[BatchItem, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def risk(self) -> Risk:
        """The highest risk among them."""
        return max((item.subject.report.risk for item in self.items), key=_RISKS.index, default=Risk.LOW)

    @property
    def riskiest(self) -> Sequence[BatchItem]:
        """Those of the highest risk."""
        return [item for item in self.items if item.subject.report.risk is self.risk]

    @property
    def tools(self) -> Sequence[str]:
        """The tools that they call."""
        return sorted({tool for item in self.items for tool in item.subject.report.tools})

    @property
    def replacing(self) -> Sequence[BatchItem]:
        """Those that take the place of another version."""
        return [item for item in self.items if item.subject.replaces is not None]

    @property
    def changing(self) -> Sequence[tuple[BatchItem, int]]:
        """Those that give other outputs than what they replace, each with how many."""
        found = ((item, len(item.subject.tryout.changed) if item.subject.tryout else 0) for item in self.items)
        return [(item, number) for item, number in found if number]

    @property
    def untried(self) -> Sequence[BatchItem]:
        """Those that nobody ran, or not to the end."""
        tryouts = ((item, item.subject.tryout) for item in self.items)
        return [item for item, tryout in tryouts if tryout is None or not tryout.runs or tryout.problem]

    @property
    def alike(self) -> Sequence[Sequence[BatchItem]]:
        """Those that are of one frame, two or more each."""
        return _groups(self.items, lambda item: frame_digest(item.subject.draft.code))

    @property
    def equal(self) -> Sequence[Sequence[BatchItem]]:
        """Those that do the same, two or more each."""
        return _groups(self.items, lambda item: shape_of(item.subject.draft.code).digest)

    def approvals(self) -> dict[int, Decision]:
        """What is sent for each question: the very bytes, and what they replace."""
        return {
            item.asked.id: Decision(
                DecisionKind.APPROVE, sha256=item.subject.draft.sha256, replaces=item.subject.replaced_sha256
            )
            for item in self.items
        }

    def without(self, questions: Collection[int]) -> Batch:
        """The others of them."""
        return Batch(tuple(item for item in self.items if item.asked.id not in questions), self.left_out)


def approvable(reviews: Sequence[OpenQuestion], reason_unread: Callable[[ReviewSubject], str]) -> Batch:
    """What of these can be approved together.

    One that was not read counts by a look at another of its frame and risk, where all that differs is said.

    Args:
        reviews: as they are beside the library at this moment, in the order in which they wait.
        reason_unread: why a draft does not count as read; empty for one that was.
    """
    read: list[BatchItem] = []
    unread: list[tuple[BatchItem, str]] = []
    left_out: dict[int, LeftOut] = {}
    for asked in reviews:
        subject = asked.subject
        if not isinstance(subject, ReviewSubject):
            problem = subject.problem if isinstance(subject, Unreadable) else "asks a question"
            left_out[asked.id] = LeftOut(asked.id, asked.task_id, "", problem)
        elif reason := _reason_against(subject):
            left_out[asked.id] = _left_out(asked, subject, reason)
        elif reason := reason_unread(subject):
            unread.append((BatchItem(asked, subject), reason))
        else:
            read.append(BatchItem(asked, subject))
    items = {item.asked.id: item for item in read}
    for item, reason in unread:
        found = _by_another(item, read)
        if isinstance(found, BatchItem):
            items[found.asked.id] = found
        else:
            left_out[item.asked.id] = _left_out(item.asked, item.subject, found or reason)
    in_order = [items[asked.id] for asked in reviews if asked.id in items]
    kept = list(_one_for_each_node(in_order, left_out))
    return Batch(tuple(kept), tuple(left_out[asked.id] for asked in reviews if asked.id in left_out))


def _reason_against(subject: ReviewSubject) -> str:
    """Why a draft is approved on its own card or not at all; empty where it may be approved with others."""
    if not subject.report.can_be_approved:
        return "a check forbids it"
    if subject.is_approved_by_name:
        return "its risk is high: it is approved by its name"
    if subject.tryout is not None and subject.tryout.failed:
        return "it failed its try"
    if subject.edited_sha256:
        return "it would replace a main.py that was changed by hand"
    return ""


def _by_another(item: BatchItem, read: Sequence[BatchItem]) -> BatchItem | str:
    """A draft that counts by the look at another one, or why it does not, which is empty where there is none."""
    frame = frame_digest(item.subject.draft.code)
    for other in read if frame else ():
        is_alike = frame_digest(other.subject.draft.code) == frame
        if not is_alike or _standing(other.subject) != _standing(item.subject):
            continue
        changes = changed_constants(other.subject.draft.code, item.subject.draft.code)
        if changes is None or len(changes) > MOST_CHANGES or sum(each.length for each in changes) > MOST_CHANGED:
            return f"it differs from {other.asked.task_id} in more than a line or two: read it"
        return item._replace(like=other.asked.task_id, changes=changes)
    return ""


def _standing(subject: ReviewSubject) -> tuple[object, ...]:
    report = subject.report
    return report.risk, report.capabilities, report.tools


def _one_for_each_node(items: Sequence[BatchItem], left_out: dict[int, LeftOut]) -> Iterator[BatchItem]:
    """The first draft of each node; what replaces another one can be told once that one is saved."""
    makers: dict[str, str] = {}
    for item in items:
        node_id = item.subject.draft.node_id
        if node_id in makers:
            reason = f"it makes the same node as {makers[node_id]}: decide about it after that"
            left_out[item.asked.id] = _left_out(item.asked, item.subject, reason)
        else:
            makers[node_id] = item.asked.task_id
            yield item


def _left_out(asked: OpenQuestion, subject: ReviewSubject, reason: str) -> LeftOut:
    return LeftOut(asked.id, asked.task_id, subject.draft.node_id, reason)


def _groups(items: Sequence[BatchItem], key_of: Callable[[BatchItem], str]) -> Sequence[Sequence[BatchItem]]:
    found = defaultdict[str, list[BatchItem]](list)
    for item in items:
        found[key_of(item)].append(item)
    return [group for key, group in found.items() if key and len(group) > 1]
