"""Routines that keep their process busy, or end it, for tests and measurements of who notices."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from evolver_tui.routines import Question, Run, SharedFault, Task


async def spins(run: Run, task: Task) -> str:
    """Burns CPU and never gives the loop back, until there is a file `enough` in the task's folder."""
    folder = Path(task.raw["folder"])
    await run.step("begin", begin, folder)
    while not (folder / "enough").exists():
        pass
    return "enough"


async def begin(folder: Path) -> int:
    """Leave the number of this process in the file `began`."""
    (folder / "began.part").write_text(str(os.getpid()))
    (folder / "began.part").rename(folder / "began")
    return os.getpid()


async def exits(run: Run, task: Task) -> None:
    """Ends its process with exit code 3."""
    os._exit(3)


async def crashes(run: Run, task: Task) -> None:
    """Says something and crashes as C code does."""
    print("the last thing that was done", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


async def asks(run: Run, task: Task) -> dict[str, int]:
    """Asks a person, and says in which processes it ran."""
    first = await run.step("first", process_id)
    await run.ask(Question("go", "Shall it go on?"))
    return {"first": first, "second": os.getpid()}


async def process_id() -> int:
    """The number of this process."""
    return os.getpid()


async def leaves_a_thread(run: Run, task: Task) -> str:
    """Ends, and leaves a thread behind that never does."""
    threading.Thread(target=threading.Event().wait).start()
    return "done"


async def mails(run: Run, task: Task) -> str:
    """Needs the file `server` in the task's folder."""
    return await run.step("mail", mail, Path(task.raw["folder"]))


async def mail(folder: Path) -> str:
    """Send it, if there is a server."""
    with (folder / "tries").open("a") as tries:
        tries.write("x")
    if not (folder / "server").exists():
        raise SharedFault("The mail server is away.", "Start it.", shared="mail server", retry_after=600)
    return "sent"
