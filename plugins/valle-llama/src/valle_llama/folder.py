"""Hugging Face's LLaMA folders: what config.json calls the sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from valle_kit.hugging_face.layout import FolderLayout
from valle_kit.hugging_face.reader import FolderReader
from valle_kit.hugging_face.writer import write_folder
from valle_llama.options import LlamaOptions, LlamaSizes

LAYOUT = FolderLayout(
    arch="llama",
    model="LlamaModel",
    keys={
        "d_model": "hidden_size",
        "n_layers": "num_hidden_layers",
        "n_heads": "num_attention_heads",
        "n_kv_heads": "num_key_value_heads",
        "ffn_dim": "intermediate_size",
        "norm_eps": "rms_norm_eps",
    },
    known={"attention_bias": (False,), "mlp_bias": (False,), "hidden_act": ("silu",)},
)


def sizes_in(folder: FolderReader, options: LlamaOptions) -> LlamaSizes:
    """The sizes written in config.json.

    Raises:
        UserError: no such folder, no LLaMA, a variant that is not supported, or an option that was set to
            something else than the folder says.
    """
    config = folder.config()
    if config.get("num_key_value_heads") is None:
        config["num_key_value_heads"] = config.get("num_attention_heads")
    read = {**folder.sizes(config, options), "rope_theta": folder.rope_theta(config, 10000.0)}
    folder.check_agreement(read, options)
    head_dim = folder.value(config, "head_dim", int, read["d_model"] // max(read["n_heads"], 1))
    return LlamaSizes(**read, head_dim=head_dim, max_length=options.max_length)


def load_weights(backbone: nn.Module, folder: FolderReader) -> None:
    """Fill the backbone with the folder's tensors, of a `LlamaModel` or a `LlamaForCausalLM`.

    Raises:
        UserError: no safetensors, a missing or foreign tensor, or a shape that differs.
    """
    folder.fill(backbone, folder.tensors())


def save_folder(
    backbone: nn.Module,
    sizes: LlamaSizes,
    folder: Path,
    *,
    embed_tokens: Float[Tensor, "vocabulary D"] | None = None,
) -> None:
    """Write what `transformers.LlamaModel.from_pretrained` reads (see `write_folder`)."""
    write_folder(folder, LAYOUT, backbone.state_dict(), sizes, own_keys(sizes), table=embed_tokens)


def own_keys(sizes: LlamaSizes) -> dict[str, Any]:
    """What config.json says of a LLaMA besides the sizes of `LAYOUT`."""
    return {
        "hidden_act": "silu",
        "head_dim": sizes.head_dim,
        "rope_theta": sizes.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": sizes.rope_theta},
        "max_position_embeddings": sizes.max_length or 2048,
        "attention_bias": False,
        "mlp_bias": False,
    }
