"""RetNet as transformers models: `PreTrainedModel`s around the very layers of arch `retnet`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import ModelOutput

from valle_core.types import PackedMask, SequenceMask
from valle_retnet.backbone import RetNetBackbone
from valle_retnet.experts import Experts
from valle_retnet.hf_config import RetNetConfig
from valle_retnet.hf_rows import Aligned, RetNetState, aligned
from valle_retnet.layers import Retention


@dataclass
class RetNetOutput(ModelOutput):
    """What `RetNetModel` returns.

    Attributes:
        last_hidden_state: [B, T, D] finished states.
        past_key_values: the recurrent state after these positions.
        hidden_states: the input and the states after each layer, [B, T, D] each.
        router_loss: of the experts, times `config.router_loss`.
    """

    last_hidden_state: Tensor | None = None
    past_key_values: RetNetState | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    router_loss: Tensor | None = None


@dataclass
class RetNetCausalOutput(ModelOutput):
    """What `RetNetForCausalLM` returns.

    Attributes:
        loss: mean cross-entropy of the next tokens plus the router's loss, where labels are given.
        logits: [B, T, vocabulary].
        past_key_values: the recurrent state after these positions.
        hidden_states: the input and the states after each layer.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: RetNetState | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class RetNetPreTrainedModel(PreTrainedModel):
    """What both models share."""

    config_class = RetNetConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["Layer"]
    _is_stateful = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.d_model**-0.5)
        elif isinstance(module, Retention | Experts | nn.Linear | nn.RMSNorm):
            module.reset_parameters()


class RetNetModel(RetNetPreTrainedModel):
    """RetNet's decoder, with an embedding where `config.vocab_size` is not 0.

    Attributes:
        decoder: the `retnet` backbone.
        embed_tokens: the embedding, or None.
    """

    def __init__(self, config: RetNetConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model) if config.vocab_size else None
        self.decoder = RetNetBackbone(
            config.sizes(),
            form=config.form,
            chunk_size=config.chunk_size,
            dropout=config.dropout,
            router_loss=config.router_loss,
        )
        self.post_init()

    def get_input_embeddings(self) -> nn.Module | None:
        return self.embed_tokens

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.embed_tokens = value

    def forward(
        self,
        input_ids: Int[Tensor, "B T"] | None = None,
        attention_mask: Int[Tensor, "B K"] | None = None,
        inputs_embeds: Float[Tensor, "B T D"] | None = None,
        past_key_values: RetNetState | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        sequence_mask: SequenceMask | PackedMask | None = None,
        **others: Any,
    ) -> RetNetOutput:
        """Finished states; a `sequence_mask` (full, prefix or packed rows) takes the place of `attention_mask`.

        `others` are what `generate` hands to every model and RetNet has no use for (position_ids, …).

        Raises:
            ValueError: neither or both inputs, no embedding for ids, or an attention mask with holes.
        """
        x = self._embedded(input_ids, inputs_embeds)
        B, T, _ = x.shape
        keeping = (self.config.use_cache and not self.training) if use_cache is None else use_cache
        if keeping and past_key_values is None and sequence_mask is None:
            past_key_values = RetNetState(self.decoder.sizes, B, x.dtype, x.device)
        if sequence_mask is None:
            rows = aligned(attention_mask, B, T, x.device, past_key_values)
        else:
            rows = Aligned(mask=sequence_mask, shift=None)
        shown = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        layers = range(self.decoder.n_layers) if shown else ()
        places = torch.arange(T, device=x.device).expand(B, T)
        out = self.decoder(rows.moved(x), rows.mask, places, cache=past_key_values, keep=layers)
        return RetNetOutput(
            last_hidden_state=rows.back(self.decoder.finish(out.h)),
            past_key_values=past_key_values if keeping else None,
            hidden_states=(x, *(rows.back(out.kept[index]) for index in layers)) if shown else None,
            router_loss=out.losses.get("router_balance"),
        )

    def _embedded(self, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Float[Tensor, "B T D"]:
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if inputs_embeds is not None:
            return inputs_embeds
        if self.embed_tokens is None:
            raise ValueError("this RetNet has no embedding (vocab_size is 0): give inputs_embeds")
        return self.embed_tokens(input_ids)


class RetNetForCausalLM(RetNetPreTrainedModel, GenerationMixin):
    """RetNet with an output layer over its vocabulary, for `generate`."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config: RetNetConfig) -> None:
        super().__init__(config)
        if not config.vocab_size:
            raise ValueError("RetNetForCausalLM needs a vocabulary: set vocab_size")
        self.model = RetNetModel(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.post_init()

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        """`generate` must not make keys and values: the model makes its own state."""
        return False

    def get_input_embeddings(self) -> nn.Module | None:
        return self.model.embed_tokens

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.model.embed_tokens = value

    def forward(
        self,
        input_ids: Int[Tensor, "B T"] | None = None,
        attention_mask: Int[Tensor, "B K"] | None = None,
        labels: Int[Tensor, "B T"] | None = None,
        logits_to_keep: int = 0,
        **others: Any,
    ) -> RetNetCausalOutput:
        """Logits, those of the last `logits_to_keep` positions only unless it is 0; labels of −100 do not count."""
        out = self.model(input_ids, attention_mask, **others)
        h = out.last_hidden_state[:, -logits_to_keep:] if logits_to_keep else out.last_hidden_state
        logits = self.lm_head(h)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten())
            loss = loss if out.router_loss is None else loss + out.router_loss
        return RetNetCausalOutput(
            loss=loss, logits=logits, past_key_values=out.past_key_values, hidden_states=out.hidden_states
        )


def register_auto_classes() -> None:
    """Let transformers' `AutoConfig`, `AutoModel` and `AutoModelForCausalLM` find RetNet. Nothing does so by itself."""
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    AutoConfig.register(RetNetConfig.model_type, RetNetConfig, exist_ok=True)
    AutoModel.register(RetNetConfig, RetNetModel, exist_ok=True)
    AutoModelForCausalLM.register(RetNetConfig, RetNetForCausalLM, exist_ok=True)
