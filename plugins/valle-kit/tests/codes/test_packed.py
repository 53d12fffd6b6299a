"""Convolutions by oneDNN equal PyTorch's, whatever changes between two calls."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from valle_kit.codes import packed
from valle_kit.codes.convolutions import behind, room
from valle_kit.codes.packed import Packed, steps_first
from valle_kit.codes.recurrence import Cells

CONVOLUTIONS = [
    nn.Conv1d(5, 7, 1),
    nn.Conv1d(5, 7, 3, dilation=4),
    nn.Conv1d(5, 8, 6, stride=3, bias=False),
    nn.Conv1d(6, 9, 3, groups=3),
    nn.Conv1d(6, 6, 5, groups=6),
    nn.Conv1d(6, 6, 5, groups=6, bias=False),
    nn.Conv1d(6, 6, 3, groups=6, stride=2),
    nn.ConvTranspose1d(5, 3, 8, stride=4),
    nn.ConvTranspose1d(6, 4, 4, stride=2, groups=2),
]


def inputs(conv: nn.Conv1d | nn.ConvTranspose1d, batch: int, length: int) -> Tensor:
    return torch.randn(batch, conv.in_channels, length)


@pytest.mark.parametrize("conv", CONVOLUTIONS, ids=str)
@torch.inference_mode()
def test_a_convolution_is_pytorchs_at_any_size(conv):
    function = Packed(conv)
    for batch, length in ((1, 12), (1, 12), (3, 12), (1, 9), (2, 70)):
        x = inputs(conv, batch, length)
        for laid in (x, x.transpose(1, 2).contiguous().transpose(1, 2)):
            torch.testing.assert_close(function(laid), conv(x), rtol=0, atol=1e-5)


@torch.no_grad()
def test_weights_that_change_are_laid_out_anew():
    conv = nn.Conv1d(4, 6, 3)
    function, x = Packed(conv), torch.randn(1, 4, 20)
    function(x)
    conv.weight.mul_(2)
    torch.testing.assert_close(function(x), conv(x), rtol=0, atol=1e-5)
    conv.weight = nn.Parameter(torch.randn(6, 4, 3))
    torch.testing.assert_close(function(x), conv(x), rtol=0, atol=1e-5)
    assert conv.bias is not None
    conv.bias.zero_()
    torch.testing.assert_close(function(x), conv(x), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_weights_at_the_address_of_earlier_ones_are_laid_out_anew():
    conv, x = nn.Conv1d(64, 64, 7), torch.randn(1, 64, 20)
    function = Packed(conv)
    for _ in range(5):
        function(x)
        conv.weight = nn.Parameter(torch.zeros(0))  # lets the memory go, for the next line to take
        conv.weight = nn.Parameter(torch.randn(64, 64, 7))
        torch.testing.assert_close(function(x), conv(x), rtol=0, atol=1e-3)


@pytest.mark.parametrize("conv", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
def test_a_copy_of_what_was_called_has_its_own_weights(conv, again):
    function, x = Packed(conv), inputs(conv, 1, 12)
    with torch.no_grad():
        wanted = function(x)
        other = again(function)
        assert torch.equal(other(x), wanted)
        other._conv.weight.zero_()
        other._conv.bias = None
        assert not other(x).any()
        assert torch.equal(function(x), wanted)


@torch.inference_mode()
def test_threads_with_other_sizes_do_not_disturb_each_other():
    conv = nn.Conv1d(4, 6, 3)
    function, given = Packed(conv), [torch.randn(1, 4, length) for length in (12, 70, 20, 9)]
    wanted = [conv(x) for x in given]

    def called(place: int) -> bool:
        with torch.inference_mode():
            return all(torch.allclose(function(given[place]), wanted[place], atol=1e-5) for _ in range(50))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(called, range(4)))


def test_gradients_and_other_types_go_pytorchs_way():
    conv = nn.Conv1d(4, 6, 3)
    function, x = Packed(conv), torch.randn(1, 4, 20)
    function(x).sum().backward()
    assert conv.weight.grad is not None
    with torch.inference_mode():
        assert torch.equal(Packed(conv.double())(x.double()), conv(x.double()))


@torch.inference_mode()
def test_weights_are_laid_out_once_for_equal_sizes(monkeypatch):
    made, usual = [], packed._packed
    monkeypatch.setattr(packed, "_packed", lambda conv, sizes: (made.append(sizes), usual(conv, sizes))[1])
    if not torch.backends.mkldnn.is_available() or not all(hasattr(torch.ops.mkldnn, name) for name in packed.NEEDED):
        pytest.skip("PyTorch has no oneDNN here")
    function = Packed(nn.Conv1d(4, 6, 3))
    for length in (20, 20, 20, 12, 12):
        function(torch.randn(1, 4, length))
    assert [sizes[-1] for sizes in made] == [20, 12]


def test_what_is_put_beside_steps_that_lie_first_lies_so_too():
    x = torch.randn(2, 9, 5).transpose(1, 2)
    assert steps_first(x)
    assert steps_first(room(x, 2, 4, 3))
    joined = behind(torch.ones(2, 5, 1), x, 2)
    assert steps_first(joined)
    assert torch.equal(joined, torch.cat([torch.ones(2, 5, 1), x], 2))
    assert not steps_first(room(torch.randn(2, 5, 9), 2, 4, 3))


@torch.inference_mode()
def test_cells_one_by_one_are_the_lstm():
    lstm, steps = nn.LSTM(6, 6, 2), torch.randn(4, 3, 6)
    _, state = lstm(torch.randn(2, 3, 6))
    torch.testing.assert_close(Cells(lstm)(steps, state), lstm(steps, state), rtol=0, atol=1e-6)
