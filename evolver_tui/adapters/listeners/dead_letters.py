"""What a listener could not deliver: a file of whole lines, to which a console appends while a command takes away."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from evolver_tui.adapters.listeners.webhook_message import Message
from evolver_tui.settings.listener_config import WebhookListener
from evolver_tui.settings.paths import Paths, absolute
from evolver_tui.settings.private_file import write_private
from evolver_tui.settings.regular_file import open_regular


class DeadLetters:
    """A file of messages, one a line, for its owner alone. Safe in any thread and beside other processes.

    Args:
        path: the file; it and its folder are made with the first message.
        max_bytes: how large it may grow.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def append(self, message: Message, reason: str) -> bool:
        """Keep a message; False where the file is full, and the message is lost. Raises OSError."""
        line = message.to_line(reason)
        with self._lock, self._locked() as descriptor:
            size = os.fstat(descriptor).st_size
            if size + len(line) > self._max_bytes:
                return False
            if os.write(descriptor, line) < len(line):  # the disk is full: half a line helps nobody
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            return True

    def read(self) -> Iterator[Message | None]:
        """What lies there, in its order, as it is at the beginning; None for a line that is no message.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            file = open_regular(self.path)
        except FileNotFoundError:
            return
        with file:
            rest = os.fstat(file.fileno()).st_size
            while rest > 0 and (line := file.readline()):
                rest -= len(line)
                try:
                    yield Message.from_line(line)
                except (ValueError, RecursionError):
                    yield None

    def remove(self, ids: Collection[str]) -> None:
        """Take messages away; what was appended meanwhile stays. Raises OSError."""
        if not ids:
            return
        with self._lock, self._locked():
            kept = [line for line in self.path.read_bytes().splitlines(keepends=True) if _id_of(line) not in ids]
            write_private(self.path, b"".join(kept))

    def close(self) -> None:
        """Let go of the file; a later message opens it again."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """The file, open for appending, and no other process at it."""
        while True:
            if self._descriptor is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
                self._descriptor = os.open(self.path, flags, 0o600)
            descriptor = self._descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(self.path, descriptor):
                break
            self._let_go()  # another process put another file in its place
        try:
            yield descriptor
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def dead_letters_of(name: str, config: WebhookListener, paths: Paths) -> DeadLetters:
    """The dead letters of a listener. Raises UsageError for a path that nobody can know."""
    path = absolute(Path(config.dead_letters)) if config.dead_letters else paths.undelivered / f"{name}.jsonl"
    return DeadLetters(path, int(config.dead_letters_mb * 1_000_000))


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _id_of(line: bytes) -> str | None:
    try:
        return Message.from_line(line).id
    except (ValueError, RecursionError):
        return None
