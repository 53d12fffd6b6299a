"""Builds the backbone from its options."""

from __future__ import annotations

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_kit.hugging_face.portable import portable
from valle_kit.hugging_face.reader import FolderReader
from valle_llama.backbone import LlamaBackbone
from valle_llama.folder import LAYOUT, load_weights, sizes_in
from valle_llama.options import LlamaOptions, LlamaSizes


def build(options: LlamaOptions, *, attention: AttentionKernel | None) -> LlamaBackbone:
    """A fresh backbone, or the one of `options.weights`. Raises `UserError` before any weight is made."""
    if attention is None:
        raise UserError("arch 'llama' needs an attention kernel: choose one with --attention, e.g. sdpa")
    if not 0.0 <= options.dropout < 1.0:
        raise LlamaSizes.refusal("dropout", options.dropout, "must be in [0, 1)")
    folder = None if options.weights is None else FolderReader(options.weights, LAYOUT)
    sizes = LlamaSizes.of(options) if folder is None else sizes_in(folder, options)
    backbone = LlamaBackbone(
        sizes,
        attention,
        dropout=options.dropout,
        gradient_checkpointing=options.gradient_checkpointing,
        decode_step=options.decode_step,
    )
    if folder is not None:
        load_weights(backbone, folder)
        backbone.portable = portable(options, sizes, LlamaSizes.of)
    return backbone
