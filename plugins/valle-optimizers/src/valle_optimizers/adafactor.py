"""The optimizer `adafactor`: second moments of a matrix kept as a row and a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, UserError

SPEC = PluginSpec(
    kind="optimizer",
    name="adafactor",
    api=1,
    summary="Adafactor: second moments in the memory of a row and a column, steps relative to the weights (torch)",
    factory="valle_optimizers.adafactor:build",
    options="valle_optimizers.adafactor:AdafactorOptions",
    paper="arXiv 1804.04235",
    memory="a row and a column a matrix",
)

RATE = 1e-2
"""Of the paper, relative to the root mean square of each parameter, so the width does not matter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdafactorOptions:
    """Options of `--optimizer adafactor`.

    Attributes:
        beta2_decay: exponent of the growth of beta2 with the steps, in [-1, 0].
        d: bound of the root mean square of an update.
    """

    beta2_decay: float = -0.8
    d: float = 1.0

    def __post_init__(self) -> None:
        if not -1 <= self.beta2_decay <= 0:
            raise UserError(f"beta2_decay must be in [-1, 0], got {self.beta2_decay}")
        if not self.d >= 1:
            raise UserError(f"d must be at least 1, got {self.d}")


def build(options: AdafactorOptions, *, groups: list[dict[str, Any]], rate: float) -> Any:
    """Its default rate is its own."""
    from torch.optim import Adafactor

    return Adafactor(groups, lr=RATE, beta2_decay=options.beta2_decay, d=options.d)
