"""`transformers.LlamaModel` over the weights of a backbone, for `valle bench arch`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_llama.backbone import LlamaBackbone


class LlamaReference:
    """A `valle_bench.reference.ReferenceModel`: torch's `scaled_dot_product_attention`, a static cache."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def model(self) -> nn.Module:
        """`LlamaModel`."""
        return self._model

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """See `ReferenceModel`."""
        return self._model(inputs_embeds=x, use_cache=False).last_hidden_state

    def parameters(self) -> Iterable[nn.Parameter]:
        """All but the embedding, which is not used."""
        return [parameter for name, parameter in self._model.named_parameters() if "embed_tokens" not in name]

    def decoder(self, batch: int, max_length: int) -> LlamaReferenceDecoder:
        """See `ReferenceModel`."""
        return LlamaReferenceDecoder(self._model, max_length)


class LlamaReferenceDecoder:
    """Reads into a static cache: a dynamic one copies all it holds at every step, which long rows feel."""

    def __init__(self, model: Any, max_length: int) -> None:
        from transformers import StaticCache

        self._model = model
        self._cache = StaticCache(config=model.config, max_cache_len=max_length)
        self._read = 0

    @property
    def nbytes(self) -> int:
        """Keys and values of all layers."""
        layers: Any = self._cache.layers
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in layers if layer.is_initialized)

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """See `ReferenceDecoder`."""
        positions = torch.arange(self._read, self._read + x.shape[1], device=x.device)
        self._read += x.shape[1]
        out = self._model(inputs_embeds=x, past_key_values=self._cache, position_ids=positions[None], use_cache=True)
        return out.last_hidden_state


def load(backbone: LlamaBackbone) -> LlamaReference:
    """The reference, over the very memory of the backbone's weights. Raises `UserError` without transformers."""
    try:
        from transformers import LlamaConfig, LlamaModel
    except ModuleNotFoundError as error:
        raise UserError("transformers is missing. Install it with: pip install transformers") from error
    sizes = backbone.sizes
    config = LlamaConfig(
        vocab_size=1,
        hidden_size=sizes.d_model,
        intermediate_size=sizes.ffn_dim,
        num_hidden_layers=sizes.n_layers,
        num_attention_heads=sizes.n_heads,
        num_key_value_heads=sizes.n_kv_heads,
        head_dim=sizes.head_dim,
        rms_norm_eps=sizes.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": sizes.rope_theta},
        max_position_embeddings=1 << 20,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
        attn_implementation="sdpa",
    )
    model = LlamaModel(config).to(next(backbone.parameters()).device).eval()
    model.load_state_dict({**model.state_dict(), **backbone.state_dict()}, assign=True)
    return LlamaReference(model)
