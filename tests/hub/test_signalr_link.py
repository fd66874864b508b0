"""The hub link against real hubs: delivery, loss and return, waiting, flow control."""

from __future__ import annotations

import asyncio
import threading

import pytest

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from tests.support.hubs import ASPNET_HUB, THREE_TASKS, Peer, RawHub, free_port, hub_process
from tests.support.links import PATIENCE, ManualClock, ending, linked, quiet

pytestmark = pytest.mark.anyio

NEEDS_ASPNET = pytest.mark.skipif(not ASPNET_HUB, reason="EVOLVER_TEST_ASPNET_HUB is not set")
HUB_KINDS = ["sample", *(pytest.param(kind, marks=NEEDS_ASPNET) for kind in ("aspnet", "aspnet:sse", "aspnet:lp"))]


# --- the same against every hub


@pytest.mark.parametrize("kind", HUB_KINDS)
async def test_tasks_arrive_in_order_and_the_round_trip_is_measured(kind: str) -> None:
    with hub_process(kind) as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: len(it.heard.ids) == 3 and it.link.state.ping_ms is not None)
            assert [message[0] for message in it.heard.messages] == [{"tasks": [dict(task)]} for task in THREE_TASKS]
            assert it.link.state.phase == "connected"
            assert str(it.link.state.url) == hub.url
        assert it.heard.phases == ["connecting", "connected", "closed"]
        assert it.heard.problems == []


@pytest.mark.parametrize("kind", HUB_KINDS)
async def test_a_batch_is_one_message(kind: str) -> None:
    with hub_process(kind, batch=2) as hub:
        async with linked(hub.url, method="taskhub") as it:
            await it.heard.until(lambda: len(it.heard.ids) == 3)
            assert [len(message[0]["tasks"]) for message in it.heard.messages] == [2, 1]


@pytest.mark.parametrize("kind", HUB_KINDS)
async def test_a_token_is_asked_for_and_accepted(kind: str) -> None:
    with hub_process(kind, token="open-sesame") as hub:
        assert "asks for a token (401)" in await ending(hub.url)
        wrong = await ending(hub.url, token=lambda: "open-barley")
        assert wrong.startswith("ended: ")
        assert "did not accept the token (401)" in wrong
        async with linked(hub.url, token=lambda: "open-sesame") as it:
            await it.heard.until(lambda: len(it.heard.ids) == 3)


@pytest.mark.parametrize("kind", HUB_KINDS)
async def test_another_path_ends_with_404(kind: str) -> None:
    with hub_process(kind) as hub:
        reason = await ending(hub.url + "x")
    assert reason.startswith("ended: There is no hub at this path of 127.0.0.1:")
    assert "(404)" in reason


@pytest.mark.parametrize("kind", HUB_KINDS)
async def test_a_hub_that_was_killed_and_comes_back_is_found_again(kind: str) -> None:
    port = free_port()
    with hub_process(kind, port=port) as hub:
        async with linked(hub.url, delays=(0.05,), most_retries=100) as it:
            await it.heard.until(lambda: len(it.heard.ids) == 3)
            hub.kill()
            await it.heard.until(lambda: any("refused" in state.reason for state in it.heard.states))
            with hub_process(kind, port=port):
                await it.heard.until(lambda: len(it.heard.ids) == 6)
                assert it.heard.phases.count("connected") == 2


@pytest.mark.parametrize("kind", HUB_KINDS)
async def test_a_frozen_hub_is_noticed(kind: str) -> None:
    with hub_process(kind, keep_alive=0.2) as hub:
        async with linked(hub.url, delays=(60.0,), server_timeout=0.8, ping_interval=0.2) as it:
            await it.heard.until(lambda: len(it.heard.ids) == 3)
            hub.freeze()
            state = await it.heard.state("waiting")
            assert state.reason == "The hub has been silent for 0.8 seconds."


@pytest.mark.parametrize("kind", HUB_KINDS)
async def test_closing_does_not_wait_for_a_frozen_hub(kind: str) -> None:
    with hub_process(kind) as hub:
        async with linked(hub.url) as it:
            await it.heard.until(lambda: len(it.heard.ids) == 3)
            hub.freeze()
            async with asyncio.timeout(2):
                await it.link.close()
            assert it.link.state.phase == "closed"


@pytest.mark.parametrize("kind", HUB_KINDS)
async def test_a_quiet_hub_that_keeps_alive_stays_connected(kind: str) -> None:
    silence = 3.0 if ":" in kind else 1.0  # ASP.NET's heart beats once a second
    with hub_process(kind, keep_alive=0.1, tasks=THREE_TASKS[:1]) as hub:
        async with linked(hub.url, server_timeout=silence, ping_interval=0.1) as it:
            # So many round trips take longer than the silence that would end it.
            await it.heard.until(lambda: len({state.ping_ms for state in it.heard.states}) > 12 * silence)
            assert it.heard.phases == ["connecting", "connected"]


# --- attempts


async def test_a_refused_connection_is_tried_again_ten_times_with_growing_delays() -> None:
    clock = ManualClock()
    url = f"http://127.0.0.1:{free_port()}/taskhub"
    async with linked(url, clock=clock, delays=(2, 4, 8, 16, 30)) as it:
        delays = []
        for retries in range(1, 11):
            state = await it.heard.state("waiting", retries)
            assert "Nothing listens at 127.0.0.1:" in state.reason
            delays.append(await clock.wake())
            assert state.retry_at == clock.now()
        assert delays == [2, 4, 8, 16, 30, 30, 30, 30, 30, 30]
        ended = await it.heard.state("ended")
        assert "refused" in ended.reason
        assert ended.reason.endswith("Gave up after 10 retries.")
        it.link.retry_now()
        await it.heard.state("waiting", 1)


async def test_retry_now_cuts_the_wait() -> None:
    port = free_port()
    async with linked(f"http://127.0.0.1:{port}/taskhub", clock=ManualClock()) as it:
        await it.heard.state("waiting")
        async with SampleHub(SampleHubSettings(port=port)):
            it.link.retry_now()
            await it.heard.until(lambda: it.heard.ids)


async def test_retries_count_from_zero_only_after_a_stable_connection() -> None:
    clock = ManualClock()
    async with SampleHub() as hub, linked(hub.url, clock=clock, delays=(2, 4, 8)) as it:
        await it.heard.state("connected", 0)
        hub.drop_connections()
        await it.heard.state("waiting", 1)
        assert await clock.wake() == 2
        await it.heard.state("connected", 1)
        hub.drop_connections()
        await it.heard.state("waiting", 2)
        assert await clock.wake() == 4
        await it.heard.state("connected", 2)
        assert await clock.wake() == 30
        await it.heard.state("connected", 0)
        hub.drop_connections()
        await it.heard.state("waiting", 1)
        assert await clock.wake() == 2


async def test_closing_cuts_the_wait() -> None:
    async with linked(f"http://127.0.0.1:{free_port()}/taskhub", clock=ManualClock()) as it:
        await it.heard.state("waiting")
    assert it.heard.phases == ["connecting", "waiting", "closed"]


async def test_the_token_is_asked_for_at_every_attempt() -> None:
    tokens = iter(["first-token", "second-token"])
    with RawHub(lambda peer: None, quiet) as hub:
        async with linked(hub.url, token=lambda: next(tokens)) as it:
            await it.heard.state("connected")
            bearers = [line for head in hub.heads for line in head.split("\r\n") if line.startswith("Authorization")]
            assert bearers == ["Authorization: Bearer first-token"] * 2 + ["Authorization: Bearer second-token"] * 2


# --- flow control


async def test_a_busy_listener_holds_the_hub_back_and_keeps_the_connection() -> None:
    busy, pings, held_back = threading.Event(), [], threading.Event()

    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.send_task("first")
        for _ in range(5):
            pings.append(peer.read_record(6))
        peer.connection.settimeout(0.5)
        try:
            for _ in range(1000):
                peer.send_frame(b" " * 65_536)
        except TimeoutError:
            held_back.set()
        busy.set()
        peer.read_to_end()

    def take() -> None:
        busy.wait(PATIENCE)

    with RawHub(script) as hub:
        async with linked(hub.url, ping_interval=0.05, server_timeout=0.2, take=take) as it:
            await it.heard.until(lambda: it.heard.ids == ["first"])
            assert held_back.is_set()
            assert len(pings) == 5


async def test_closing_does_not_wait_for_a_busy_listener() -> None:
    busy, free = threading.Event(), threading.Event()

    def take() -> None:
        busy.set()
        free.wait(PATIENCE)

    settings = SampleHubSettings(feed=FeedSettings(rate=0))
    async with SampleHub(settings) as hub, linked(hub.url, take=take) as it:
        assert await asyncio.to_thread(busy.wait, PATIENCE)
        async with asyncio.timeout(2):
            await it.link.close()
        free.set()
        for thread in threading.enumerate():
            if thread.name == "hub link":
                await asyncio.to_thread(thread.join, PATIENCE)
        assert len(it.heard.messages) == 1
