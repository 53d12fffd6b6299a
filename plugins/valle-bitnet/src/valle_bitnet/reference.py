"""The other sides of the benchmark, on the weights of a backbone: transformers' BitNetModel, and a packed copy."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_bitnet.backbone import BitNetBackbone
from valle_bitnet.folder import LAYOUT, own_config
from valle_bitnet.packed import weights_nbytes
from valle_bitnet.rewrite_options import BitLinearOptions
from valle_bitnet.rewrites import build_packed
from valle_core.interfaces import Cache
from valle_core.types import SequenceMask
from valle_kit.hugging_face.model import HuggingFaceModel
from valle_kit.hugging_face.writer import config_of


def hf_model(backbone: BitNetBackbone, attention: str) -> nn.Module:
    """A `BitNetModel` with the backbone's weights whose linear layers round in every forward, as ours do."""
    from transformers import BitNetConfig, BitNetModel
    from transformers.integrations.bitnet import AutoBitLinear

    config = BitNetConfig(
        **config_of(LAYOUT, backbone.sizes, 1, own_config(backbone.sizes)), attn_implementation=attention
    )
    config.head_dim = backbone.sizes.head_dim
    model = BitNetModel(config)
    for name, linear in list(model.named_modules()):
        if isinstance(linear, nn.Linear):
            model.set_submodule(
                name, AutoBitLinear(linear.in_features, linear.out_features, bias=False, online_quant=True)
            )
    weight = backbone.norm.weight
    table = weight.new_zeros(1, backbone.d_model)
    model.load_state_dict({**backbone.state_dict(), "embed_tokens.weight": table})
    return model.to(weight.device, weight.dtype).train(backbone.training)


class BitNetReference(HuggingFaceModel):
    """`BitNetModel` with SDPA attention.

    Attributes:
        weights_nbytes: bytes of its weights, the unused embedding left out.
    """

    def __init__(self, backbone: BitNetBackbone) -> None:
        super().__init__(hf_model(backbone, "sdpa"))
        self.weights_nbytes = sum(part.nbytes for part in self.parameters())


class PackedDecoder:
    """Decodes causal rows of one length with a backbone and its cache."""

    def __init__(self, backbone: BitNetBackbone, cache: Cache) -> None:
        self._backbone, self._cache = backbone, cache

    @property
    def nbytes(self) -> int:
        """Bytes of the cache."""
        return self._cache.nbytes

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states of these positions."""
        start = self._cache.lengths
        zeros, T = torch.zeros_like(start), x.shape[1]
        mask = SequenceMask(lengths=start + T, prefix=zeros, query_start=start, form="causal", padded=False)
        positions = start[:, None] + torch.arange(T, device=x.device)
        return self._backbone.finish(self._backbone(x, mask, positions, cache=self._cache).h)  # type: ignore[arg-type]


class PackedReference:
    """A copy of the backbone with two bits per weight. Its linear layers have nothing to train.

    Attributes:
        weights_nbytes, weights_nbytes_before: bytes of its weights, and of the backbone's.
    """

    def __init__(self, backbone: BitNetBackbone) -> None:
        self.weights_nbytes_before = weights_nbytes(backbone)
        self.backbone: Any = build_packed(BitLinearOptions()).apply(copy.deepcopy(backbone))
        self.weights_nbytes = weights_nbytes(self.backbone)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states."""
        B, T, _ = x.shape
        lengths = torch.full((B,), T, device=x.device)
        zeros = torch.zeros_like(lengths)
        mask = SequenceMask(lengths=lengths, prefix=zeros, query_start=zeros, form="causal", padded=False)
        positions = torch.arange(T, device=x.device).expand(B, T)
        return self.backbone.finish(self.backbone(x, mask, positions).h)

    def parameters(self) -> Iterator[nn.Parameter]:
        """The norms."""
        return self.backbone.parameters()

    def decoder(self, batch: int, max_length: int) -> PackedDecoder:
        """A fresh decoder."""
        weight = self.backbone.norm.weight
        return PackedDecoder(self.backbone, self.backbone.new_cache(batch, max_length, weight.dtype, weight.device))
