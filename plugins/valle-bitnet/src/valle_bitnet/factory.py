"""Builds the backbone from its options."""

from __future__ import annotations

from valle_bitnet.backbone import BitNetBackbone
from valle_bitnet.folder import LAYOUT, load_weights, sizes_in
from valle_bitnet.options import BitNetOptions, BitNetSizes, sizes_of
from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_kit.hugging_face.portable import portable
from valle_kit.hugging_face.reader import FolderReader


def build(options: BitNetOptions, *, attention: AttentionKernel | None) -> BitNetBackbone:
    """A fresh backbone, or the one of `options.weights`. Raises `UserError` before any weight is made."""
    if attention is None:
        raise UserError("arch 'bitnet' needs an attention kernel: choose one with --attention, e.g. sdpa")
    if not 0.0 <= options.dropout < 1.0:
        raise BitNetSizes.refusal("dropout", options.dropout, "must be in [0, 1)")
    folder = None if options.weights is None else FolderReader(options.weights, LAYOUT)
    sizes = sizes_of(options) if folder is None else sizes_in(folder, options)
    backbone = BitNetBackbone(
        sizes, attention, dropout=options.dropout, gradient_checkpointing=options.gradient_checkpointing
    )
    if folder is not None:
        load_weights(backbone, folder)
        backbone.portable = portable(options, sizes, sizes_of)
    return backbone
