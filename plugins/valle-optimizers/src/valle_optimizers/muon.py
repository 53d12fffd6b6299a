"""The optimizer `muon`: orthogonalised momentum for the matrices of the backbone, AdamW for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, UserError

SPEC = PluginSpec(
    kind="optimizer",
    name="muon",
    api=1,
    summary="Muon for the matrices of the backbone, AdamW for tables, heads, biases and norms (torch)",
    factory="valle_optimizers.muon:build",
    options="valle_optimizers.muon:MuonOptions",
    paper="kellerjordan.github.io/posts/muon, arXiv 2502.16982",
    memory="one tensor a matrix, two for the rest",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MuonOptions:
    """Options of `--optimizer muon`.

    Attributes:
        momentum: momentum of the matrices of the backbone, in [0, 1).
        ns_steps: Newton-Schulz iterations that make an update orthogonal.
        betas: decay of the gradient averages of AdamW, which updates all other parameters, in [0, 1).
    """

    momentum: float = 0.95
    ns_steps: int = 5
    betas: tuple[float, float] = (0.9, 0.95)

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum must be in [0, 1), got {self.momentum}")
        if not 1 <= self.ns_steps < 100:
            raise UserError(f"ns_steps must be in [1, 99], got {self.ns_steps}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"betas must be in [0, 1), got {list(self.betas)}")


def build(options: MuonOptions, *, groups: list[dict[str, Any]], rate: float) -> Any:
    """Updates are scaled by 0.2 √max(A, B) (2502.16982, section 2.2), so that rate and decay of AdamW fit both.

    Raises:
        UserError: torch is older than its Muon.
    """
    import torch

    if not hasattr(torch.optim, "Muon"):
        raise UserError(
            f"--optimizer muon needs PyTorch 2.9 or newer, got {torch.__version__}. Update it or choose another"
        )
    from torch.optim import AdamW, Muon

    from valle_optimizers.joined import Joined
    from valle_optimizers.told import told

    def muon(mine: list[dict[str, Any]]) -> Muon:
        return Muon(
            mine,
            lr=rate,
            momentum=options.momentum,
            ns_steps=options.ns_steps,
            adjust_lr_fn="match_rms_adamw",
        )

    def adamw(mine: list[dict[str, Any]]) -> AdamW:
        return AdamW(mine, lr=rate, betas=options.betas, fused=True)

    return told(Joined({("hidden",): muon, ("matrix", "other"): adamw}, groups, rate))
