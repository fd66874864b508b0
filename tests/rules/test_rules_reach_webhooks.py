"""A rule hands a signal to a webhook of the config, which signs it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolver_tui.core.address import Address
from evolver_tui.wiring import NO_WORK, known_rules
from tests.support.connect_runs import a_hub
from tests.support.sessions import running, workspace_in
from tests.support.webhook_receiver import SECRET, Receiver

pytestmark = pytest.mark.anyio

RULES = """
[[rule]]
name = "enough"
when = "task.queued"
if = "payload.queue_size >= 20"
then = { intake = "pause", send = "ops" }
cooldown = "1h"
"""


async def test_a_rule_pauses_a_hub_stream_and_a_receiver_verifies_what_it_is_told(tmp_path: Path) -> None:
    tasks = [{"id": f"t{number}", "taskName": "A task", "llmTaskType": "summarize"} for number in range(50)]
    with Receiver() as receiver:
        config = f'[listeners.ops]\nkind = "webhook"\nurl = "{receiver.url}"\nsecret_env = "OPS_SECRET"\n'
        place = workspace_in(tmp_path, f'{config}signals = "custom.none"\n', {"OPS_SECRET": SECRET})
        place.paths.rules_file.write_text(RULES)
        hub = a_hub(*tasks)
        await hub.start()
        try:
            async with running(place, work=NO_WORK) as (session, watch):
                await session.connect(Address(hub.url))
                fired = await watch.until("rule.fired")
                assert fired.payload["actions"] == ["pause intake", "send to ops"]
                (delivery,) = await asyncio.to_thread(receiver.wait_for, 1)
                assert session.hub.paused_by == "enough"
        finally:
            await hub.close()
    assert (delivery.event["name"], delivery.event["context"]["rule"]) == ("task.queued", "enough")
    assert delivery.event["payload"]["queue_size"] == 20


def test_a_listener_that_is_mistyped_is_named(tmp_path: Path) -> None:
    config = '[listeners.ops]\nkind = "webhook"\nurl = "https://example.com"\nsecret_env = "OPS_SECRET"\n'
    place = workspace_in(tmp_path, config)
    place.paths.rules_file.write_text(RULES.replace('"ops"', '"opps"'))
    (problem,) = known_rules(place).problems
    assert str(problem) == f"{place.paths.rules_file}, line 6: there is no listener opps. Did you mean 'ops'?"
