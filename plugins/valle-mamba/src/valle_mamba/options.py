"""Options of the two backbones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Engine = Literal["auto", "torch", "kernels"]
FullRows = Literal["bidirectional", "causal"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CommonOptions:
    """What the options of both begin with.

    Attributes:
        d_model: width D of the states.
        n_layers: number of layers.
        d_conv: taps of the convolution before the scan.
        expand: width of the scan as a multiple of d_model.
        conv_bias: whether the convolution has a bias.
        bias: whether the projections into and out of a layer have one.
        norm_eps: epsilon of the RMS norms.
        dropout: dropout probability of each layer's output.
        max_length: maximum sequence length; no limit when not given.
        gradient_checkpointing: recompute the layers in the backward pass to save memory.
        full_rows: "bidirectional" reads full rows in both directions and merges them by learned weights; "causal" reads
            them one way only, as an ablation: then no position of a full row sees a later one.
        engine: "torch" is the scan of this package, "kernels" that of mamba-ssm and causal-conv1d (CUDA only), "auto"
            the kernels where they are installed and serve the rows at hand.
        weights: folder to start from; it also gives the sizes.
    """

    d_model: int = 256
    n_layers: int = 4
    d_conv: int = 4
    expand: int = 2
    conv_bias: bool = True
    bias: bool = False
    norm_eps: float = 1e-5
    dropout: float = 0.0
    max_length: int | None = None
    gradient_checkpointing: bool = False
    full_rows: FullRows = "bidirectional"
    engine: Engine = "auto"
    weights: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MambaOptions(CommonOptions):
    """Options of `--arch mamba`.

    Attributes:
        d_state: N, numbers remembered per channel.
        dt_rank: rank of the projection that makes the step sizes; d_model / 16, rounded up, when not given.
        weights: folder written by `MambaModel.save_pretrained` (safetensors) to start from; it also gives the sizes.
    """

    d_state: int = 16
    dt_rank: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mamba2Options(CommonOptions):
    """Options of `--arch mamba2`.

    Attributes:
        d_state: N, numbers remembered per channel.
        head_dim: channels that share a step size and a decay; must divide expand · d_model.
        n_groups: groups of heads that share what is written and read; must divide the number of heads.
        weights: folder written by `Mamba2Model.save_pretrained` (safetensors) to start from; it also gives the sizes.
    """

    d_state: int = 128
    head_dim: int = 64
    n_groups: int = 1
