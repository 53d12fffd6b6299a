"""The short causal convolution before the scan: each channel by itself, over the last K positions of its segment."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


def causal_convolution(
    x: Float[Tensor, "B T C"],
    conv: nn.Conv1d,
    segment: Int[Tensor, "B T"] | None,
    before: Float[Tensor, "B K1 C"] | None,
) -> Float[Tensor, "B T C"]:
    """SiLU of the convolution of x with `conv`'s weights [C, 1, K], in their dtype.

    Args:
        segment: numbers that change where a segment begins: nothing before that is seen.
        before: the K − 1 inputs that came before x; zeros when None.
    """
    T = x.shape[1]
    taps = conv.weight[:, 0].unbind(1)
    x = x.to(conv.weight.dtype)
    shifts = len(taps) - 1
    wide = F.pad(x, (0, 0, shifts, 0)) if before is None else torch.cat((before.to(x.dtype), x), dim=1)
    y = x * taps[-1] if conv.bias is None else torch.addcmul(conv.bias, x, taps[-1])
    for back in range(1, shifts + 1):
        earlier = wide[:, shifts - back : shifts - back + T]
        if segment is not None:
            same = F.pad(segment[:, back:] == segment[:, :-back], (min(back, T), 0))[:, :T]
            earlier = earlier.masked_fill(~same[..., None], 0.0)
        y.addcmul_(earlier, taps[-1 - back])  # in place: fresh memory costs more than the sum
    return F.silu(y)


def last_inputs(
    x: Float[Tensor, "B T C"], before: Float[Tensor, "B K1 C"], new: Int[Tensor, "B"] | None
) -> Float[Tensor, "B K1 C"]:
    """The K − 1 inputs before each row's next position, when it has taken `new` of x (all when None)."""
    wide = torch.cat((before, x.to(before.dtype)), dim=1)
    if new is None:
        return wide[:, x.shape[1] :]
    place = new[:, None] + torch.arange(before.shape[1], device=x.device)
    return wide.gather(1, place[..., None].expand(-1, -1, x.shape[2]))


def convolution_step(x: Float[Tensor, "B C"], conv: nn.Conv1d, before: Float[Tensor, "B K1 C"]) -> Float[Tensor, "B C"]:
    """One position; `before` is moved on in place."""
    window = torch.cat((before, x[:, None].to(before.dtype)), dim=1)
    before.copy_(window[:, 1:])
    y = (window * conv.weight[:, 0].T).sum(1)
    return F.silu(y if conv.bias is None else y + conv.bias)
