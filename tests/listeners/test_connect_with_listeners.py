"""`evolver-tui connect` on a real hub, with listeners: what leaves the process by each of them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.connect_runs import a_hub
from tests.support.processes import Connect, in_thread
from tests.support.sessions import GENERATE, SUMMARIZE
from tests.support.webhook_receiver import SECRET, Receiver

CONFIG = """
[listeners.ops]
kind = "webhook"
url = "{url}"
secret_env = "OPS_SECRET"
signals = "task.*"
body = "cloudevents"

[listeners.log]
kind = "file"
path = "{folder}/signals.jsonl"

[listeners.note]
kind = "notice"
signals = "task.completed"
every_seconds = 0
"""


def test_a_webhook_of_a_real_stream_is_signed_and_whole(tmp_path: Path) -> None:
    with Receiver() as receiver, in_thread(a_hub(SUMMARIZE, GENERATE)) as hub:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "config.toml").write_text(CONFIG.format(url=receiver.url, folder=tmp_path))
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "secrets.toml").write_text(f'OPS_SECRET = "{SECRET}"\n')
        (tmp_path / "data" / "secrets.toml").chmod(0o600)
        with Connect(tmp_path, {"hub_url": hub.url}, "--home", str(tmp_path)) as process:
            process.until("task_completed", 2)
            code, result = process.finish()
    assert code == 0
    assert result["success"] is True
    logged = [json.loads(line) for line in (tmp_path / "signals.jsonl").read_text().splitlines()]
    of_tasks = [each for each in logged if "task." in each["name"]]
    assert [delivery.event["data"] for delivery in receiver.deliveries] == of_tasks
    assert {delivery.event["subject"] for delivery in receiver.deliveries} == {"task-1", "task-2"}
    assert len({delivery.id for delivery in receiver.deliveries}) == len(of_tasks) >= 6
    notices = [event["text"] for event in process.events if event["event"] == "notice"]
    assert sorted(text.partition(":")[0] for text in notices) == ["task.completed, task-1", "task.completed, task-2"]
    assert not (tmp_path / "data" / "undelivered").exists()


RULE = """
[[rule]]
name = "enough"
when = "task.queued"
if = { priority = "high" }
then = { intake = "pause", send = "ops" }
"""


def test_a_rule_holds_a_real_hub_back_and_a_webhook_hears_of_it(tmp_path: Path) -> None:
    with Receiver() as receiver, in_thread(a_hub(SUMMARIZE, GENERATE)) as hub:
        (tmp_path / "config").mkdir()
        config = CONFIG.replace("task.*", "rule.fired").format(url=receiver.url, folder=tmp_path)
        (tmp_path / "config" / "config.toml").write_text(config)
        (tmp_path / "config" / "rules.toml").write_text(RULE)
        (tmp_path / "config" / "secrets.toml").write_text(f'OPS_SECRET = "{SECRET}"\n')
        (tmp_path / "config" / "secrets.toml").chmod(0o600)
        with Connect(tmp_path, {"hub_url": hub.url}, "--home", str(tmp_path)) as process:
            sent, fired = receiver.wait_for(2)
            process.finish()
    assert sent.event["type"] == "evolver.task.queued"
    assert sent.event["data"]["payload"]["priority"] == "high"
    assert sent.event["data"]["context"]["rule"] == "enough"
    assert fired.event["data"]["payload"]["actions"] == ["pause intake", "send to ops"]
    logged = [json.loads(line) for line in (tmp_path / "signals.jsonl").read_text().splitlines()]
    assert "intake.paused" in [each["name"] for each in logged]


def test_kill_9_loses_what_waited_and_nothing_that_was_put_aside(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(CONFIG.format(url="http://127.0.0.1:1/", folder=tmp_path))
    with in_thread(a_hub(SUMMARIZE)) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("task_completed")
        process.kill()
    letters = tmp_path / "data" / "undelivered" / "ops.jsonl"
    if letters.exists():
        assert all(json.loads(line)["id"].startswith("msg_") for line in letters.read_text().splitlines())
    logged = (tmp_path / "signals.jsonl").read_text()
    assert logged.endswith("\n")
    assert all(json.loads(line) for line in logged.splitlines())
