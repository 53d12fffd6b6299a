"""The configuration of RetNet as a transformers model."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PretrainedConfig

from valle_retnet.options import SPREAD, RetNetOptions, RetNetSizes, sizes_of
from valle_retnet.weights import MODEL_TYPE


class RetNetConfig(PretrainedConfig):
    """What `save_pretrained` writes to config.json; the fields of `RetNetOptions` under the same names.

    Attributes:
        vocab_size: entries of the embedding; 0 for a model that is run on `inputs_embeds` alone.
        max_positions: longest sequence, or None (transformers keeps the name `max_length` for generation).
    """

    model_type = MODEL_TYPE
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
    }

    vocab_size: int = 0
    d_model: int = 256
    n_layers: int = 4
    n_heads: int = 4
    decays: tuple[float, ...] = SPREAD
    value_dim: int | None = None
    ffn_dim: int | None = None
    activation: str = "gelu"
    norm_eps: float = 1e-6
    dropout: float = 0.0
    max_positions: int | None = None
    form: str = "auto"
    chunk_size: int = 128
    full_rows: str = "bidirectional"
    n_experts: int = 0
    experts_per_token: int = 2
    router_loss: float = 0.01
    use_cache: bool = True
    tie_word_embeddings: bool = False

    def __post_init__(self, **others: Any) -> None:
        sizes = sizes_of(self._options())  # refuses what no RetNet can have
        self.decays = sizes.decays
        self.value_dim, self.ffn_dim = sizes.value_dim, sizes.ffn_dim
        super().__post_init__(**others)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **others: Any) -> Any:
        """As the base class does; a config.json from before there was `decays` means the paper's."""
        return super().from_dict({"decays": [], **config_dict}, **others)

    def sizes(self) -> RetNetSizes:
        """The sizes of the network."""
        return sizes_of(self._options())

    def _options(self) -> RetNetOptions:
        shared = {name: getattr(self, name) for name in SHARED} | {"decays": tuple(self.decays)}
        return RetNetOptions(max_length=self.max_positions, **shared)


SHARED = (
    "d_model",
    "n_layers",
    "n_heads",
    "decays",
    "value_dim",
    "ffn_dim",
    "activation",
    "norm_eps",
    "dropout",
    "form",
    "chunk_size",
    "full_rows",
    "n_experts",
    "experts_per_token",
    "router_loss",
)
"""Fields that options and configuration have in common."""


def config_of(sizes: RetNetSizes, options: RetNetOptions) -> RetNetConfig:
    """The configuration of a model without embedding, of these sizes and otherwise as the options say."""
    shared = {name: getattr(sizes, name, getattr(options, name)) for name in SHARED}
    return RetNetConfig(vocab_size=0, max_positions=sizes.max_length, **shared)
