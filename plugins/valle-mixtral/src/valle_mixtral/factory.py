"""Builds the backbone from its options."""

from __future__ import annotations

from dataclasses import replace

from transformers import MixtralConfig, MixtralModel

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_kit.hugging_face.reader import FolderReader
from valle_mixtral.backbone import MixtralBackbone
from valle_mixtral.folder import LAYOUT, load_model
from valle_mixtral.layers import ATTENTION, register
from valle_mixtral.options import MixtralOptions, MixtralSizes, sizes_of

LONGEST = 1 << 20
"""`max_position_embeddings` of a backbone without a bound; rotary positions have none."""


def build(options: MixtralOptions, *, attention: AttentionKernel | None) -> MixtralBackbone:
    """A fresh backbone, or the one of `options.weights`. Raises `UserError` before any weight is made."""
    if attention is None:
        raise UserError("arch 'mixtral' needs an attention kernel: choose one with --attention, e.g. sdpa")
    sizes = sizes_of(options)
    register()
    if options.weights is None:
        model = MixtralModel(config_of(options, sizes))
    else:
        model = load_model(FolderReader(options.weights, LAYOUT), options)
    backbone = MixtralBackbone(
        model,
        attention,
        dropout=options.dropout,
        max_length=options.max_length,
        gradient_checkpointing=options.gradient_checkpointing,
    )
    if options.weights is not None:
        backbone.portable = _portable(options, model.config)
    return backbone


def _portable(options: MixtralOptions, config: MixtralConfig) -> MixtralOptions | None:
    """Options that build this configuration without the weights, where options can say it."""
    from_config = {ours: getattr(config, theirs) for ours, theirs in LAYOUT.keys.items()}
    plain = replace(options, weights=None, rope_theta=config.rope_parameters["rope_theta"], **from_config)
    width = config.head_dim or config.hidden_size // config.num_attention_heads
    return plain if width == plain.d_model // plain.n_heads else None


def config_of(options: MixtralOptions, sizes: MixtralSizes) -> MixtralConfig:
    """Hugging Face's configuration of a fresh model with an embedding of one row, which the backbone leaves out."""
    return MixtralConfig(
        vocab_size=1,
        max_position_embeddings=options.max_length or LONGEST,
        rope_parameters={"rope_type": "default", "rope_theta": options.rope_theta},
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation=ATTENTION,
        **{theirs: getattr(sizes, ours, None) or getattr(options, ours) for ours, theirs in LAYOUT.keys.items()},
    )
