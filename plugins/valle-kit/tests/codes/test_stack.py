"""Networks in chunks against the whole, on layers of every kind."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from valle_kit.codes.convolutions import Convolution, Pointwise, causal, zero_padded
from valle_kit.codes.recurrence import Recurrence
from valle_kit.codes.stack import Added, Overlap, Stack, lookahead, reach


def elu(x, out):
    out.copy_(F.elu(x))


ELU = Pointwise(F.elu, into=elu)


def built(*layers):
    """Modules in float64 with padding of their own as zero-padded layers; other layers as they are."""
    return tuple(zero_padded(layer.double()) if isinstance(layer, nn.Module) else layer for layer in layers)


def ahead():
    """Zeros on both sides, down and up again."""
    torch.manual_seed(0)
    unit = Added(built(Pointwise(torch.sin), nn.Conv1d(4, 4, 7, padding=9, dilation=3), nn.Conv1d(4, 4, 1)))
    up = (nn.ConvTranspose1d(4, 4, 10, stride=5, padding=3), unit, nn.ConvTranspose1d(4, 4, 4, stride=2, padding=1))
    down = (nn.Conv1d(4, 4, 10, stride=5, padding=3), unit, nn.Conv1d(4, 2, 3, padding=1))
    shift = Pointwise(lambda x: x + 2, 2, lambda x, out: torch.add(x, 2, out=out))
    return built(nn.Conv1d(3, 4, 7, padding=3), *up, *down, shift, nn.Conv1d(2, 2, 5, padding=2),
                 shift, nn.Conv1d(2, 2, 1), Pointwise(torch.tanh, 2))  # fmt: skip


def decoder():
    torch.manual_seed(0)
    block = Added(tuple(reflected(ELU, nn.Conv1d(4, 2, 3, dilation=2), ELU, nn.Conv1d(2, 4, 1))),
                  reflected(nn.Conv1d(4, 4, 1)))  # fmt: skip
    return reflected(nn.Conv1d(3, 8, 7), Recurrence(nn.LSTM(8, 8, 2).double()), ELU,
                     nn.ConvTranspose1d(8, 4, 8, stride=4), block, nn.Conv1d(4, 1, 7))  # fmt: skip


def encoder():
    torch.manual_seed(0)
    return reflected(nn.Conv1d(3, 4, 7), ELU, nn.Conv1d(4, 8, 8, stride=4), Added(reflected(nn.Conv1d(8, 8, 3))),
                     nn.Conv1d(8, 8, 10, stride=5), Recurrence(nn.LSTM(8, 8).double()), nn.Conv1d(8, 3, 7))  # fmt: skip


def reflected(*layers):
    return tuple(causal(layer.double()) if isinstance(layer, nn.Module) else layer for layer in layers)


def whole(layers, x):
    """What the layers mean, said once without any state."""
    for layer in layers:
        match layer:
            case Added():
                x = whole(layer.shortcut, x) + whole(layer.block, x)
            case Pointwise():
                x = layer.function(x)
            case Recurrence():
                x = x + layer.lstm(x.permute(2, 0, 1))[0].permute(1, 2, 0)
            case Convolution(reflected=True):
                right = -x.shape[2] % layer.stride
                more = max(max(layer.left, right) + 1 - x.shape[2], 0)
                x = F.pad(F.pad(x, (0, more)), (layer.left, right), mode="reflect")
                x = layer.function(x[..., : x.shape[2] - more])
            case Convolution():
                x = layer.function(F.pad(x, (layer.left, layer.right)))
            case _:
                y = F.conv_transpose1d(x, layer.conv.weight, layer.conv.bias, layer.conv.stride[0])
                x = y[..., layer.left : y.shape[2] - layer.right]
    return x


@pytest.mark.parametrize("chunks", [(60,), (1,) * 60, (3, 0, 40, 17), (59, 1), (1, 59), (7, 1, 1, 20), (2,), (1,)])
@pytest.mark.parametrize("make", [ahead, decoder])
@torch.inference_mode()
def test_chunks_joined_are_the_whole(make, chunks):
    layers = make()
    x = torch.randn(2, 3, sum(chunks), dtype=torch.float64)
    kept, parts = x.clone(), x.split(list(chunks), dim=-1)
    stack = Stack(layers)
    joined = [stack.push(part) for part in parts]
    joined.append(stack.push(x[..., :0], end=True))
    torch.testing.assert_close(torch.cat(joined, -1), whole(layers, x), rtol=0, atol=1e-12)
    assert torch.equal(x, kept)
    stack = Stack(layers)
    joined = [stack.push(part, end=index == len(parts) - 1) for index, part in enumerate(parts)]
    torch.testing.assert_close(torch.cat(joined, -1), whole(layers, x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunks", [(400, 400), (20, 780), (400, 401), (40, 340, 419), (795,), (13,), (19,), (1,)])
@torch.inference_mode()
def test_encoding_in_chunks_equals_the_whole_also_where_the_last_frame_is_partly_filled(chunks):
    layers, x = encoder(), torch.randn(1, 3, sum(chunks), dtype=torch.float64)
    stack, parts = Stack(layers), x.split(list(chunks), dim=-1)
    joined = torch.cat([stack.push(part, end=index == len(parts) - 1) for index, part in enumerate(parts)], -1)
    assert joined.shape[-1] == -(-sum(chunks) // 20)
    torch.testing.assert_close(joined, whole(layers, x), rtol=0, atol=1e-12)


@torch.inference_mode()
def test_forgetting_the_state_is_noticed():
    layers, x = decoder(), torch.randn(1, 3, 30, dtype=torch.float64)
    joined = torch.cat([Stack(layers).push(part, end=True) for part in x.split(15, dim=-1)], dim=-1)
    assert float((joined - whole(layers, x)).abs().max()) > 1e-3


@torch.inference_mode()
def test_frames_last_on_axis_1_are_the_same():
    """Function, padding and sum of [B, T, C]; the convolution looks one step ahead."""

    def total(x):
        return x[:, :-2] + 2 * x[:, 1:-1] + 3 * x[:, 2:]

    layers = (Added((Convolution(total, 2, 3, left=1, right=1), Pointwise(torch.tanh))),)
    x = torch.randn(1, 9, 2)
    stack = Stack(layers, axis=1)
    joined = torch.cat([*(stack.push(part) for part in x.split(2, 1)), stack.push(x[:, :0], end=True)], 1)
    torch.testing.assert_close(joined, x + total(F.pad(x, (0, 0, 1, 1))).tanh(), rtol=0, atol=1e-6)


@torch.inference_mode()
def test_overlapping_windows_of_one_sound_give_it_back():
    window = torch.hann_window(40)
    wav = torch.randn(1, 100)
    windows = F.pad(wav, (15, 15)).unfold(1, 40, 10) * window.square()
    stack = Stack((Overlap(window, 10, 1e-9),))
    parts = [stack.push(part.transpose(1, 2)) for part in windows.split([3, 4, 3], 1)]
    assert [part.shape[2] for part in parts] == [15, 40, 30]
    joined = torch.cat([*parts, stack.push(windows.transpose(1, 2)[..., :0], end=True)], 2)[:, 0]
    torch.testing.assert_close(joined, wav, rtol=0, atol=1e-5)
    assert lookahead((Overlap(window, 10, 1e-9),), 10) == 2


@pytest.mark.parametrize(("make", "output"), [(ahead, 59), (ahead, 20), (decoder, 119), (decoder, 0), (encoder, 3)])
@torch.inference_mode()
def test_the_last_input_of_an_output_is_the_last_that_changes_it(make, output):
    layers = make()
    x = torch.randn(1, 3, 400, dtype=torch.float64)
    y, found = whole(layers, x), reach(layers, output)
    for place, changes in ((found, True), (found + 1, False)):
        bent = x.clone()
        bent[..., place] += 1
        difference = (whole(layers, bent) - y)[..., : output + 1].abs().max()
        assert (float(difference) > 1e-12) is changes


def test_what_a_decoder_waits_for():
    assert lookahead(decoder(), 4) == 6
    assert lookahead(decoder()[3:], 4) == 1  # six samples before the last convolution, four a frame


def test_a_transposed_convolution_cut_more_than_it_reaches_is_refused():
    with pytest.raises(ValueError, match="a padding of 3"):
        zero_padded(nn.ConvTranspose1d(1, 1, 4, stride=2, padding=3))
