"""A transformer that tells the next byte of a program."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

END: Final = 256
"""The mark after a program's last byte."""
SYMBOLS: Final = 257
HEADS: Final = 4
NO_MATTER: Final = -100
"""A target that is none."""
_DROPOUT: Final = 0.1


class Shape(NamedTuple):
    """How large a model is."""

    context_length: int
    layers: int
    width: int
    """A multiple of `HEADS`."""


class _Layer(nn.Module):  # type: ignore[misc]
    """Looks back, then thinks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before_looking = nn.LayerNorm(width)
        self.looking = nn.Linear(width, 3 * width)
        self.looked = nn.Linear(width, width)
        self.thinking = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width),
            nn.Dropout(_DROPOUT),
        )  # fmt: skip

    def forward(self, values: Any) -> Any:
        batch, length, width = values.shape
        parts = self.looking(self.before_looking(values)).split(width, dim=2)
        query, key, value = (part.view(batch, length, HEADS, width // HEADS).transpose(1, 2) for part in parts)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        values = values + self.looked(seen.transpose(1, 2).reshape(batch, length, width))
        return values + self.thinking(values)


class Network(nn.Module):  # type: ignore[misc]
    """The whole of it.

    `computes_again` keeps nothing of a layer for the way back but its input (gradient checkpointing).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.symbols = nn.Embedding(SYMBOLS, shape.width)
        self.places = nn.Embedding(shape.context_length, shape.width)
        self.layers = nn.ModuleList(_Layer(shape.width) for _ in range(shape.layers))
        self.last = nn.LayerNorm(shape.width)
        self.computes_again = False
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, symbols: Any) -> Any:
        places = torch.arange(symbols.shape[1], device=symbols.device)
        values = self.symbols(symbols) + self.places(places)
        for layer in self.layers:
            if self.computes_again and self.training:
                values = checkpoint(layer, values, use_reentrant=False)
            else:
                values = layer(values)
        return functional.linear(self.last(values), self.symbols.weight)


def losses(network: Network, symbols: Any, targets: Any) -> Any:
    """The loss of each byte together, in nats; those that are no matter count nothing."""
    told = network(symbols)
    return functional.cross_entropy(told.flatten(0, 1), targets.flatten(), ignore_index=NO_MATTER, reduction="sum")
