"""torchscale's RetNet on the weights of a backbone: parallel in training, recurrent in decoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_retnet.backbone import RetNetBackbone
from valle_retnet.torchscale_engine import decoder, refuse_what_it_lacks
from valle_retnet.weights import torchscale_state


class TorchscaleReference:
    """The reference model of a benchmark: finished states of causal rows without padding."""

    def __init__(self, backbone: RetNetBackbone) -> None:
        refuse_what_it_lacks(backbone.sizes)
        weight = backbone.layer_norm.weight
        self._model = decoder(backbone.sizes).to(weight.device, weight.dtype).train(backbone.training)
        self._model.load_state_dict(torchscale_state(backbone, backbone.sizes))

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Its parallel form."""
        tokens = x.new_zeros(1, 1).expand(x.shape[:2])  # only its shape is read
        return self._model(tokens, token_embeddings=x, features_only=True)[0]

    def parameters(self) -> Iterator[nn.Parameter]:
        """The reference's own copies."""
        return self._model.parameters()

    def decoder(self, batch: int, max_length: int) -> TorchscaleDecoding:
        """Its recurrent form, from an empty state."""
        return TorchscaleDecoding(self._model)


class TorchscaleDecoding:
    """The recurrent form, one position after the other; it has no way to take a prompt at once.

    The incremental state must begin as an empty dictionary: the first-step flag of its own fails on the second step.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._state: dict[Any, Any] = {}
        self._consumed = 0

    @torch.no_grad()
    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states of the next positions."""
        return torch.cat([self._step(x[:, i : i + 1]) for i in range(x.shape[1])], dim=1)

    @property
    def nbytes(self) -> int:
        """Bytes of the state."""
        return sum(held.nbytes for layer in self._state.values() for held in layer.values())

    def _step(self, x: Float[Tensor, "B 1 D"]) -> Float[Tensor, "B 1 D"]:
        self._consumed += 1
        tokens = x.new_zeros(1, 1).expand(len(x), self._consumed)  # their number is the position
        return self._model(tokens, incremental_state=self._state, token_embeddings=x, features_only=True)[0]
