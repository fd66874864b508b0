"""A draft that is sent back in a real terminal: the next one is decided about from what changed, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.hubs import hub_process
from tests.support.sessions import SUMMARIZE
from tests.support.terminal import ENTER, SMALL, WIDE, look
from tests.support.terminal_steps import NODE, leave, saved_nodes, started, to_review

REASON = "an empty text crashes it"


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x40", "80x24"])
def test_a_reviewer_decides_on_a_second_draft_from_the_diff_tab_alone(tmp_path: Path, size: tuple[int, int]) -> None:
    home = tmp_path / "home"
    with hub_process("sample", tasks=(SUMMARIZE,)) as hub, started(home, "--hub", hub.url, size=size) as terminal:
        to_review(terminal)
        terminal.send("r")
        terminal.wait_for(f"Why is {NODE} sent back?")
        look()
        terminal.send(REASON)
        terminal.wait_for(REASON)
        look()
        terminal.send(ENTER)
        terminal.wait_for("a approve", f"reason  {REASON}")
        terminal.send("l")  # the page beside it, which is not the code either
        terminal.wait_without(f"reason  {REASON}")
        terminal.send("d")
        terminal.wait_for(f"reason  {REASON}", "An empty input gives an empty result")
        terminal.wait_without("keys decide once you scroll", "keys after 3 s")
        look()
        terminal.send("a")
        terminal.wait_until(
            lambda screen: re.search(f"task-1 saved as {NODE} v1|approved", screen), "the approved task"
        )
        terminal.wait_without("needs you")
        assert saved_nodes(home) == [NODE]
        assert leave(terminal) == 0
