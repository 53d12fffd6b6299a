"""Builds the backbone from its options."""

from __future__ import annotations

from pathlib import Path

from valle_bitnet.backbone import BitNetBackbone
from valle_bitnet.folder import load_weights, sizes_in
from valle_bitnet.options import BitNetOptions, sizes_of
from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError


def build(options: BitNetOptions, *, attention: AttentionKernel | None) -> BitNetBackbone:
    """A fresh backbone, or the one of `options.weights`. Raises `UserError` before any weight is made."""
    if attention is None:
        raise UserError("arch 'bitnet' needs an attention kernel: choose one with --attention, e.g. sdpa")
    if not 0.0 <= options.dropout < 1.0:
        raise UserError(f"arch 'bitnet': dropout = {options.dropout} must be at least 0 and below 1")
    sizes = sizes_of(options) if options.weights is None else sizes_in(Path(options.weights), options)
    backbone = BitNetBackbone(
        sizes, attention, dropout=options.dropout, gradient_checkpointing=options.gradient_checkpointing
    )
    if options.weights is not None:
        load_weights(backbone, Path(options.weights))
    return backbone
