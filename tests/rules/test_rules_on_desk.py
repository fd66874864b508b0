"""What rules did stands where it was done: on the card, beside the hub, and as a notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.core.address import Address
from evolver_tui.signals import emit_signal
from tests.support.connect_runs import a_hub
from tests.support.desk_fixtures import WIDE, console
from tests.support.sessions import SUMMARIZE, TRANSLATE, workspace_in

pytestmark = pytest.mark.anyio

RULES = """
[[rule]]
name = "ho[l]d"
when = "custom.stop"
then = { intake = "pause", notify = "Enough for now." }

[[rule]]
name = "first"
when = "custom.urgent"
then = { priority = "high", tag = "urgent" }

[[rule]]
name = "bad"
when = "custom.x"
then = { intak = "pause" }
"""


async def test_what_a_rule_did_is_shown_on_what_it_touched(tmp_path: Path) -> None:
    file = workspace_in(tmp_path).paths.rules_file
    file.parent.mkdir(parents=True)
    file.write_text(RULES)
    hub = a_hub({**SUMMARIZE, "llmTaskType": "odd"})
    await hub.start()
    try:
        async with console(tmp_path, size=WIDE) as desk:
            await desk.until(lambda: any("A rule is left out" in notice for notice in desk.notices), "the bad rule")
            await desk.session.connect(Address(hub.url))
            await desk.until(lambda: "? task-1" in desk.text(), "the question")
            emit_signal("custom.urgent", {}, {"task_id": "task-1"})
            await desk.until(lambda: "Rule first: priority high, tag urgent." in desk.text(), "the card")
            emit_signal("custom.stop")
            await desk.until(lambda: "intake paused by rule ho[l]d" in desk.text(), "the hub pane")
            await desk.until(lambda: "Enough for now. (rule ho[l]d)" in desk.notices, "the notice")
            assert "Intake is paused by rule ho[l]d." in desk.notices
            await desk.decide("p")
            await desk.until(lambda: "intake paused" not in desk.text(), "the way back")
            assert not desk.session.hub.is_paused
    finally:
        await hub.close()


async def test_a_review_says_that_a_rule_wants_it(tmp_path: Path) -> None:
    file = workspace_in(tmp_path).paths.rules_file
    file.parent.mkdir(parents=True)
    file.write_text('[[rule]]\nname = "look"\nwhen = "node.checked"\nthen = { review = true }\n')
    async with console(tmp_path, size=WIDE) as desk:
        await desk.receive(TRANSLATE)
        await desk.until(lambda: "Rule look: mark for review." in desk.text(), "the card")
