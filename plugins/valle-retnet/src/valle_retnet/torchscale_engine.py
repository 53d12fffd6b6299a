"""The second engine: torchscale's own RetNet layers behind the backbone contract, for what they can do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from valle_core.interfaces import Cache
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_retnet.options import RetNetOptions, RetNetSizes
from valle_retnet.tables import log_decays

INSTALL = (
    "pip install torchscale==0.3.0, or, where its old pins do not install, pip install --no-deps torchscale==0.3.0"
)


def refuse_what_it_lacks(sizes: RetNetSizes) -> None:
    """Raises `UserError` where torchscale is missing, or the sizes are not for it."""
    if find_spec("torchscale") is None:
        raise UserError(f"arch 'retnet': engine = torchscale needs torchscale. Install it with: {INSTALL}")
    if sizes.n_experts:
        raise UserError("arch 'retnet': engine = torchscale has no experts here; use engine own, or n_experts 0")


def decoder(sizes: RetNetSizes, dropout: float = 0.0) -> Any:
    """A fresh `torchscale.architecture.retnet.RetNetDecoder` without embedding and output layer."""
    with _stand_ins():
        from torchscale.architecture.config import RetNetConfig  # type: ignore[import-not-found]
        from torchscale.architecture.retnet import RetNetDecoder  # type: ignore[import-not-found]
    config = RetNetConfig(
        decoder_embed_dim=sizes.d_model,
        decoder_value_embed_dim=sizes.value_dim,
        decoder_retention_heads=sizes.n_heads,
        decoder_ffn_embed_dim=sizes.ffn_dim,
        decoder_layers=sizes.n_layers,
        activation_fn=sizes.activation,
        layernorm_eps=sizes.norm_eps,
        dropout=dropout,
        no_output_layer=True,
    )
    return RetNetDecoder(config)


class TorchscaleBackbone(nn.Module):
    """torchscale's layers in their parallel form, under the same parameter names as `RetNetBackbone`.

    It takes causal rows without a cache and refuses all else by name.
    """

    mask_forms = frozenset({"causal"})

    def __init__(self, sizes: RetNetSizes, options: RetNetOptions) -> None:
        super().__init__()
        self.sizes = sizes
        self.d_model = sizes.d_model
        self.n_layers = sizes.n_layers
        self.max_length = sizes.max_length
        self.gradient_checkpointing = options.gradient_checkpointing
        made = decoder(sizes, options.dropout)
        self.layers = made.layers
        self.layer_norm = made.layer_norm
        self.retnet_rel_pos = made.retnet_rel_pos
        self.retnet_rel_pos.decay = log_decays(sizes, self.retnet_rel_pos.decay.device)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: Cache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        """Raises `UserError` for packed, full and prefix rows, windows, trees and caches."""
        mask = _causal(mask, cache)
        T = x.shape[1]
        if self.max_length is not None and self.max_length < T:
            raise UserError(f"arch 'retnet' was built for at most {self.max_length} positions and got {T}")
        if mask.padded:
            valid = torch.arange(T, device=x.device) < mask.lengths[:, None]
            x = x.masked_fill(~valid[..., None], 0.0)
        place = self.retnet_rel_pos(T)
        kept: dict[int, Tensor] = {}
        again = self.gradient_checkpointing and self.training and torch.is_grad_enabled()
        for index in range(self.n_layers) if layers is None else layers:
            layer = self.layers[index]
            if again:
                x, _ = checkpoint(layer, x, retention_rel_pos=place, use_reentrant=False)
            else:
                x, _ = layer(x, retention_rel_pos=place)
            if index in keep:
                kept[index] = x
        return BackboneOutput(h=x, kept=kept)

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        return self.layer_norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> Cache:
        """Raises `UserError`: torchscale's recurrent state knows no rows of different lengths."""
        raise _refuse("a cache")


def _causal(mask: SequenceMask | PackedMask, cache: Cache | None) -> SequenceMask:
    if cache is not None:
        raise _refuse("a cache")
    if isinstance(mask, PackedMask):
        raise _refuse("packed segments")
    if mask.window is not None or mask.tree is not None:
        raise _refuse("windows or trees")
    if mask.form != "causal" and bool((mask.prefix > 0).any()):
        raise _refuse("full or mixed rows")
    return mask


def _refuse(what: str) -> UserError:
    return UserError(f"arch 'retnet': engine torchscale takes no {what}, only causal rows. Try: --arch.engine own")


@contextmanager
def _stand_ins() -> Iterator[None]:
    """While torchscale is imported: the few names it takes from timm and fairscale, where those are missing.

    None of them is called by a RetNet without drop path, checkpointing or sharding of torchscale's own.
    """
    given: list[str] = []
    for package, names in (
        ("timm.models.layers", ("drop_path",)),
        ("fairscale.nn", ("checkpoint_wrapper", "wrap")),
    ):
        if find_spec(package.partition(".")[0]) is not None:
            continue
        parts = package.split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            module = ModuleType(name)
            module.__path__ = []  # a package, so that what lies below can be imported
            sys.modules[name] = module
            given.append(name)
        for name in names:
            setattr(sys.modules[package], name, _unavailable)
    try:
        yield
    finally:
        for name in given:
            sys.modules.pop(name, None)


def _unavailable(*_: Any, **__: Any) -> Any:
    raise UserError("this part of torchscale needs timm and fairscale; arch 'retnet' does without it")
