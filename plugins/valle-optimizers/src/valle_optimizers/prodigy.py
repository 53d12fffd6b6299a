"""The optimizer `prodigy`: AdamW that finds its learning rate by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, Requirement, UserError

SPEC = PluginSpec(
    kind="optimizer",
    name="prodigy",
    api=1,
    summary="Prodigy: AdamW that estimates its learning rate (prodigyopt)",
    factory="valle_optimizers.prodigy:build",
    options="valle_optimizers.prodigy:ProdigyOptions",
    requires=(Requirement(module="prodigyopt", hint="valle plugins install 'valle-optimizers[prodigy]'"),),
    paper="arXiv 2306.06101",
    memory="four tensors a parameter",
    advisories=("--lr is a factor of what it finds: leave it at 1.",),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProdigyOptions:
    """Options of `--optimizer prodigy`.

    Attributes:
        betas: decays of the first and the second moment, in [0, 1).
        d0: first guess of the distance to the solution.
        d_coef: factor of the estimate; smaller steps below 1.
        growth_rate: bound of its growth in one step; inf for none.
        bias_correction: correct moments that began at zero.
    """

    betas: tuple[float, float] = (0.9, 0.99)
    d0: float = 1e-6
    d_coef: float = 1.0
    growth_rate: float = math.inf
    bias_correction: bool = True

    def __post_init__(self) -> None:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"betas must be in [0, 1), got {list(self.betas)}")
        for name in ("d0", "d_coef"):
            if not 0 < getattr(self, name) < math.inf:
                raise UserError(f"{name} must be above 0, got {getattr(self, name)}")
        if not self.growth_rate > 1:
            raise UserError(f"growth_rate must be above 1, got {self.growth_rate}")


def build(options: ProdigyOptions, *, groups: list[dict[str, Any]], rate: float) -> Any:
    """Its rate is a factor of the estimate, at every width 1."""
    from prodigyopt import Prodigy  # pyright: ignore[reportMissingImports]

    return Prodigy(
        groups,
        lr=1.0,
        betas=options.betas,
        d0=options.d0,
        d_coef=options.d_coef,
        growth_rate=options.growth_rate,
        use_bias_correction=options.bias_correction,
        safeguard_warmup=True,
    )
