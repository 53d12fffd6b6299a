"""Builds the backbone from its options."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_llama.backbone import LlamaBackbone
from valle_llama.folder import load_weights, sizes_in
from valle_llama.options import LlamaOptions, LlamaSizes, sizes_of


def build(options: LlamaOptions, *, attention: AttentionKernel | None) -> LlamaBackbone:
    """A fresh backbone, or the one of `options.weights`. Raises `UserError` before any weight is made."""
    if attention is None:
        raise UserError("arch 'llama' needs an attention kernel: choose one with --attention, e.g. sdpa")
    if not 0.0 <= options.dropout < 1.0:
        raise UserError(f"arch 'llama': dropout = {options.dropout} must be at least 0 and below 1")
    sizes = sizes_of(options) if options.weights is None else sizes_in(Path(options.weights), options)
    backbone = LlamaBackbone(
        sizes,
        attention,
        dropout=options.dropout,
        gradient_checkpointing=options.gradient_checkpointing,
        decode_step=options.decode_step,
    )
    if options.weights is not None:
        load_weights(backbone, Path(options.weights))
        backbone.portable = _portable(options, sizes)
    return backbone


def _portable(options: LlamaOptions, sizes: LlamaSizes) -> LlamaOptions | None:
    """Options that build these sizes without the weights, where options can say them."""
    names = {field.name for field in fields(options)} & {field.name for field in fields(sizes)}
    plain = replace(options, weights=None, **{name: getattr(sizes, name) for name in names})
    return plain if sizes_of(plain) == sizes else None
