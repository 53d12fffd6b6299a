"""Arch `retnet-hf`: a `RetNetModel` behind the backbone contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_retnet.cache import RetNetCache
from valle_retnet.hf_config import RetNetConfig
from valle_retnet.hf_model import RetNetModel
from valle_retnet.hf_rows import RetNetState
from valle_retnet.options import RetNetOptions


class RetNetHFBackbone(nn.Module):
    """The same numbers as arch `retnet` on equal weights: its layers are the model's `decoder`.

    Attributes:
        model: the transformers model, e.g. for `save_pretrained`; it has no embedding.
    """

    portable: RetNetOptions | None = None
    """Options that say its sizes without the weights they were read from; set where it was built from such."""

    def __init__(self, config: RetNetConfig, *, gradient_checkpointing: bool = False) -> None:
        super().__init__()
        self.model = RetNetModel(config)
        if gradient_checkpointing:
            self.model.decoder.gradient_checkpointing = True
        self.d_model = config.d_model
        self.n_layers = config.n_layers
        self.max_length = config.max_positions
        self.mask_forms = self.model.decoder.mask_forms

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: RetNetCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        return self.model.decoder(x, mask, positions, condition=condition, cache=cache, layers=layers, keep=keep)

    def step(self, x: Float[Tensor, "B 1 D"], cache: RetNetCache) -> Float[Tensor, "B D"]:
        """Append one position to every row and return its finished state."""
        return self.model.decoder.step(x, cache)

    def portable_options(self) -> Mapping[str, Any]:
        """What a checkpoint keeps in place of a folder of weights; nothing where there was none."""
        return asdict(self.portable) if self.portable else {}

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        return self.model.decoder.finish(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> RetNetState:
        """A state that `generate` of the same model takes too."""
        self.model.decoder.refuse_longer_than(max_length)
        return RetNetState(self.model.decoder.sizes, batch, dtype, device, max_length)

    def save_pretrained(self, folder: Path | str) -> None:
        """Write config.json and safetensors; `RetNetModel.from_pretrained` and the option `weights` read them."""
        self.model.save_pretrained(folder)
