"""The rewrites `bitlinear` and `bitlinear-packed`: any backbone's linear layers become those of BitNet b1.58."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from torch import nn

from valle_bitnet.bitlinear import BitLinear
from valle_bitnet.packed import PackedBitLinear
from valle_bitnet.rewrite_options import BitLinearOptions
from valle_core.plugin import UserError
from valle_kit.onednn import OneDnnLinear


class LinearRewrite:
    """Replaces linear layers, in place. Satisfies `valle_core.interfaces.Rewrite`.

    Only plain `nn.Linear` layers and, for packing, `BitLinear` ones: a subclass may be read in ways of its own.
    """

    def __init__(
        self, name: str, options: BitLinearOptions, kinds: frozenset[type], make: Callable[[nn.Linear], nn.Module]
    ) -> None:
        self._name, self._options, self._kinds, self._make = name, options, kinds, make

    def targets(self, backbone: nn.Module) -> Sequence[str]:
        """Linear layers that are neither skipped nor too small."""
        return [name for name, part in _linear(backbone, self._kinds) if self._wanted(name, part)]

    def apply(self, backbone: nn.Module) -> nn.Module:
        """In place. Raises `UserError` when nothing is left to replace or a pattern names nothing."""
        there = _linear(backbone, self._kinds)
        for pattern in self._options.skip:
            if there and not any(fnmatchcase(name, pattern) for name, _ in there):
                raise UserError(
                    f"rewrite '{self._name}': skip {pattern!r} names no linear layer. They are called like: "
                    + ", ".join(name for name, _ in there[:8])
                )
        names = self.targets(backbone)
        if not names:
            why = "all are skipped or smaller than `smallest`" if there else "there is none it knows"
            raise UserError(f"rewrite '{self._name}' finds no linear layer to replace: {why}. Leave it out")
        made: dict[int, nn.Module] = {}
        for name in names:
            linear = backbone.get_submodule(name)
            if id(linear) not in made:  # one layer under two names stays one
                assert isinstance(linear, nn.Linear)
                made[id(linear)] = self._make(linear).train(linear.training)
        for name, linear in [(name, backbone.get_submodule(name)) for name in names]:
            backbone.set_submodule(name, made[id(linear)])
        return backbone

    def _wanted(self, name: str, linear: nn.Linear) -> bool:
        if type(linear) is BitLinear:  # ternary already: packing loses nothing
            return True
        small = min(linear.in_features, linear.out_features) < self._options.smallest
        return not small and not any(fnmatchcase(name, pattern) for pattern in self._options.skip)


def build_bitlinear(options: BitLinearOptions) -> LinearRewrite:
    """The rewrite to train with."""
    return LinearRewrite(
        "bitlinear", options, frozenset({nn.Linear, OneDnnLinear}), lambda old: BitLinear.of(old, options.norm)
    )


def build_packed(options: BitLinearOptions) -> LinearRewrite:
    """The rewrite for inference."""
    kinds = frozenset({nn.Linear, OneDnnLinear, BitLinear})
    return LinearRewrite("bitlinear-packed", options, kinds, lambda old: PackedBitLinear(old, options.norm))


def _linear(backbone: nn.Module, kinds: frozenset[type]) -> list[tuple[str, nn.Linear]]:
    found = backbone.named_modules(remove_duplicate=False)
    return [(name, part) for name, part in found if type(part) in kinds and isinstance(part, nn.Linear)]
