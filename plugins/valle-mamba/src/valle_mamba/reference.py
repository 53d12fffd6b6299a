"""transformers' MambaModel and Mamba2Model over the weights of one of our backbones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_kit.hugging_face.writer import config_of
from valle_mamba.backbone import MambaBackbone
from valle_mamba.folder import LAYOUTS, is_second, own_config


class Reference:
    """The model, in eval mode, with weights of its own that equal ours. Causal rows without padding."""

    def __init__(self, backbone: MambaBackbone) -> None:
        from transformers import Mamba2Config, Mamba2Model, MambaConfig, MambaModel

        weight = backbone.norm_f.weight
        config = config_of(LAYOUTS[backbone.sizes.arch], backbone.sizes, 1, own_config(backbone.sizes))
        for key in ("architectures", "model_type"):
            config.pop(key)
        if backbone.sizes.arch == "mamba":
            self.model: Any = MambaModel(MambaConfig(**config))
        else:
            self.model = Mamba2Model(Mamba2Config(**config))
        state = {name: tensor for name, tensor in backbone.state_dict().items() if not is_second(name)}
        state["embeddings.weight"] = torch.zeros(1, backbone.d_model)
        self.model.load_state_dict(state)
        self.model.to(weight.device, weight.dtype).eval()

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states."""
        return self.model(inputs_embeds=x, use_cache=False).last_hidden_state

    def parameters(self) -> Iterator[nn.Parameter]:
        """All but the embedding, which nothing reads."""
        return (parameter for name, parameter in self.model.named_parameters() if "embeddings" not in name)

    def decoder(self, batch: int, max_length: int) -> ReferenceDecoder:
        """Decoding with transformers' cache, which has the same size for any length."""
        return ReferenceDecoder(self.model)


class ReferenceDecoder:
    """Feeds new positions and remembers."""

    def __init__(self, model: Any) -> None:
        from transformers import DynamicCache

        self._model = model
        self._cache: Any = DynamicCache(config=model.config)

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states of the new positions."""
        out = self._model(inputs_embeds=x, cache_params=self._cache, use_cache=True)
        return out.last_hidden_state

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors of the cache."""
        tensors = {id(t): t for layer in self._cache.layers for t in _tensors_of(vars(layer))}
        return sum(tensor.nbytes for tensor in tensors.values())


def _tensors_of(held: Any) -> Iterator[Tensor]:
    if isinstance(held, Tensor):
        yield held
    elif isinstance(held, dict):
        for value in held.values():
            yield from _tensors_of(value)
    elif isinstance(held, list | tuple):
        for value in held:
            yield from _tensors_of(value)
