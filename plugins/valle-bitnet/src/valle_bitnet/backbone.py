"""The `bitnet` backbone: a LLaMA-like transformer whose linear layers are all `BitLinear`."""

from __future__ import annotations

from valle_bitnet.layers import Attention, FeedForward
from valle_bitnet.options import BitNetSizes
from valle_core.interfaces import AttentionKernel
from valle_kit.attention_stack.rotary_layers import PreNormLayer, RotaryStack


class BitNetBackbone(RotaryStack):
    """BitNet layers and final norm; parameters are named as in `transformers.BitNetModel` minus `embed_tokens`.

    Satisfies `valle_core.interfaces.Backbone`. `condition` is ignored: there is no adaptive norm. States are rounded
    inside, so what differs in the last place before a rounding (one attention kernel and another) may differ by a
    whole step after it.
    """

    sizes: BitNetSizes

    def __init__(
        self,
        sizes: BitNetSizes,
        kernel: AttentionKernel,
        *,
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        layers = (
            PreNormLayer(sizes, Attention(sizes, kernel), FeedForward(sizes), dropout) for _ in range(sizes.n_layers)
        )
        super().__init__("bitnet", sizes, kernel, layers, gradient_checkpointing=gradient_checkpointing)
