"""The config's tables on money: what models cost, and how much may be spent."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.settings.section_reader import SectionReader, kind_of, shown_section
from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.values import a_name, between, quoted, toml

_EXAMPLE: Final = 'Example: [prices."qwen2.5-coder"] with per_million_input = 0.2 below it.'
_MOST: Final = 1_000_000


def a_day(value: str) -> str | None:
    """A day of the calendar."""
    try:
        fits = datetime.date.fromisoformat(value).isoformat() == value
    except ValueError:
        fits = False
    return None if fits else "a day such as 2026-11-29"


class PriceConfig(Section):
    """What a model's provider charges. Without a price it is free, as one of your own machine."""

    per_million_input: float = setting(0.0, "What a million tokens cost that it reads.", between(0, _MOST))
    per_million_output: float = setting(
        0.0, "What a million tokens cost that it writes, its thinking included.", between(0, _MOST)
    )
    currency: str = setting("USD", "What those prices are in.", a_name)
    entered: str = setting("", "The day on which they were entered, since prices change.", a_day)


class BudgetConfig(Section):
    """What the author may spend. What is used up pauses it: jobs wait, and none is dropped."""

    per_day: float = setting(
        0.0, "What a day may cost, in the currency of the model's prices; all sessions share it. 0: no bound.",
        between(0, 1e9),
    )  # fmt: skip
    per_session: float = setting(0.0, "What one session may cost. 0: no bound.", between(0, 1e9))
    tokens_per_day: int = setting(
        0, "Tokens that may be read and written in a day, by all sessions. 0: no bound.", between(0, 10**15)
    )
    tokens_per_session: int = setting(0, "Tokens of one session. 0: no bound.", between(0, 10**15))
    warn_at: float = setting(
        0.8, "The share of a bound at which it is told. 1: not before it is reached.", between(0.01, 1)
    )


def read_prices(reader: SectionReader, found: object) -> dict[str, PriceConfig]:
    """The prices of the config by model; what is wrong is left out, and told of like every mistake."""
    prices: dict[str, PriceConfig] = {}
    for model, table in reader.table("prices", found).items():
        shown = quoted(model)
        if not isinstance(table, dict):
            reader.wrong(f"[prices] {shown} has to be a section, and is {kind_of(table)}.", _EXAMPLE)
        elif not model.strip() or not model.isprintable():
            reader.wrong(f'[prices] "{shown}" is no name of a model.', _EXAMPLE)
        elif any(isinstance(value, dict) for value in table.values()):
            # TOML reads a dotted name without quotes as a table in a table.
            reader.wrong(f"[prices] {shown} holds another section.", f"Put a model's name into quotes. {_EXAMPLE}")
        else:
            prices[model] = _price(reader, f"prices.{toml(model)}", shown, table)
    return prices


def _price(reader: SectionReader, name: str, shown: str, table: Mapping[str, Any]) -> PriceConfig:
    entered = table.get("entered")
    is_day = isinstance(entered, datetime.date) and not isinstance(entered, datetime.datetime)
    price: PriceConfig = reader.section(name, PriceConfig, {**table, "entered": str(entered)} if is_day else table)
    if "entered" not in table:
        reader.wrong(
            f"[{name}] does not say when its prices were entered.", "Write entered = 2026-11-29, with that day."
        )
    return price


def shown_prices(prices: Mapping[str, PriceConfig]) -> list[str]:
    """The lines that `read_prices` reads as these."""
    lines = ["", '# What models cost: for each a table [prices."MODEL"], its name as the provider has it.', "[prices]"]
    for model, price in prices.items():
        lines += ["", f"# {(type(price).__doc__ or '').strip()}", f"[prices.{toml(model)}]", *shown_section(price)]
    return lines
