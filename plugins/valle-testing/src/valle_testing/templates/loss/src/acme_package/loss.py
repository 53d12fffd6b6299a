"""Focal loss (Lin et al. 2017, arXiv 1708.02002, equation 4): (1 − p)^γ · −log p of each target."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from acme_package.options import AcmeNameOptions


def build(options: AcmeNameOptions, *, manifest: Any, rules: Any) -> AcmeNameLoss:
    """Factory of the entry point. `manifest` says codec and symbols, `rules` how rows are packed."""
    return AcmeNameLoss(options)


class AcmeNameLoss:
    """Keeps the contract `Loss`: what the run adds up, cross-entropy and this, is the focal loss."""

    def __init__(self, options: AcmeNameOptions) -> None:
        self._gamma = options.gamma

    def __call__(self, batch: Any, output: Any) -> Any:
        """The output with `acme_identifier` among its losses."""
        parts = []
        for level, logits in output.logits.items():
            targets = batch.predicted[level].targets
            plain = F.cross_entropy(logits.float(), targets, reduction="none")
            unknown = (-torch.expm1(-plain)).clamp(min=1e-6)  # 1 − p; at 0 a power below 1 has no finite gradient
            parts.append((unknown**self._gamma - 1) * plain)
        return output._replace(losses={**output.losses, "acme_identifier": torch.cat(parts).mean()})
