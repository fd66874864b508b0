"""The choice of a hub: what is offered, what is said about it, and what is no hub."""

from __future__ import annotations

import pytest
from textual.events import Paste
from textual.widgets import Input

from evolver_tui.core.address import Address
from evolver_tui.core.link_state import LinkState
from evolver_tui.tui.modals import ConnectChoice, ConnectModal
from tests.support.modal_host import NOTHING_YET, SMALL, WIDE, Host, opened, press, show, shown

pytestmark = pytest.mark.anyio

KNOWN = Address("https://hub.example:8443/taskhub")
SAMPLE = "Sample hub (in this process, made-up tasks)"


async def test_a_hub_is_chosen() -> None:
    host = Host()
    async with host.run_test(size=SMALL) as pilot:
        for first, then, url in (
            ([], ["enter"], KNOWN),
            ([], ["2", "enter"], ""),
            ([], ["down", "enter"], ""),
            (["3"], [*"ws://h/x", "enter"], "ws://h/x"),
            (["down", "down"], [*"ws://h/x", "enter"], "ws://h/x"),
            (["tab", *"http://h", "up"], ["enter"], ""),
        ):
            await show(pilot, host, ConnectModal([KNOWN], now=host.clock))
            text = shown(host)
            assert f"1 ●  {KNOWN}" in text
            assert f"2 ○  {SAMPLE}" in text
            assert "EVOLVER_HUB_TOKEN" in text
            await press(pilot, *first)
            await press(pilot, *then)
            assert host.result == ConnectChoice(Address(str(url)), is_sample=not url), (first, then)


async def test_the_sample_hub_is_offered_first_where_no_other_is_known_or_where_it_is_in_use() -> None:
    host = Host()
    async with host.run_test(size=SMALL) as pilot:
        for modal in (ConnectModal(now=host.clock), ConnectModal([KNOWN], prefers_sample=True, now=host.clock)):
            await show(pilot, host, modal)
            assert f"1 ●  {SAMPLE}" in shown(host)
            await press(pilot, "enter")
            assert host.result == ConnectChoice(Address(), is_sample=True)


async def test_choosing_the_sample_hub_says_where_its_tasks_come() -> None:
    host = Host()
    words = "come into the database of your real tasks"
    async with host.run_test(size=SMALL) as pilot:
        await show(pilot, host, ConnectModal([KNOWN], now=host.clock))
        assert words not in shown(host)
        await press(pilot, "2")
        assert f"! Its sample tasks {words}" in shown(host)
        await press(pilot, "1")
        assert words not in shown(host)
        await press(pilot, "escape")
        await show(pilot, host, ConnectModal(now=host.clock))
        assert words in shown(host)
        await press(pilot, "escape")
        await show(pilot, host, ConnectModal([KNOWN], prefers_sample=True, keeps_sample_tasks=False, now=host.clock))
        assert words not in shown(host)


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_the_hub_in_use_its_state_and_the_whole_reason_stand_on_top(size: tuple[int, int]) -> None:
    host = Host()
    reason = "The hub at hub.example:8443 says: " + "no room here, " * 25 + "and that is all."
    link = LinkState("ended", KNOWN, 0.0, reason=reason)
    async with opened(ConnectModal([KNOWN], link, now=host.clock, wall_now=lambda: 0.0), host, size) as pilot:
        text = shown(host)
        assert "✗ ended" in text
        assert f"1 ●  {KNOWN}" in text
        assert "esc stay disconnected" in text
        assert host.screen.region.contains_region(host.screen.query_one("#window").region)
        await press(pilot, "pagedown")
        words = " ".join(f"{text}{shown(host)}".replace("│", " ").split())
        assert "hub.example:8443 says: no room here" in words
        assert "no room here, and that is all." in words


async def test_of_several_pasted_lines_the_first_address_is_taken_and_that_is_said() -> None:
    host = Host()
    for pasted, value, remark in (
        ("http://h/x", "http://h/x", ""),
        ("\n  http://h/x \n", "http://h/x", ""),
        (
            "my hub:\nhttp://h/x\nhttp://h/y",
            "http://h/x",
            "Of the 3 lines that were pasted, the first address was taken.",
        ),
        ("no\nhub", "no", "Of the 2 lines that were pasted, the first line was taken."),
    ):
        async with opened(ConnectModal(now=host.clock), host, SMALL) as pilot:
            await press(pilot, "2")
            line = host.screen.query_one(Input)
            line.post_message(Paste(pasted))
            await pilot.pause()
            assert line.value == value
            assert ("that were pasted" in shown(host)) == bool(remark)
            assert remark in shown(host)
            await press(pilot, "x")
            assert "that were pasted" not in shown(host)
        host = Host()


async def test_what_is_no_hub_is_refused_with_a_sentence() -> None:
    host = Host()
    async with opened(ConnectModal(now=host.clock), host, SMALL) as pilot:
        await press(pilot, "2")
        for url in (
            "",
            "ftp://h/x",
            "localhost:5000",
            "http://",
            "http://h:port/",
            "http://me:secret@h/",
            "http://h/x?token=abc",
        ):
            host.screen.query_one(Input).value = url
            await press(pilot, "enter")
            assert "! A hub is reached by" in shown(host), url
            assert host.result is NOTHING_YET, url
        await press(pilot, "escape")
    assert host.result is None
