"""Transformers' MixtralModel on the weights of a backbone, for comparisons."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn
from transformers import DynamicCache, MixtralModel

from valle_mixtral.backbone import MixtralBackbone
from valle_mixtral.folder import hf_model


class ReferenceDecoder:
    """Decodes causal rows of one length with transformers' own cache."""

    def __init__(self, model: MixtralModel) -> None:
        self._model = model
        self._cache = DynamicCache(config=model.config)

    @property
    def nbytes(self) -> int:
        """Bytes of keys and values."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self._cache.layers if layer.keys is not None)

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states of these positions."""
        return self._model(inputs_embeds=x, past_key_values=self._cache, use_cache=True).last_hidden_state


class MixtralReference:
    """`MixtralModel` with SDPA attention, its fastest on a CPU; causal rows without padding."""

    def __init__(self, backbone: MixtralBackbone) -> None:
        weight = backbone.norm.weight
        self.model = hf_model(backbone, weight.new_zeros(1, backbone.d_model), "sdpa").train(backbone.training)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states."""
        return self.model(inputs_embeds=x, use_cache=False).last_hidden_state

    def parameters(self) -> Iterator[nn.Parameter]:
        """All but the embedding, which is not used."""
        return (part for name, part in self.model.named_parameters() if not name.startswith("embed_tokens"))

    def decoder(self, batch: int, max_length: int) -> ReferenceDecoder:
        """A fresh decoder; its cache grows by itself."""
        return ReferenceDecoder(self.model)
