"""LangGraph's checkpoints in a job's journal: the latest of each namespace, fenced like every write of the job.

Each namespace (the graph's own, and one for each subgraph at work) has a slot, and a slot two kept values: the
checkpoint, and the writes of the tasks that finished since. A task's subgraph is over when the graph's own checkpoint
moves on; its slot is then used for the next one, so that a loop of a thousand turns keeps no thousand namespaces.

All is JSON: what the serializer makes of a value is kept as base64 text. Nothing is pickled, and only classes that the
graph's state names are built when a checkpoint is read.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph._internal._constants import INTERRUPT
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.serde.event_hooks import SerdeEvent, register_serde_event_listener
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt

from evolver_tui.adapters.routines.langgraph.spoken import Spoken
from evolver_tui.core.errors import RoutineError
from evolver_tui.engine.durable.routine import Run

T = TypeVar("T")

_KEPT = "graph {slot}"
_KEPT_WRITES = "graph {slot} writes"
_KEPT_TEXT = "graph said"
"""What was said by tasks that ended: a list of texts, in the order of those ends."""
_NO_FORM = "Type is not msgpack serializable: "
"""How the serializer's error begins where it has no form for a value's type."""

_PULLED = "~__pregel_pull, "
"""How LangGraph's path of a task begins where a node's channels caused it; the node's name follows."""

Encoded = list[str]
"""The serializer's name for the form, and its bytes as base64 text."""


class StrictSerializer(JsonPlusSerializer):
    """LangGraph's serializer without pickle, which writes nothing that it would not read back."""

    def __init__(self, types: Sequence[type] = ()) -> None:
        allowed = [(each.__module__, each.__name__) for each in types]
        super().__init__(pickle_fallback=False, allowed_msgpack_modules=allowed or None)

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Raises RoutineError for a value that could not be read back as what it is."""
        try:
            form, data = super().dumps_typed(obj)
        except (TypeError, ValueError) as error:
            raise self._refusal(obj, error) from None
        blocked: list[SerdeEvent] = []
        unregister = register_serde_event_listener(blocked.append)
        try:
            self.loads_typed((form, data))
        finally:
            unregister()
        if blocked:
            name = f"{blocked[0]['module']}.{blocked[0]['name']}"
            raise RoutineError(
                f"The graph's state holds a {name}, which its annotations do not name.",
                "Annotate the state with it, or name it in GraphRoutine(types=...), and retry with y.",
            )
        return form, data

    def _refusal(self, obj: object, error: Exception) -> RoutineError:
        """Why something cannot be kept. LangGraph wraps what is interrupted with, and its error names the wrapper."""
        what, way_out = "The graph's state", "Keep JSON values, messages or dataclasses in it."
        for each in obj if isinstance(obj, list | tuple) else (obj,):
            if isinstance(each, Interrupt):
                try:
                    super().dumps_typed(each.value)
                except (TypeError, ValueError) as inner:
                    what, way_out, error = "What the graph interrupts with", "Call interrupt() with JSON values.", inner
                    break
        words = str(error)
        if words.startswith(_NO_FORM):
            words = f"a value of type {words.removeprefix(_NO_FORM)} is no JSON"
        return RoutineError(f"{what} cannot be kept: {words}.", way_out)


@dataclass(frozen=True, slots=True)
class OpenStep:
    """Where a graph, or a subgraph at work, stands."""

    path: tuple[str, ...]
    """The nodes that lead to the subgraph; empty for the graph itself."""
    values: Mapping[str, Any]
    """Of its channels, by name."""
    nodes: frozenset[str]
    """Those of the step that wrote something already: a question, an error, or what they came to."""


@dataclass(slots=True, eq=False)
class _Namespace:
    """One namespace's latest checkpoint, as JSON values."""

    checkpoint: dict[str, Any] | None = None
    """`ns`, `id`, `root` (the graph's own checkpoint then), `parent`, `checkpoint`, `metadata`."""
    writes: dict[str, Any] = field(default_factory=lambda: {"id": "", "writes": []})
    """`id` of the checkpoint they follow, and per write: task id, index, channel, form, data, path."""
    unsaved: set[str] = field(default_factory=set)
    unsaved_text: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.checkpoint["id"]) if self.checkpoint is not None else ""

    @property
    def ns(self) -> str | None:
        return str(self.checkpoint["ns"]) if self.checkpoint is not None else None

    @property
    def current_writes(self) -> list[list[Any]]:
        """The writes that follow the latest checkpoint, in the order in which they apply."""
        if self.writes["id"] != self.id:
            return []
        return sorted(self.writes["writes"], key=lambda write: (write[5], write[0], write[1]))

    @property
    def waits(self) -> bool:
        """Whether a task of it interrupted and did not go on to its end."""
        writes = self.current_writes
        ended = {write[0] for write in writes if write[1] >= 0}
        return any(write[2] == INTERRUPT and write[0] not in ended for write in writes)


class _Slots:
    """All namespaces of one job, read from its journal and written there. Writes that wait are written together."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._slots: list[_Namespace] = []
        self._lock = asyncio.Lock()
        self.said: list[str] = list(run.value(_KEPT_TEXT) or ())
        """As it is kept."""
        while (checkpoint := run.value(_KEPT.format(slot=len(self._slots)))) is not None:
            writes = run.value(_KEPT_WRITES.format(slot=len(self._slots)))
            self._slots.append(_Namespace(checkpoint, writes or _Namespace().writes))

    def find(self, ns: str) -> _Namespace | None:
        """The namespace, where there is one and it is not over."""
        return next((each for each in self.live() if each.checkpoint is not None and each.checkpoint["ns"] == ns), None)

    def is_waiting_inside(self, task_id: str) -> bool:
        """Whether something that the task runs, a subgraph, waits for an answer."""
        return any(each.waits and f":{task_id}" in (each.ns or "") for each in self.live())

    def live(self) -> Iterator[_Namespace]:
        """The namespaces that are not over. Namespaces of one task carry its id after a colon."""
        if not self._slots or self._slots[0].checkpoint is None:
            return
        for each in self._slots:
            checkpoint = each.checkpoint
            if checkpoint is not None and (":" not in checkpoint["ns"] or checkpoint["root"] == self._slots[0].id):
                yield each

    async def put(self, ns: str, checkpoint: dict[str, Any]) -> None:
        """Let a checkpoint take the place of the one before."""
        found = self.find(ns)
        if found is None:
            # The graph's own namespace comes first and stays in the first slot.
            live = list(self.live())
            found = next((each for each in self._slots if each not in live), None)
            if found is None:
                found = _Namespace()
                self._slots.append(found)
        root = checkpoint["id"] if not ns else self._slots[0].id
        found.checkpoint = {"ns": ns, "root": root, **checkpoint}
        found.unsaved.add(_KEPT)
        await self._save(found)

    async def add_writes(self, ns: str, checkpoint_id: str, writes: Sequence[list[Any]], said: str) -> None:
        """Keep what a task wrote after a checkpoint, and said; the same write again changes nothing."""
        found = self.find(ns)
        if found is None or checkpoint_id < found.id:
            return
        if found.writes["id"] != checkpoint_id:
            found.writes = {"id": checkpoint_id, "writes": []}
        kept: list[list[Any]] = found.writes["writes"]
        places = {(write[0], write[1]): place for place, write in enumerate(kept)}
        for write in writes:
            place = places.get((write[0], write[1]))
            if place is None:
                kept.append(write)
            elif write[1] < 0:  # errors, interrupts and answers: the last one counts
                kept[place] = write
        found.unsaved.add(_KEPT_WRITES)
        found.unsaved_text += [said] if said else []
        await self._save(found)

    async def _save(self, namespace: _Namespace) -> None:
        async with self._lock:
            unsaved, namespace.unsaved = namespace.unsaved, set()
            slot = self._slots.index(namespace)
            for name in sorted(unsaved):
                value = namespace.checkpoint if name == _KEPT else namespace.writes
                beside = {}
                if name == _KEPT_WRITES and namespace.unsaved_text:
                    self.said, namespace.unsaved_text = [*self.said, *namespace.unsaved_text], []
                    beside = {_KEPT_TEXT: self.said}
                await self._run.set_value(name.format(slot=slot), value, beside)


class JournalSaver(BaseCheckpointSaver[int]):
    """A checkpointer over one job's journal. It has no history: only the latest checkpoint is found.

    Its writes raise StaleLease, and with it end the graph, when another worker holds the job.

    Args:
        spoken: what the graph says, where somebody listens: kept with the end of each task.
    """

    def __init__(self, run: Run, types: Sequence[type] = (), spoken: Spoken | None = None) -> None:
        super().__init__(serde=StrictSerializer(types))
        self._run = run
        self._slots = _Slots(run)
        self._spoken = spoken
        if spoken is not None:
            spoken.has_begun = bool(self._slots.said)
        self._lost: RoutineError | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def has_begun(self) -> bool:
        """Whether the graph has been started."""
        return self._slots.find("") is not None

    @property
    def said(self) -> Sequence[str]:
        """What was said by tasks that ended."""
        return tuple(self._slots.said)

    def open_steps(self) -> list[OpenStep]:
        """Where the graph and its subgraphs at work stand."""
        steps = []
        for each in self._slots.live():
            assert each.checkpoint is not None
            path = tuple(part.partition(":")[0] for part in each.checkpoint["ns"].split("|") if ":" in part)
            values = self._decoded(*each.checkpoint["checkpoint"])["channel_values"]
            nodes = {write[5].removeprefix(_PULLED) for write in each.current_writes if write[5].startswith(_PULLED)}
            steps.append(OpenStep(path, values, frozenset(nodes)))
        return steps

    # --- asynchronous

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The latest checkpoint of the namespace; None where another one is asked for."""
        place = config["configurable"]
        found = self._slots.find(place.get("checkpoint_ns", ""))
        wanted = place.get("checkpoint_id")
        if found is None or (wanted and wanted != found.id):
            return None
        return self._tuple(str(place["thread_id"]), found)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """The latest checkpoint of the namespace, where it fits."""
        found = await self.aget_tuple(config) if config is not None and limit != 0 else None
        if found is None or (before is not None and _id_in(found.config) >= _id_in(before)):
            return
        if all(found.metadata.get(key) == value for key, value in (filter or {}).items()):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint in the place of the one before. Raises StaleLease, StoreError, RoutineError."""
        if self._lost is not None:
            raise self._lost
        place = config["configurable"]
        ns = place.get("checkpoint_ns", "")
        value = {
            "id": checkpoint["id"],
            "parent": place.get("checkpoint_id"),
            "checkpoint": self._encoded(checkpoint),
            "metadata": self._encoded(get_serializable_checkpoint_metadata(config, metadata)),
        }
        await self._slots.put(ns, value)
        return _config(str(place["thread_id"]), ns, checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what one task wrote. Raises StaleLease, StoreError, RoutineError."""
        place = config["configurable"]
        encoded: list[list[Any]] = [
            [task_id, WRITES_IDX_MAP.get(channel, index), channel, *self._encoded(value), task_path]
            for index, (channel, value) in enumerate(writes)
        ]
        has_ended = any(write[1] >= 0 for write in encoded)
        if has_ended and self._slots.is_waiting_inside(task_id):
            self._lost = RoutineError(
                "A subgraph was changed while the job waited: what asked in it is no longer there.",
                "Put the node back under its name, then retry with y: what was done is not done again.",
            )
            raise self._lost
        said = self._said_by(task_id) if has_ended else ""
        await self._slots.add_writes(place.get("checkpoint_ns", ""), place["checkpoint_id"], encoded, said)

    def _said_by(self, task_id: str) -> str:
        """What a task said that ended now: it is not said again by running it again."""
        pieces = self._spoken.of_task(task_id) if self._spoken is not None else []
        for piece in pieces:
            self._run.saying.keep(piece.place)
        return "".join(piece.text or "" for piece in pieces)

    # --- synchronous: for a node that runs a subgraph in its own thread

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """`aget_tuple`, from another thread."""
        return self._from_thread(lambda: self.aget_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """`alist`, from another thread."""

        async def all_of_them() -> Sequence[CheckpointTuple]:
            return [each async for each in self.alist(config, filter=filter, before=before, limit=limit)]

        yield from self._from_thread(all_of_them)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """`aput`, from another thread."""
        return self._from_thread(lambda: self.aput(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """`aput_writes`, from another thread."""
        self._from_thread(lambda: self.aput_writes(config, writes, task_id, task_path))

    def _from_thread(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run_coroutine_threadsafe(make(), self._loop).result()
        raise RoutineError(
            "A node of the graph runs a subgraph with invoke() inside of an event loop, which would stand still.",
            "Await its ainvoke() there, or make the node a plain def.",
        )

    # --- values

    def _encoded(self, value: Any) -> Encoded:
        form, data = self.serde.dumps_typed(value)
        return [form, base64.b64encode(data).decode("ascii")]

    def _decoded(self, form: str, data: str) -> Any:
        return self.serde.loads_typed((form, base64.b64decode(data)))

    def _tuple(self, thread_id: str, found: _Namespace) -> CheckpointTuple:
        kept = found.checkpoint
        assert kept is not None
        writes: list[PendingWrite] = [
            (task_id, channel, self._decoded(form, data)) for task_id, _, channel, form, data, _ in found.current_writes
        ]
        return CheckpointTuple(
            config=_config(thread_id, kept["ns"], kept["id"]),
            checkpoint=cast(Checkpoint, self._decoded(*kept["checkpoint"])),
            metadata=cast(CheckpointMetadata, self._decoded(*kept["metadata"])),
            parent_config=_config(thread_id, kept["ns"], kept["parent"]) if kept["parent"] else None,
            pending_writes=writes,
        )


def _config(thread_id: str, ns: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}


def _id_in(config: RunnableConfig) -> str:
    return str(config["configurable"].get("checkpoint_id", ""))
