"""The hub on the desk: why a link ended can be read in full, and no sample task comes in by mistake."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from evolver_tui.adapters.sample_hub.feed import FeedSettings
from evolver_tui.adapters.sample_hub.hub import SampleHub, SampleHubSettings
from evolver_tui.core.address import Address
from evolver_tui.tui.modals import ConfirmModal, ConnectModal, SignalModal
from tests.support.desk_fixtures import SMALL, WIDE, Console, console
from tests.support.hostile import squeezed, text_on
from tests.support.hubs import Peer, RawHub, http_response
from tests.support.request_hub import HANDSHAKE, Reply, RequestHub
from tests.support.sessions import SUMMARIZE

pytestmark = pytest.mark.anyio

ADVICE = "Put a valid token into EVOLVER_HUB_TOKEN, or into the variable that token_env names in the config."


def words_of(text: str) -> str:
    """What is written, without frames and line ends."""
    return " ".join(text.replace("│", " ").replace("▌", " ").split())


def words_on_hub(desk: Console) -> str:
    """What the hub pane says."""
    hub = desk.desk.hub
    return words_of("\n".join(hub.render_line(y).text for y in range(hub.size.height)))


async def open_dialog(desk: Console, kind: type[ConnectModal] | type[ConfirmModal], *keys: str) -> None:
    """Press keys that lead to a dialog, and wait until its keys count."""
    desk.clock.seconds += 1
    await desk.press(*keys)
    await desk.let_it_be_alone()
    await desk.until_open(kind)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_why_a_hub_ended_is_read_in_full_in_every_place(tmp_path: Path, size: tuple[int, int]) -> None:
    with RawHub(answer=lambda head: http_response("401 Unauthorized")) as hub:
        reason = f"The hub at 127.0.0.1:{hub.port} asks for a token (401). {ADVICE}"
        async with console(tmp_path, size=size) as desk:
            await desk.session.connect(Address(hub.url))
            await desk.until(lambda: any(ADVICE in notice for notice in desk.notices), "the notice")
            assert desk.notices == [f"The hub link has ended. {reason}"]
            if size == WIDE:
                await desk.until(lambda: reason in words_on_hub(desk), "the hub pane")
            desk.app.clear_notifications()

            await desk.press("tab", "tab")
            await desk.until(lambda: "reason=The hub at 127.0.0.1" in desk.text(), "the feed")
            await desk.press("enter")
            await desk.until_open(SignalModal)
            assert isinstance(desk.app.screen, SignalModal)
            assert squeezed(reason) in text_on(desk.app.screen.query_one("#window"))
            assert desk.app.screen.signal.name == "hub.ended"
            await desk.press("k")
            await desk.until(lambda: "─ hub.connecting ─" in desk.text(), "an older signal")
            await desk.press("escape")
            await desk.until(lambda: desk.app.screen is desk.desk, "the desk")

            await open_dialog(desk, ConnectModal, "c")
            assert squeezed(reason) in text_on(desk.app.screen.query_one("#window"))


async def test_each_end_is_told_once(tmp_path: Path) -> None:
    with RawHub(answer=lambda head: http_response("404 Not Found")) as hub:
        async with console(tmp_path) as desk:
            await desk.session.connect(Address(hub.url))
            await desk.until(lambda: len(desk.notices) == 1)
            assert desk.desk.hub.region.height == 10
            desk.app.clear_notifications()
            await desk.receive(SUMMARIZE)
            await desk.until(lambda: "needs you 1" in desk.text())
            assert not any("has ended" in notice for notice in desk.notices)
            await desk.decide("C")
            await desk.until(lambda: any("has ended" in notice for notice in desk.notices), "the second end")


async def test_enter_in_the_dialog_keeps_the_hub_that_is_in_use(tmp_path: Path) -> None:
    with RawHub(answer=lambda head: http_response("404 Not Found")) as hub:
        chosen: list[Address] = []
        async with console(tmp_path, remember_url=chosen.append) as desk:
            await open_dialog(desk, ConnectModal, "c")
            await desk.answer("2", *hub.url.replace("127.0.0.1", "localhost"))
            await desk.until(lambda: desk.app.screen is desk.desk)
            await open_dialog(desk, ConnectModal, "c")
            assert f"1 ●  {chosen[0]}" in desk.text()
            assert "2 ○  Sample hub" in desk.text()
            await desk.decide("enter")
            await desk.until(lambda: len(chosen) == 2, "the same hub again")
            assert chosen[0] == chosen[1]


async def test_sample_tasks_come_among_real_ones_only_after_a_confirmation(tmp_path: Path) -> None:
    started: list[str] = []

    async def start() -> Address:
        started.append("")
        return Address("http://127.0.0.1:9/taskhub")

    async with console(tmp_path, remembered_url=Address("http://127.0.0.1:9/real"), sample_hub=start) as desk:
        await open_dialog(desk, ConnectModal, "c")
        assert "1 ●  http://127.0.0.1:9/real" in desk.text()
        await open_dialog(desk, ConfirmModal, "2", "enter")
        assert "http://127.0.0.1:9/real is not listened to meanwhile" in words_of(desk.text())
        await desk.press("enter")
        await desk.until(lambda: desk.app.screen is desk.desk)
        assert (started, desk.session.hub.link_state) == ([], None)
        await open_dialog(desk, ConnectModal, "c")
        await open_dialog(desk, ConfirmModal, "2", "enter")
        await desk.decide("y")
        await desk.until(lambda: started == [""], "the sample hub")
        await open_dialog(desk, ConnectModal, "c")
        assert "1 ●  Sample hub" in desk.text()


async def test_a_first_start_asks_before_made_up_tasks_reach_the_database_and_the_model(tmp_path: Path) -> None:
    started: list[str] = []

    async def start() -> Address:
        started.append("")
        return Address("http://127.0.0.1:9/taskhub")

    async with console(tmp_path, sample_hub=start, database="/home/ada/evolver.db") as desk:
        await open_dialog(desk, ConnectModal, "c")
        await open_dialog(desk, ConfirmModal, "enter")
        words = words_of(desk.text())
        assert "They come into the database /home/ada/evolver.db, and the offline author works on them." in words
        assert "evolver-tui --demo" in words
        await desk.press("enter")
        await desk.until(lambda: desk.app.screen is desk.desk)
        assert (started, desk.session.hub.link_state) == ([], None)


async def test_a_sample_hub_by_its_address_is_heard_only_after_a_confirmation(tmp_path: Path) -> None:
    hub = SampleHub(SampleHubSettings(feed=FeedSettings(rate=0, count=1)))
    await hub.start()
    async with console(tmp_path) as desk:
        await desk.session.connect(Address(hub.url), takes_samples=False)
        await desk.until_open(ConfirmModal)
        assert "Connect to a sample hub?" in desk.text()
        await desk.press("n")
        await desk.until(lambda: desk.app.screen is desk.desk)
        assert (await desk.session.store.counts()).total == 0
        await open_dialog(desk, ConfirmModal, "C")
        await desk.decide("y")
        await desk.until(lambda: "task-1" in desk.text(), "its task")
    await hub.close()


async def test_a_hub_with_tasks_of_somebody_s_own_is_no_sample_hub(tmp_path: Path) -> None:
    hub = SampleHub(SampleHubSettings(feed=FeedSettings(tasks=(SUMMARIZE,), rate=0, count=1)))
    await hub.start()
    async with console(tmp_path) as desk:
        await desk.session.connect(Address(hub.url), takes_samples=False)
        await desk.until(lambda: "task-1" in desk.text(), "its task")
    await hub.close()


async def test_an_address_is_offered_without_the_secret_that_it_holds(tmp_path: Path) -> None:
    async with console(tmp_path, remembered_url=Address("http://127.0.0.1:9/x?access_token=abcdefgh12345678")) as desk:
        await open_dialog(desk, ConnectModal, "c")
        assert "http://127.0.0.1:9/x" in desk.text()
        assert "abcdefgh" not in desk.text()


async def test_a_hub_that_calls_another_method_is_seen_to_until_it_calls_the_right_one(tmp_path: Path) -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.shake_hands()
        for _ in range(3):
            peer.send({"type": 1, "target": "ReceiveTask", "arguments": [{"id": "task-1"}]})
        go_on.wait(30)
        peer.send_task("task-2")
        peer.read_to_end()

    with RawHub(script) as hub:
        async with console(tmp_path, size=WIDE) as desk:
            await desk.session.connect(Address(hub.url))
            await desk.until(lambda: "The hub calls ReceiveTask (3 times)" in words_on_hub(desk), "what it calls")
            assert desk.text().count("hub.method_unheard") == 1
            go_on.set()
            await desk.until(lambda: "The hub calls" not in words_on_hub(desk), "the rates")


async def test_the_hub_pane_says_how_it_is_connected_where_that_is_not_by_websockets(tmp_path: Path) -> None:
    with RequestHub("LongPolling") as hub:
        hub.polls.put(Reply(body=HANDSHAKE.encode()))
        async with console(tmp_path, size=WIDE) as desk:
            await desk.session.connect(Address(hub.url))
            await desk.until(lambda: "long polling" in words_on_hub(desk), "the transport")
