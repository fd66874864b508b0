"""The config's section on the model that writes."""

from __future__ import annotations

from typing import Literal

from evolver_tui.core.address import Address
from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.values import a_header, a_name, a_variable, address, between, one_line, one_of


class BackendConfig(Section):
    """The model that writes."""

    kind: Literal["offline", "openai", "anthropic"] = setting(
        "offline",
        "offline (no model, no network), openai (and everything that speaks its chat completions), or anthropic.",
        one_of("offline", "openai", "anthropic"),
    )
    base_url: Address = setting(
        Address(), "The provider's address. Empty: the usual one of its kind.", address("http", "https")
    )
    model: str = setting("", "The model's name at the provider.", one_line)
    api_key_env: str = setting(
        "",
        "The environment variable that holds the key. Empty: OPENAI_API_KEY or ANTHROPIC_API_KEY, by kind.",
        a_variable,
    )
    key_header: str = setting(
        "",
        "The header that carries the key, e.g. api-key. Empty: Authorization (Azure: api-key; anthropic: x-api-key).",
        a_header,
    )
    temperature: float = setting(
        0.2, "0 writes the likeliest, higher writes more freely. A tool's own goes before it.", between(0, 2)
    )
    max_tokens: int = setting(
        4000, "The longest answer with its thinking, in tokens. A tool's own goes before it.", between(1, 1_000_000)
    )
    connect_timeout: float = setting(10.0, "Seconds to reach the provider.", between(0.1, 3600))
    read_timeout: float = setting(60.0, "Seconds to wait for the next piece of an answer.", between(0.1, 3600))
    total_timeout: float = setting(300.0, "Seconds that one answer may take.", between(0.1, 86_400))
    price_per_million_input: float = setting(
        0.0,
        "What a million tokens cost that a model without [prices] reads. Both 0: no cost is told.",
        between(0, 1_000_000),
    )
    price_per_million_output: float = setting(
        0.0, "What a million tokens cost that it writes, its thinking included.", between(0, 1_000_000)
    )
    currency: str = setting("USD", "What those prices are in.", a_name)

    @property
    def has_prices(self) -> bool:
        """Whether these say what a model costs that has no section of its own."""
        return bool(self.price_per_million_input or self.price_per_million_output)

    @property
    def key_variable(self) -> str:
        """The name under which the key is looked for; empty for the offline backend."""
        usual = {"offline": "", "openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
        return self.api_key_env or usual[self.kind]
