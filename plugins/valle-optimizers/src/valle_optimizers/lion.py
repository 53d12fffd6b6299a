"""The optimizer `lion`: the sign of a momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, Requirement, UserError

SPEC = PluginSpec(
    kind="optimizer",
    name="lion",
    api=1,
    summary="Lion: steps of equal size by the sign of a momentum (lion-pytorch)",
    factory="valle_optimizers.lion:build",
    options="valle_optimizers.lion:LionOptions",
    requires=(Requirement(module="lion_pytorch", hint="valle plugins install 'valle-optimizers[lion]'"),),
    paper="arXiv 2302.06675",
    memory="one tensor a parameter",
    advisories=("Its rate is a fifth of AdamW's; a weight decay five times as strong does the same.",),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LionOptions:
    """Options of `--optimizer lion`.

    Attributes:
        betas: decay of the gradient average in the update and in the momentum, in [0, 1).
    """

    betas: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"betas must be in [0, 1), got {list(self.betas)}")


def build(options: LionOptions, *, groups: list[dict[str, Any]], rate: float) -> Any:
    """Rates 3 to 10 times smaller than AdamW's fit (2302.06675, section 5); 5 is taken."""
    from lion_pytorch import Lion  # pyright: ignore[reportMissingImports]

    from valle_optimizers.told import told

    return told(Lion(groups, lr=rate / 5, betas=options.betas))
