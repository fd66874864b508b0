"""The config's section on the workflow service and its gateway."""

from __future__ import annotations

from collections.abc import Mapping

from evolver_tui.core.address import Address
from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.values import a_name, a_variable, address, between, one_line

NATS_SCHEMES = ("nats", "tls", "ws", "wss")


class WorkflowConfig(Section):
    """Chats over NATS and Redis."""

    nats_url: Address = setting(Address(), "NATS. Empty: NATS_URL, else nats://localhost:4222.", address(*NATS_SCHEMES))
    nats_user: str = setting("", "The user at NATS, with the password in NATS_PASSWORD.", one_line)
    nats_password_env: str = setting("NATS_PASSWORD", "The environment variable that holds the password.", a_variable)
    nats_token_env: str = setting("NATS_TOKEN", "The environment variable that holds a token.", a_variable)
    nats_credentials: str = setting("", "A credentials file (.creds) for NATS.", one_line)
    nats_nkey: str = setting("", "A file with an nkey's seed.", one_line)
    nats_ca: str = setting("", "A file of certificates that NATS is trusted by. Empty: the system's.", one_line)
    nats_certificate: str = setting("", "A file with our own certificate for NATS.", one_line)
    nats_key: str = setting("", "A file with its key.", one_line)
    redis_host: str = setting("", "Redis. Empty: REDIS_HOST, else localhost.", one_line)
    redis_port: int = setting(0, "Its port. 0: REDIS_PORT, else 6379.", between(0, 65535))
    redis_user: str = setting("", "The user at Redis. Empty: the default one.", one_line)
    redis_password_env: str = setting("REDIS_PASSWORD", "The environment variable that holds the password.", a_variable)
    redis_database: int = setting(0, "The number of the database.", between(0, 1_000))
    redis_tls: bool = setting(False, "Speak TLS with Redis.")
    redis_ca: str = setting("", "A file of certificates that Redis is trusted by. Empty: the system's.", one_line)
    durable: bool = setting(False, "Take requests from JetStream, which hands out again what was not answered.")
    concurrency: int = setting(8, "How many answers are written at once.", between(1, 1_000))
    max_attempts: int = setting(5, "How often a request is handed out before it is parked (durable).", between(1, 100))
    ack_seconds: float = setting(
        30.0,
        "Seconds without a word of an instance, then JetStream hands its request to another.",
        between(1, 3600),
    )
    answer_seconds: float = setting(300.0, "Seconds that one answer may take.", between(1, 86_400))
    answer_tokens: int = setting(0, "Tokens that one answer may cost with its tools. 0: no bound.", between(0, 10**8))
    history_messages: int = setting(40, "Messages of a conversation that are kept and sent along.", between(0, 1_000))
    history_characters: int = setting(40_000, "Characters of those in all.", between(0, 10_000_000))
    models: tuple[str, ...] = setting((), "Models that a chat may ask for beside the one of [backend].")
    tools: tuple[str, ...] = setting(
        ("*",), "Tools and approved nodes that a model may call, by name. *: all but http tools, none: []."
    )
    tool_rounds: int = setting(5, "How often one answer may call tools before it has to end.", between(0, 100))
    gateway_host: str = setting("127.0.0.1", "Where the gateway listens.", a_name)
    gateway_port: int = setting(8080, "Its port.", between(0, 65535))
    gateway_token_env: str = setting(
        "EVOLVER_GATEWAY_TOKEN", "The environment variable that holds the gateway's bearer token.", a_variable
    )
    gateway_origins: tuple[str, ...] = setting((), "Origins of pages that may use the gateway, beside its own.")
    pod_id: str = setting("", "The gateway's name among pods. Empty: the host's and the process's number.", one_line)

    def is_used(self, environ: Mapping[str, str]) -> bool:
        """Whether anybody said, here or by the environment, that there are chats."""
        return self != WorkflowConfig() or any(environ.get(name, "").strip() for name in ("NATS_URL", "REDIS_HOST"))

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The names under which secrets are looked for."""
        return (self.nats_password_env, self.nats_token_env, self.redis_password_env, self.gateway_token_env)
