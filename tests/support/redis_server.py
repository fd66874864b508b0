"""A redis-server of a test's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.server_process import ServerProcess


class RedisServer(ServerProcess):
    """A private redis-server that keeps nothing on the disk.

    Args:
        password: of the default user; empty lets everybody in.
        user: a further user, with `user_password`; the default one may do nothing then.
        rights: of that user, as Redis' access list has them.
        tls: files with its certificate and key; plain connections are refused then.
    """

    program = "redis-server"

    def __init__(
        self,
        *,
        password: str = "",
        user: str = "",
        user_password: str = "",
        rights: str = "~* &* +@all",
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        super().__init__()
        lines = ["bind 127.0.0.1", "save ''", "appendonly no", f"dir {self.folder}", "protected-mode no"]
        if tls:
            lines += ["port 0", f"tls-port {self.port}", f"tls-cert-file {tls[0]}", f"tls-key-file {tls[1]}"]
            lines += ["tls-auth-clients no"]
        else:
            lines += [f"port {self.port}"]
        if password:
            lines += [f"requirepass {password}"]
        if user:
            lines += [f"user {user} on >{user_password} {rights}", "user default off"]
        self._config = self.folder / "redis.conf"
        self._config.write_text("\n".join([*lines, ""]), "utf-8")

    def arguments(self) -> Sequence[str]:
        return (str(self._config),)
