"""Builds the backbones from their options."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_mamba.backbone import MambaBackbone
from valle_mamba.engine import Engine
from valle_mamba.folder import load_weights, mamba2_sizes_in, mamba_sizes_in
from valle_mamba.options import Mamba2Options, MambaOptions
from valle_mamba.sizes import Sizes, mamba2_sizes, mamba_sizes


def build_mamba(options: MambaOptions, *, attention: AttentionKernel | None) -> MambaBackbone:
    """A fresh backbone, or the one of `options.weights`. Raises `UserError` before any weight is made."""
    folder = options.weights
    _check(options, "mamba", attention)
    return _build(options, mamba_sizes(options) if folder is None else mamba_sizes_in(Path(folder), options))


def build_mamba2(options: Mamba2Options, *, attention: AttentionKernel | None) -> MambaBackbone:
    """As `build_mamba`."""
    folder = options.weights
    _check(options, "mamba2", attention)
    return _build(options, mamba2_sizes(options) if folder is None else mamba2_sizes_in(Path(folder), options))


def _check(options: MambaOptions | Mamba2Options, arch: str, attention: AttentionKernel | None) -> None:
    if attention is not None:
        raise UserError(f"arch '{arch}' has no attention and was given a kernel; leave --attention out")
    if not 0.0 <= options.dropout < 1.0:
        raise UserError(f"arch '{arch}': dropout = {options.dropout} must be at least 0 and below 1")
    for name, words in (("engine", ("auto", "torch", "kernels")), ("full_rows", ("bidirectional", "causal"))):
        if getattr(options, name) not in words:
            raise UserError(f"arch '{arch}': {name} = {getattr(options, name)!r} must be one of {', '.join(words)}")


def _build(options: MambaOptions | Mamba2Options, sizes: Sizes) -> MambaBackbone:
    backbone = MambaBackbone(
        sizes,
        engine=Engine.of(options.engine, sizes.arch),
        dropout=options.dropout,
        gradient_checkpointing=options.gradient_checkpointing,
        bidirectional=options.full_rows == "bidirectional",
    )
    if options.weights is not None:
        load_weights(backbone, Path(options.weights))
        backbone.portable = _portable(options, sizes)
    return backbone


def _portable(options: MambaOptions | Mamba2Options, sizes: Sizes) -> MambaOptions | Mamba2Options | None:
    """Options that build these sizes without the weights, where options can say them (they have no `dt_limit`)."""
    names = {field.name for field in fields(options)} & {field.name for field in fields(sizes)}
    plain = replace(options, weights=None, **{name: getattr(sizes, name) for name in names})
    again = mamba_sizes(plain) if isinstance(plain, MambaOptions) else mamba2_sizes(plain)
    return plain if again == sizes else None
