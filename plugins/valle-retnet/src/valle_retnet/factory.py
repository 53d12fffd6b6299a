"""Builds the backbones from their options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_kit.hugging_face.portable import portable
from valle_retnet.backbone import RetNetBackbone
from valle_retnet.options import RetNetOptions, RetNetSizes, refuse, refuse_impossible, sizes_of
from valle_retnet.weights import load_weights, sizes_in

if TYPE_CHECKING:
    from valle_retnet.hf_backbone import RetNetHFBackbone
    from valle_retnet.torchscale_engine import TorchscaleBackbone


def build(options: RetNetOptions, *, attention: AttentionKernel | None = None) -> RetNetBackbone | TorchscaleBackbone:
    """Arch `retnet`, fresh or of `options.weights`. Raises `UserError` before any weight is made."""
    sizes = _sizes(options, attention)
    if options.engine == "torchscale":
        from valle_retnet.torchscale_engine import TorchscaleBackbone, refuse_what_it_lacks

        refuse_what_it_lacks(sizes)
        backbone = TorchscaleBackbone(sizes, options)
    else:
        backbone = RetNetBackbone(
            sizes,
            form=options.form,
            chunk_size=options.chunk_size,
            dropout=options.dropout,
            router_loss=options.router_loss,
            gradient_checkpointing=options.gradient_checkpointing,
        )
    if options.weights is not None:
        load_weights(backbone, Path(options.weights))
        backbone.portable = portable(options, sizes, sizes_of)
    return backbone


def build_hf(options: RetNetOptions, *, attention: AttentionKernel | None = None) -> RetNetHFBackbone:
    """Arch `retnet-hf`. Raises `UserError` before any weight is made."""
    if options.engine != "own":
        raise refuse("engine", options.engine, "must be own with arch 'retnet-hf', which runs our own layers")
    sizes = _sizes(options, attention)
    from valle_retnet.hf_backbone import RetNetHFBackbone
    from valle_retnet.hf_config import config_of

    backbone = RetNetHFBackbone(config_of(sizes, options), gradient_checkpointing=options.gradient_checkpointing)
    if options.weights is not None:
        load_weights(backbone.model.decoder, Path(options.weights))
        backbone.portable = portable(options, sizes, sizes_of)
    return backbone


def _sizes(options: RetNetOptions, attention: AttentionKernel | None) -> RetNetSizes:
    if attention is not None:
        raise UserError("arch 'retnet' has no attention and takes no kernel: leave --attention away")
    refuse_impossible(options)
    return sizes_of(options) if options.weights is None else sizes_in(Path(options.weights), options)
