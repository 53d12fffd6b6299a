"""Builds the backbone from its options."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from valle_bitnet.backbone import BitNetBackbone
from valle_bitnet.folder import load_weights, sizes_in
from valle_bitnet.options import BitNetOptions, BitNetSizes, sizes_of
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
        backbone.portable = _portable(options, sizes)
    return backbone


def _portable(options: BitNetOptions, sizes: BitNetSizes) -> BitNetOptions | None:
    """Options that build these sizes without the weights, where options can say them."""
    names = {field.name for field in fields(options)} & {field.name for field in fields(sizes)}
    plain = replace(options, weights=None, **{name: getattr(sizes, name) for name in names})
    return plain if sizes_of(plain) == sizes else None
