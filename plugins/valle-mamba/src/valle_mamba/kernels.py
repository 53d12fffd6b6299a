"""mamba-ssm's and causal-conv1d's kernels under the signatures of ours. Imported only where `Engine.serves` says so.

They take whole rows from an empty memory, so `segment`, `keep` and what was remembered are not looked at.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from valle_mamba.block_scan import CHUNK
from valle_mamba.convolution import causal_convolution

TAPS = (2, 3, 4)
"""Lengths of a convolution that causal-conv1d has kernels for."""


def convolution(x: Float[Tensor, "B T C"], conv: nn.Conv1d, segment: None, before: Tensor | None) -> Tensor:
    """As `causal_convolution`."""
    from causal_conv1d import causal_conv1d_fn

    if conv.kernel_size[0] not in TAPS:
        return causal_convolution(x, conv, segment, before)
    y = causal_conv1d_fn(x.to(conv.weight.dtype).mT, conv.weight[:, 0], conv.bias, activation="silu")
    return y.mT


def selective_scan(
    u: Float[Tensor, "B T d"],
    dt: Float[Tensor, "B T d"],
    A: Float[Tensor, "N d"],
    B: Float[Tensor, "B T N"],
    C: Float[Tensor, "B T N"],
    keep: None,
    state: Tensor | None,
) -> tuple[Float[Tensor, "B T d"], Float[Tensor, "B N d"]]:
    """As `valle_mamba.selective_scan.selective_scan`."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    u, dt, A, B, C = (x.mT.contiguous() for x in (u, dt, A, B, C))
    y, final = selective_scan_fn(u, dt, A, B, C, return_last_state=True)
    return y.mT, final.mT


def block_scan(
    x: Float[Tensor, "B T H P"],
    dt: Float[Tensor, "B T H"],
    A: Float[Tensor, "H"],
    B: Float[Tensor, "B T G N"],
    C: Float[Tensor, "B T G N"],
    segment: None,
    state: Tensor | None,
) -> tuple[Float[Tensor, "B T H P"], Float[Tensor, "B G N W"]]:
    """As `valle_mamba.block_scan.block_scan`."""
    from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined

    y, final = mamba_chunk_scan_combined(x, dt, A, B, C, CHUNK, return_final_states=True)
    heads = final.unflatten(1, (B.shape[2], -1))  # [B, G, H / G, P, N]
    return y, heads.flatten(2, 3).mT
