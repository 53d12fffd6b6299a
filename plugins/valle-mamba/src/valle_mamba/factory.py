"""Builds the backbones from their options."""

from __future__ import annotations

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_kit.hugging_face.portable import portable
from valle_kit.hugging_face.reader import FolderReader
from valle_mamba.backbone import MambaBackbone
from valle_mamba.engine import Engine
from valle_mamba.folder import LAYOUTS, load_weights, mamba2_sizes_in, mamba_sizes_in
from valle_mamba.options import Mamba2Options, MambaOptions
from valle_mamba.sizes import Sizes, mamba2_sizes, mamba_sizes


def build_mamba(options: MambaOptions, *, attention: AttentionKernel | None) -> MambaBackbone:
    """A fresh backbone, or the one of `options.weights`. Raises `UserError` before any weight is made."""
    folder = _check(options, "mamba", attention)
    sizes = mamba_sizes(options) if folder is None else mamba_sizes_in(folder, options)
    backbone = _build(options, sizes, folder)
    backbone.portable = portable(options, sizes, mamba_sizes) if folder else None
    return backbone


def build_mamba2(options: Mamba2Options, *, attention: AttentionKernel | None) -> MambaBackbone:
    """As `build_mamba`."""
    folder = _check(options, "mamba2", attention)
    sizes = mamba2_sizes(options) if folder is None else mamba2_sizes_in(folder, options)
    backbone = _build(options, sizes, folder)
    backbone.portable = portable(options, sizes, mamba2_sizes) if folder else None
    return backbone


def _check(options: MambaOptions | Mamba2Options, arch: str, attention: AttentionKernel | None) -> FolderReader | None:
    if attention is not None:
        raise UserError(f"arch '{arch}' has no attention and was given a kernel; leave --attention out")
    if not 0.0 <= options.dropout < 1.0:
        raise UserError(f"arch '{arch}': dropout must be in [0, 1), got {options.dropout}")
    for name, words in (("engine", ("auto", "torch", "kernels")), ("full_rows", ("bidirectional", "causal"))):
        if getattr(options, name) not in words:
            raise UserError(f"arch '{arch}': {name} must be one of {', '.join(words)}, got {getattr(options, name)!r}")
    return None if options.weights is None else FolderReader(options.weights, LAYOUTS[arch])


def _build(options: MambaOptions | Mamba2Options, sizes: Sizes, folder: FolderReader | None) -> MambaBackbone:
    backbone = MambaBackbone(
        sizes,
        engine=Engine.of(options.engine, sizes.arch),
        dropout=options.dropout,
        gradient_checkpointing=options.gradient_checkpointing,
        bidirectional=options.full_rows == "bidirectional",
    )
    if folder is not None:
        load_weights(backbone, folder)
    return backbone
