"""The optimizer `adamw-8bit`: AdamW whose moments take one byte each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, Requirement, UserError

SPEC = PluginSpec(
    kind="optimizer",
    name="adamw-8bit",
    api=1,
    summary="AdamW with moments of one byte, quantised in blocks (bitsandbytes)",
    factory="valle_optimizers.adamw_8bit:build",
    options="valle_optimizers.adamw_8bit:AdamW8bitOptions",
    requires=(Requirement(module="bitsandbytes", hint="valle plugins install 'valle-optimizers[8bit]'"),),
    paper="arXiv 2110.02861",
    memory="two bytes a parameter",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AdamW8bitOptions:
    """Options of `--optimizer adamw-8bit`.

    Attributes:
        betas: decays of the first and the second moment, in [0, 1).
        smallest: parameters with fewer values keep moments of 32 bits.
    """

    betas: tuple[float, float] = (0.9, 0.95)
    smallest: int = 4096

    def __post_init__(self) -> None:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"betas must be in [0, 1), got {list(self.betas)}")
        if self.smallest < 1:
            raise UserError(f"smallest must be at least 1, got {self.smallest}")


def build(options: AdamW8bitOptions, *, groups: list[dict[str, Any]], rate: float) -> Any:
    """The rate of AdamW."""
    from bitsandbytes.optim import AdamW8bit  # pyright: ignore[reportMissingImports]

    from valle_optimizers.told import told

    return told(AdamW8bit(groups, lr=rate, betas=options.betas, min_8bit_size=options.smallest))
