from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from valle_kit.codes.causal import CausalStack, Residual, first_frames


def decoder() -> tuple:
    torch.manual_seed(0)
    block = Residual((nn.ELU(), nn.Conv1d(4, 2, 3, dilation=2), nn.ELU(), nn.Conv1d(2, 4, 1)), (nn.Conv1d(4, 4, 1),))
    return (nn.Conv1d(3, 8, 7), nn.LSTM(8, 8, 2), nn.ELU(), nn.ConvTranspose1d(8, 4, 8, stride=4), block,
            nn.Conv1d(4, 1, 7))  # fmt: skip


def encoder() -> tuple:
    torch.manual_seed(0)
    return (nn.Conv1d(1, 4, 7), nn.ELU(), nn.Conv1d(4, 8, 8, stride=4), Residual((nn.Conv1d(8, 8, 3),)),
            nn.Conv1d(8, 8, 10, stride=5), nn.LSTM(8, 8), nn.Conv1d(8, 3, 7))  # fmt: skip


def whole(layers, x):
    """What the layers mean, said once without any state."""
    for layer in layers:
        if isinstance(layer, Residual):
            x = whole(layer.shortcut, x) + whole(layer.block, x)
        elif isinstance(layer, nn.Conv1d):
            size, stride = (layer.kernel_size[0] - 1) * layer.dilation[0] + 1, layer.stride[0]
            x = F.pad(x, (size - stride, -x.shape[-1] % stride), mode="reflect")
            x = layer(x)
        elif isinstance(layer, nn.ConvTranspose1d):
            x = layer(x)[..., : x.shape[-1] * layer.stride[0]]
        elif isinstance(layer, nn.LSTM):
            x = x + layer(x.permute(2, 0, 1))[0].permute(1, 2, 0)
        else:
            x = layer(x)
    return x


@pytest.mark.parametrize("chunks", [(7, 1, 1, 1, 20), (30,), (9, 21), (29, 1)])
@torch.no_grad()
def test_decoding_in_pieces_equals_the_whole(chunks):
    layers = decoder()
    x = torch.randn(2, 3, 30)
    stack = CausalStack(layers)
    joined = torch.cat([stack.push(part) for part in x.split(list(chunks), dim=-1)], dim=-1)
    torch.testing.assert_close(joined, whole(layers, x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [800, 801, 819, 795])
@torch.no_grad()
def test_encoding_in_pieces_equals_the_whole_also_where_the_last_frame_is_partly_filled(length):
    layers = encoder()
    x = torch.randn(1, 1, length)
    stack = CausalStack(layers)
    first, second = stack.push(x[..., :400]), stack.push(x[..., 400:], end=True)
    assert first.shape[-1] == 20
    torch.testing.assert_close(torch.cat([first, second], -1), whole(layers, x), rtol=0, atol=1e-6)


@torch.no_grad()
def test_forgetting_the_state_is_noticed():
    layers = decoder()
    x = torch.randn(1, 3, 30)
    joined = torch.cat([CausalStack(layers).push(part) for part in x.split(15, dim=-1)], dim=-1)
    assert float((joined - whole(layers, x)).abs().max()) > 1e-3


@torch.no_grad()
def test_the_first_frames_are_as_many_as_every_beginning_reflects():
    layers = decoder()
    assert first_frames(layers) == 7
    assert first_frames(layers[3:]) == 2  # six samples before the last convolution, four a frame
    CausalStack(layers).push(torch.randn(1, 3, 7))
    with pytest.raises(ValueError, match="cannot be reflected"):
        CausalStack(layers).push(torch.randn(1, 3, 6))
