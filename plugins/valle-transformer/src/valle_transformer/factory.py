"""From options and an attention kernel to the backbone."""

from __future__ import annotations

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_transformer.backbone import SteppingTransformer, TransformerBackbone
from valle_transformer.options import TransformerOptions, refuse_impossible


def build(options: TransformerOptions, *, attention: AttentionKernel | None) -> TransformerBackbone:
    """Raises `UserError` for impossible sizes, before any weight is made."""
    refuse_impossible(options)
    if attention is None:
        raise UserError("arch 'transformer' needs an attention kernel. Try: --attention sdpa")
    return (TransformerBackbone if options.adaptive_norm else SteppingTransformer)(options, attention)
