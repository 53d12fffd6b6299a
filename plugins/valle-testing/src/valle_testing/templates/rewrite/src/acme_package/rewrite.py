"""Replaces linear layers by thin ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn
from valle_core.plugin import UserError

from acme_package.options import AcmeNameOptions
from acme_package.thin_linear import ThinLinear


class AcmeNameRewrite:
    """See `valle_core.interfaces.Rewrite`."""

    def __init__(self, options: AcmeNameOptions) -> None:
        self._options = options

    def targets(self, backbone: nn.Module) -> Sequence[str]:
        """Linear layers with the wanted name that get smaller."""
        return [
            name
            for name, part in backbone.named_modules()
            if isinstance(part, nn.Linear) and self._options.only in name and self._saves(part)
        ]

    def apply(self, backbone: nn.Module) -> nn.Module:
        """In place."""
        names = self.targets(backbone)
        if not names:
            raise UserError(
                f"rewrite 'acme-name' finds no linear layer named '…{self._options.only}…' that "
                f"{self._options.share:g} of its rank makes smaller. Try a smaller --rewrite.share or another --arch"
            )
        for name in names:
            linear = backbone.get_submodule(name)
            assert isinstance(linear, nn.Linear)
            backbone.set_submodule(name, ThinLinear(linear, self._rank(linear)).train(linear.training))
        return backbone

    def _rank(self, linear: nn.Linear) -> int:
        return math.ceil(self._options.share * min(linear.in_features, linear.out_features))

    def _saves(self, linear: nn.Linear) -> bool:
        inside, outside = linear.in_features, linear.out_features
        return self._rank(linear) * (inside + outside) < inside * outside
