"""A reader that moves between gateways, whatever each has heard by then, reads every answer whole and once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.workflow.chunk import Chunk
from evolver_tui.core.workflow.stream_position import read_position
from evolver_tui.core.workflow.subjects import pod_subject
from evolver_tui.engine.workflow.chat_reader import ChatReader
from evolver_tui.engine.workflow.chat_sessions import ChatSessions, SessionLimits
from evolver_tui.engine.workflow.gateway_figures import GatewayFigures
from evolver_tui.engine.workflow.registry import Connection

PODS = ("a", "b")


class Gateways:
    """Two gateways and what one hands to the other, which arrives when it is told to."""

    def __init__(self) -> None:
        self.on_their_way: list[tuple[str, bytes]] = []
        self.figures = GatewayFigures()
        self.sessions = {pod: ChatSessions(pod, self.figures, self._hand, SessionLimits()) for pod in PODS}
        for sessions in self.sessions.values():
            sessions.get("s")

    def _hand(self, subject: str, data: bytes) -> None:
        self.on_their_way.append((subject, data))

    def arrive(self, count: int = 1) -> None:
        """The next messages between gateways arrive."""
        for _ in range(min(count, len(self.on_their_way))):
            subject, data = self.on_their_way.pop(0)
            _, _, pod, kind = subject.split(".")
            sessions = self.sessions[pod]
            (sessions.hear if kind == "response" else sessions.hear_replay)(subject, data)

    def hear(self, pod: str, chunk: Chunk) -> None:
        """A gateway hears a chunk from the service."""
        self.sessions[pod].hear(pod_subject(pod), chunk.to_bytes())


class MovingReader:
    """Reads at one gateway after the other, as much as it gets to before it moves."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways
        self._reader: ChatReader | None = None
        self._moves = 0
        self.pod = ""
        self.last_event_id = ""
        self.chunks: dict[str, list[str]] = {}
        self.ends: dict[str, int] = {}

    def move(self, pod: str, *, is_alone: bool) -> None:
        """Go to a gateway; `is_alone` where no other one is there to be asked."""
        self._moves += 1
        sessions = self._gateways.sessions[pod]
        if self._reader is not None:
            self._gateways.sessions[self.pod].end(self._reader)
        positions = read_position(self.last_event_id)
        self.pod = pod
        self._reader = sessions.begin(Connection("s", pod, f"c{self._moves}"), positions, lambda: None)
        self.read(1)  # whoever is not told that it is connected does not know of a connection
        others = () if is_alone else [other for other in PODS if other != pod]
        sessions.ask_others(sessions.get("s"), others, positions)
        if is_alone and positions:
            sessions.go_on_without(sessions.get("s"), positions)

    def read(self, most: int) -> None:
        """Read so many of the texts that wait."""
        assert self._reader is not None
        texts = self._reader._waiting
        for block in b"".join(texts.popleft() for _ in range(min(most, len(texts)))).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            self.last_event_id = fields.get("id", self.last_event_id)
            if fields.get("event", "connected") != "connected":
                self._take(fields["event"], json.loads(fields["data"]))

    def _take(self, name: str, value: dict[str, str]) -> None:
        message = value["message_id"]
        if name == "chunk":
            self.chunks.setdefault(message, []).append(value["chunk"])
        elif name == "message_restarted":
            self.chunks[message] = []
            self.ends[message] = 0
        else:
            assert name == "message_complete"
            self.ends[message] = self.ends.get(message, 0) + 1


def chunks_of(messages: Sequence[tuple[int, int]]) -> list[Chunk]:
    return [
        Chunk("s", f"m{message}", number, f"{attempt}.{number} ", "", is_final=number == last, attempt=attempt)
        for message, (last, attempts) in enumerate(messages)
        for attempt in range(1, attempts + 1)
        for number in range(last + 1)
    ]


MESSAGES = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2)), min_size=1, max_size=3)


@settings(max_examples=300)
@given(MESSAGES, st.data())
def test_every_answer_is_read_whole_and_once(messages: list[tuple[int, int]], data: st.DataObject) -> None:
    gateways = Gateways()
    reader = MovingReader(gateways)
    reader.move("a", is_alone=False)
    come = data.draw(st.permutations(chunks_of(messages)))
    steps = [partial(gateways.hear, pod, chunk) for chunk in come for pod in data.draw(st.sets(st.sampled_from(PODS)))]
    for step in steps:
        step()
        match data.draw(st.sampled_from(("go on", "read", "arrive", "move"))):
            case "read":
                reader.read(data.draw(st.integers(1, 4)))
            case "arrive":
                gateways.arrive(data.draw(st.integers(1, 4)))
            case "move":
                reader.read(data.draw(st.integers(0, 2)))
                reader.move(data.draw(st.sampled_from(PODS)), is_alone=data.draw(st.booleans()))
    for chunk in come:  # whatever was lost on the way comes in the end
        gateways.hear(reader.pod, chunk)
    gateways.arrive(1_000)
    reader.read(1_000)
    for message, (last, attempts) in enumerate(messages):
        assert reader.chunks[f"m{message}"] == [f"{attempts}.{number} " for number in range(last + 1)]
        assert reader.ends[f"m{message}"] == 1


def test_an_answer_that_was_read_elsewhere_is_not_read_again_where_it_comes_later() -> None:
    gateways = Gateways()
    reader = MovingReader(gateways)
    reader.move("a", is_alone=True)
    (chunk,) = chunks_of([(0, 1)])
    gateways.hear("a", chunk)
    reader.read(10)
    reader.move("b", is_alone=False)  # asks the other one, which says how far it told
    gateways.arrive()
    gateways.arrive()
    reader.move("b", is_alone=False)
    gateways.hear("b", chunk)
    reader.read(10)
    assert (reader.chunks, reader.ends) == ({"m0": ["1.0 "]}, {"m0": 1})
