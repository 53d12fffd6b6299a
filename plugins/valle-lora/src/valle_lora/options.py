"""Options of the rewrite `lora` (imports no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraOptions:
    """Options of `--rewrite lora`.

    Attributes:
        rank: rank of the update that is added to a matrix.
        alpha: what is added counts alpha / rank.
        targets: name patterns of the linear layers that get an adapter, e.g. `*.q_proj`; all by default.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"rank must be at least 1, got {self.rank}")
        if not 0 < self.alpha < float("inf"):
            raise UserError(f"alpha must be above 0, got {self.alpha}")
        if not self.targets:
            raise UserError("targets must hold at least 1 pattern, got 0")
