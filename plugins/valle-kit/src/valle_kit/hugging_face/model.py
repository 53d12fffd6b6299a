"""A model of transformers on given states, as what `valle bench arch` runs beside a backbone. Needs transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn


class HuggingFaceModel:
    """A `valle_bench.reference.ReferenceModel`: causal rows without padding, and transformers' own cache.

    Args:
        model: with the backbone's weights.
        cache: what it calls its cache.
    """

    def __init__(self, model: nn.Module, cache: str = "past_key_values") -> None:
        self.model, self._cache = model, cache

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states."""
        return self.model(inputs_embeds=x, use_cache=False).last_hidden_state

    def parameters(self) -> Iterator[nn.Parameter]:
        """All but the embedding, which nothing reads."""
        return (part for name, part in self.model.named_parameters() if not name.startswith("embed"))

    def decoder(self, batch: int, max_length: int) -> HuggingFaceDecoder:
        """A fresh decoder; its cache grows by itself."""
        return HuggingFaceDecoder(self.model, self._cache)


class HuggingFaceDecoder:
    """Decodes causal rows of one length with transformers' own cache."""

    def __init__(self, model: nn.Module, cache: str) -> None:
        from transformers import DynamicCache

        self._model, self._name = model, cache
        self._cache: Any = DynamicCache(config=model.config)

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states of these positions."""
        return self._model(inputs_embeds=x, use_cache=True, **{self._name: self._cache}).last_hidden_state

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors of the cache."""
        tensors = {id(tensor): tensor for layer in self._cache.layers for tensor in _tensors_of(vars(layer))}
        return sum(tensor.nbytes for tensor in tensors.values())


def _tensors_of(held: Any) -> Iterator[Tensor]:
    if isinstance(held, Tensor):
        yield held
    for value in held.values() if isinstance(held, dict) else held if isinstance(held, list | tuple) else ():
        yield from _tensors_of(value)
