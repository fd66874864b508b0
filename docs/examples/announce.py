"""A routine of one's own: it drafts an announcement, asks who is to read it, and puts it into an outbox."""

from __future__ import annotations

from pathlib import Path

from evolver_tui.routines import AnswerAction, Question, Retry, Run, Task

OUTBOX = Path("outbox")

AUDIENCE = {
    "type": "object",
    "properties": {
        "audience": {"type": "string", "title": "Audience", "enum": ["customers", "colleagues"]},
        "note": {"type": "string", "title": "A line to add"},
    },
    "required": ["audience"],
}


async def announce(run: Run, task: Task) -> dict[str, str]:
    """Called from its top each time the job is taken up; what a step or a question gave is not done again."""
    draft = await run.step("draft", write_draft, task.name, timeout=60, retry=Retry(attempts=3))

    run.shared_data["draft"] = draft
    run.shared_log.append({"action": "drafted", "length": len(draft)})
    run.defer("announce.answered", {"task": task.name})

    answer = await run.ask(Question("audience", f"Who is to read this?\n\n{draft}", AUDIENCE))
    if answer.action is not AnswerAction.ACCEPT:
        return {"published": "nothing"}

    audience = answer.content["audience"]
    text = "\n".join([draft, answer.content.get("note", "")]).strip()
    file = await run.step("publish", publish, task.id, audience, text)
    run.emit("announce.published", {"file": file, "audience": audience})
    return {"published": file}


async def write_draft(subject: str) -> str:
    """Stands for a call that takes long or costs money: it is made once."""
    return f"We have news: {subject}."


async def publish(task_id: str, audience: str, text: str) -> str:
    """A step that was cut off is tried again, so it writes the same file under the same name."""
    file = OUTBOX / f"{task_id}-{audience}.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text + "\n")
    return str(file)
