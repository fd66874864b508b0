"""What a hub link makes of messages that are not as they should be."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from evolver_tui.core.address import Address
from evolver_tui.wiring import NO_WORK
from tests.support.hubs import Peer, RawHub, free_port
from tests.support.links import ending, linked, quiet
from tests.support.sessions import running, workspace_in

pytestmark = pytest.mark.anyio

# --- messages that are not as they should be


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("{not json", "The hub sent a record that is not JSON: {not json."),
        ("[" * 200_000, "The hub sent a record that is nested too deeply to be read: " + "[" * 60 + "…."),
        ('{"type":1,"x":NaN}', 'The hub sent a record that holds NaN, which is no JSON value: {"type":1,"x":NaN}.'),
        (
            '{"type":1,"x":1,"x":2}',
            'The hub sent a record that has the key \'x\' twice in one object: {"type":1,"x":1,"x":2}.',
        ),
        ('"text"', "The hub sent a record that is not a JSON object."),
        ({"type": 42}, "The hub sent a message of the unknown type 42."),
        ({"kind": 1}, "The hub sent a message without a type."),
        ({"type": 1, "target": "TaskHub"}, "The hub sent a call of TaskHub without arguments."),
    ],
)
async def test_what_cannot_be_used_is_reported_and_the_link_lives_on(record: object, problem: str) -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.send(record)
        peer.send_task("after")
        peer.read_to_end()

    with RawHub(script) as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids == ["after"])
            assert it.heard.problems == [problem]
            assert it.heard.phases == ["connecting", "connected"]


async def test_after_messages_of_any_size_and_sort_link_and_queue_live_on(tmp_path: Path) -> None:
    many = [{"id": f"task-{number}"} for number in range(10_000)]
    odd = ["x" * 10_000_000, "\ud800", "../../x", "a\0b", "a\ufffdb"]
    refused = ['{"id": "a", "id": "b"}', "[" * 1_000_000]

    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 1, "target": "TaskHub", "arguments": [{"tasks": many}]})
        peer.send('{"type": 1, "target": "TaskHub", "arguments": [{"id": 1e999}]}', "[" * 1_000_000)
        peer.send('{"type": 1, "target": "TaskHub", "arguments": [{"tasks": [{"id": "a", "id": "b"}]}]}')
        tasks = [{"id": name, "taskName": name} for name in odd]
        peer.send(*({"type": 1, "target": "TaskHub", "arguments": [each]} for each in (*tasks, *refused)))
        peer.send_task("after")
        peer.read_to_end()

    with RawHub(script) as hub:
        async with running(workspace_in(tmp_path), work=NO_WORK) as (session, watch):
            await session.connect(Address(hub.url))
            await watch.until("task.queued", task_id="after")
            assert (await session.store.counts()).total == len(many) + len(odd) + 1
            said = [signal.payload["error"] for signal in watch.heard if signal.name == "hub.message_rejected"]
    assert [each.partition(":")[0] for each in said] == [
        "The hub sent a record that holds the number 1e999, which is too large",
        "The hub sent a record that is nested too deeply to be read",
        "The hub sent a record that has the key 'id' twice in one object",
        "The hub sent JSON text that has the key 'id' twice in one object.",
        "The hub sent JSON that is nested too deeply to be read.",
    ]


async def test_what_is_not_for_us_is_passed_over() -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 6}, {"type": 1, "target": "Other", "arguments": []}, {"type": 3, "invocationId": "9"})
        peer.send({"type": 2, "invocationId": "1", "item": 1}, {"type": 8, "sequenceId": 1})
        peer.send_frame(b"payload", 0x89)
        assert peer.read_opcode(0xA) == b"payload"
        peer.send_task("after")
        peer.read_to_end()

    with RawHub(script) as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids == ["after"])
            assert it.heard.problems == []
            assert it.heard.others == [("Other", "TaskHub")]


async def test_fragments_and_several_records_in_a_frame_are_put_together_right() -> None:
    task = json.dumps({"type": 1, "target": "TaskHub", "arguments": [{"tasks": [{"id": "ä"}]}]}, ensure_ascii=False)
    whole = (task + "\x1e").encode() * 2
    cut = whole.index("ä".encode()) + 1

    def script(peer: Peer) -> None:
        peer.read_frame()
        peer.send_frame(b"{}\x1e" + whole[:cut], 0x01)
        peer.send_frame(b"", 0x89)
        peer.send_frame(whole[cut:], 0x80)
        for byte in whole:
            peer.send_frame(bytes([byte]), 0x01 if byte == whole[0] and not sent else 0x00)
            sent.append(byte)
        peer.send_frame(b"", 0x80)
        peer.read_to_end()

    sent: list[int] = []
    with RawHub(script) as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids == ["ä"] * 4)


async def test_a_call_that_wants_a_result_is_answered_with_an_error() -> None:
    answers = []

    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 1, "invocationId": "7", "target": "Ask", "arguments": ["why?"]})
        answers.append(peer.read_record(3))
        peer.send_task("after")
        peer.read_to_end()

    with RawHub(script) as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids == ["after"])
    assert answers == [{"type": 3, "invocationId": "7", "error": "This client does not return results."}]


async def test_a_listener_that_fails_costs_one_message_only() -> None:
    failures = iter([RuntimeError("no")])

    def fail_once() -> None:
        for failure in failures:
            raise failure

    settings = SampleHubSettings(feed=FeedSettings(rate=0, count=2))
    async with SampleHub(settings) as hub, linked(hub.url, take=fail_once) as it:
        await it.heard.until(lambda: it.heard.ids == ["task-2"])
        assert it.heard.problems == ["The hub sent a message that could not be taken (RuntimeError)."]


@pytest.mark.parametrize(
    ("size", "first_frames"),
    [(100 * 1024 * 1024, []), (600, [(b"x" * 600, 0x01)])],
    ids=["one frame", "fragments"],
)
async def test_too_large_a_message_ends_the_connection_before_it_is_read(
    size: int, first_frames: list[tuple[bytes, int]]
) -> None:
    codes = []

    def too_large(peer: Peer) -> None:
        peer.shake_hands()
        for payload, first in first_frames:
            peer.send_frame(payload, first)
        peer.connection.sendall(bytes([0x80 if first_frames else 0x81, 127]) + size.to_bytes(8))
        codes.append(int.from_bytes(peer.read_opcode(0x8)))
        peer.read_to_end()

    def well_behaved(peer: Peer) -> None:
        peer.shake_hands()
        peer.send_task("after")
        peer.read_to_end()

    with RawHub(too_large, well_behaved) as hub:
        async with linked(hub.url, frame_limit=1000) as it:
            await it.heard.until(lambda: it.heard.ids == ["after"])
            declared = f"{size + sum(len(payload) for payload, _ in first_frames):,}"
            assert it.heard.problems == [f"The hub sent a message of {declared} bytes; the limit is 1,000."]
            assert it.heard.phases == ["connecting", "connected", "waiting", "connecting", "connected"]
    assert codes == [1009]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"\x88\x05\x03\xe9bye", 'The hub closed the connection (1001): "bye".'),
        (b"\x88\x00", "The hub closed the connection (1005)."),
        (b"\x81\x85\x00\x00\x00\x00hello", "The hub broke the WebSocket protocol: it masked a frame."),
        (b"\xc1\x01x", "The hub broke the WebSocket protocol: it uses an extension that nobody agreed on."),
        (b"\x80\x01x", "The hub broke the WebSocket protocol: the parts of a message are mixed up."),
        (b"\x89\x7e\x00\x7e" + b"x" * 126, "The hub broke the WebSocket protocol: a control frame is too long."),
        (b"", "The hub broke off the connection."),
    ],
)
async def test_a_broken_connection_gives_a_readable_reason_and_is_tried_again(frame: bytes, reason: str) -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.connection.sendall(frame)
        if not frame:
            peer.connection.shutdown(socket.SHUT_WR)
        peer.read_to_end()

    with RawHub(script) as hub:
        assert await ending(hub.url) == f"waiting: {reason}"


async def test_a_close_without_leave_to_return_ends_with_the_hubs_text() -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 7, "error": "Go away \x1b]52;c;x\x07"})
        peer.read_to_end()

    with RawHub(script) as hub:
        reason = await ending(hub.url)
    assert reason.startswith('ended: The hub closed the connection: "Go away ␛]52;c;x␇".')


async def test_a_close_with_leave_to_return_is_followed_by_another_attempt() -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 7, "error": "Restarting", "allowReconnect": True})
        peer.read_to_end()

    with RawHub(script, quiet) as hub:
        async with linked(hub.url) as it:
            await it.heard.state("connected", 1)
            assert [state.reason for state in it.heard.states if state.phase == "waiting"] == [
                'The hub closed the connection: "Restarting".'
            ]


async def test_a_hub_that_shuts_down_says_goodbye_and_is_waited_for() -> None:
    port = free_port()
    async with linked(f"ws://127.0.0.1:{port}/taskhub", delays=(0.05,), most_retries=100) as it:
        for _ in range(2):
            async with SampleHub(SampleHubSettings(port=port)):
                await it.heard.state("connected")
            await it.heard.state("waiting")
        assert "The hub closed the connection." in [state.reason for state in it.heard.states]
