"""A folder held by its descriptor: whatever lies in it, no name leads out of it."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from types import TracebackType

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class SafeFolder:
    """One open folder. Links inside it are never followed, so a planted one cannot redirect a read or a write.

    Names are single path parts that the caller made or found with `names`. Every method raises OSError.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> SafeFolder:
        """Open a folder that a person chose: `path` itself may be a link."""
        if create:
            path.mkdir(parents=True, exist_ok=True)
        return cls(os.open(path, _FOLDER))

    def folder(self, name: str, *, create: bool = False) -> SafeFolder:
        """Open a folder in this one; a link in its place is an error."""
        if create and not self.has(name):
            os.mkdir(name, dir_fd=self._descriptor)
        return SafeFolder(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._descriptor))

    def has(self, name: str) -> bool:
        """Whether anything, even a dangling link, has this name."""
        try:
            os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> list[str]:
        """Every name in the folder, sorted."""
        return sorted(os.listdir(self._descriptor))

    def read(self, name: str, limit: int) -> bytes:
        """A regular file's bytes; more than `limit` of them, a link, a pipe or a device is an error."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{name} is not a regular file")
            content = file.read(limit + 1)
        if len(content) > limit:
            raise OSError(f"{name} is larger than {limit:,} bytes")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Make a file that does not exist yet, on the disk when this returns."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o666, dir_fd=self._descriptor), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def append(self, name: str, content: bytes) -> None:
        """Add to a regular file, or make it; on the disk when this returns. A link or a pipe is an error."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o666, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "ab") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{name} is not a regular file")
            file.write(content)
            file.flush()
            os.fsync(descriptor)

    def open_file(self, name: str, *, for_appending: bool = False) -> int:
        """Open a regular file for reading, or for adding to it, when it is made where it is missing.

        The caller closes it. A link, a pipe or a device is an error.
        """
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT if for_appending else os.O_RDONLY
        descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666, dir_fd=self._descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{name} is not a regular file")
        return descriptor

    def inode(self, name: str) -> int:
        """The number of the file that has this name at the moment; 0 where there is none."""
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_ino
        except FileNotFoundError:
            return 0

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            pass

    def size(self, name: str) -> int:
        """A file's bytes; 0 where there is none."""
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def changed_at(self, name: str) -> int:
        """When a file's or folder's content changed last, in nanoseconds since 1970."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mtime_ns

    def move(self, name: str, target: SafeFolder, target_name: str) -> None:
        """Rename atomically into `target`, in the place of a file that has this name there."""
        os.rename(name, target_name, src_dir_fd=self._descriptor, dst_dir_fd=target._descriptor)

    def lock_file(self, name: str) -> int:
        """Open, and make where it is missing, a file that only serves to be locked; the caller closes it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o666, dir_fd=self._descriptor)

    def remove_tree(self, name: str) -> None:
        """Remove a folder and what is in it; a link in its place is an error."""
        shutil.rmtree(name, dir_fd=self._descriptor)

    def empty(self) -> None:
        """Remove everything in the folder."""
        for name in self.names():
            if self.is_folder(name):
                self.remove_tree(name)
            else:
                os.unlink(name, dir_fd=self._descriptor)

    def is_file(self, name: str) -> bool:
        """Whether this name is a regular file."""
        return stat.S_ISREG(os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mode)

    def is_folder(self, name: str) -> bool:
        """Whether this name is a folder, and no link to one."""
        return stat.S_ISDIR(os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mode)

    def sync(self) -> None:
        """Put the folder's list of names on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._descriptor)

    def __enter__(self) -> SafeFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
