"""The linear layer against the equations of its paper, against transformers', and packed against unpacked."""

from __future__ import annotations

import copy
import itertools

import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F
from valle_bitnet.bitlinear import BitLinear
from valle_bitnet.packed import PackedBitLinear, byte_table, pack, unpack, weights_nbytes
from valle_bitnet.quantise import ternary


def by_the_paper(x, layer):
    """2402.17764, section 2, in numbers that are not whole: dequantised activations times dequantised weights."""
    if layer.norm == "rms":
        x = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    beta = layer.weight.abs().mean()
    weight = (layer.weight / beta).round().clamp(-1, 1) * beta
    step = x.abs().amax(-1, keepdim=True) / 127
    return F.linear((x / step).round().clamp(-128, 127) * step, weight, layer.bias)


def layer(inputs=24, outputs=17, *, norm="none", bias=True, seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    return BitLinear(inputs, outputs, bias=bias, norm=norm, dtype=dtype)


@pytest.mark.parametrize("norm", ["none", "rms"])
@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_it_is_the_formula_of_the_paper(norm, seed):
    made, x = layer(norm=norm, seed=seed, dtype=torch.float64), torch.randn(3, 5, 24).double()
    torch.testing.assert_close(made(x), by_the_paper(x, made), atol=1e-12, rtol=1e-12)


def test_weights_become_minus_one_zero_and_one():
    weight = torch.tensor([[0.0, 0.5, -0.5, 1.0], [0.2, -2.0, 3.0, 0.8]])  # mean |W| = 1
    rounded, scale = ternary(weight)
    assert scale.item() == 1.0
    assert rounded.tolist() == [[0, 0, 0, 1], [0, -1, 1, 1]]
    assert set(ternary(torch.zeros(3, 3))[0].flatten().tolist()) == {0}


@pytest.mark.parametrize("norm", ["none", "rms"])
def test_gradients_are_those_of_a_linear_layer_of_the_rounded_numbers(norm):
    made, x = layer(norm=norm, dtype=torch.float64), torch.randn(6, 24).double().requires_grad_()
    up = torch.randn(6, 17).double()
    (made(x) * up).sum().backward()
    seen = F.rms_norm(x, (24,), eps=1e-5) if norm == "rms" else x
    seen.retain_grad()
    step = seen.detach().abs().amax(-1, keepdim=True) / 127
    rounded = (seen.detach() / step).round() * step
    whole, beta = ternary(made.weight)
    torch.testing.assert_close(made.weight.grad, up.T @ rounded)
    torch.testing.assert_close(made.bias.grad, up.sum(0))
    wanted = torch.autograd.grad(seen, x, up @ (whole.double() * beta))[0]
    torch.testing.assert_close(x.grad, wanted)


def test_with_gradients_and_without_it_says_the_same_bit_for_bit():
    for inputs, seed in itertools.product((24, 63, 512), range(3)):
        made, x = layer(inputs, seed=seed), torch.randn(4, 9, inputs) * 10 ** torch.linspace(-3, 3, 9)[:, None]
        learning = made(x)
        with torch.no_grad():
            assert torch.equal(made(x), learning)
            alone = torch.stack([made(row) for row in x.flatten(0, 1)]).view_as(learning)
        assert torch.equal(alone, learning), "a position depends on what else is in the batch"


@torch.no_grad()
def test_zeros_stay_zeros_and_a_norm_makes_it_deaf_to_loudness():
    assert not layer(bias=False)(torch.zeros(2, 24)).any()
    made, x = layer(norm="rms", dtype=torch.float64), torch.randn(3, 24).double()
    torch.testing.assert_close(made(x * 64), made(x), atol=1e-4, rtol=0)


def test_kept_weights_are_rounded_anew_whenever_they_change():
    def fresh(like):
        other = layer().eval()
        other.load_state_dict(like.state_dict())
        with torch.no_grad():
            return other(x)

    made, x = layer().eval(), torch.randn(5, 24)
    optimizer = torch.optim.SGD(made.parameters(), lr=1.0)
    made(x).square().sum().backward()
    twin = copy.deepcopy(made)
    with torch.no_grad():
        first = made(x)
        optimizer.step()
        assert not torch.equal(made(x), first)
        assert torch.equal(made(x), fresh(made))
        made.load_state_dict(layer(seed=5).state_dict())
        assert torch.equal(made(x), fresh(made))
        made.train().weight.data.neg_()  # unseen while kept, hence forgotten by train()
        assert torch.equal(made.eval()(x), fresh(made))
        made.weight = nn.Parameter(torch.randn(17, 24))
        assert torch.equal(made(x), fresh(made))
        assert torch.equal(twin(x), first)
        assert made.double()(x.double()).dtype == torch.float64
    with torch.inference_mode():
        assert torch.equal(layer().eval()(x), first)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_half_precision_says_about_the_same(dtype):
    made, x = layer(64, 48), torch.randn(5, 64)
    found = made.to(dtype)(x.to(dtype))
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), made.float()(x), atol=0.05, rtol=0.05)


def test_under_autocast_it_gives_what_a_linear_layer_gives():
    made, x = layer(), torch.randn(5, 24)
    with torch.autocast("cpu", torch.bfloat16):
        assert made(x).dtype == nn.Linear(24, 17)(x).dtype == torch.bfloat16
        with torch.no_grad():
            assert made(x).dtype == torch.bfloat16
    made(x).sum().backward()


def test_every_byte_is_unpacked_to_what_was_packed():
    every = torch.tensor(list(itertools.product((-1, 0, 1), repeat=4)), dtype=torch.int8)
    assert torch.equal(unpack(pack(every), 4, byte_table()), every)
    for columns in range(1, 10):
        weight = torch.randint(-1, 2, (5, columns)).to(torch.int8)
        held = pack(weight)
        assert held.shape == (5, -(-columns // 4))
        assert torch.equal(unpack(held, columns, byte_table()), weight)


@pytest.mark.parametrize("inputs", [16, 63, 130])
@pytest.mark.parametrize("norm", ["none", "rms"])
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_packed_weights_say_the_same_bit_for_bit(inputs, norm, bias):
    made = layer(inputs, 33, norm=norm, bias=bias)
    packed, x = PackedBitLinear(made, "none"), torch.randn(7, 3, inputs)
    assert torch.equal(packed(x), made(x))
    stored = safetensors.torch.load(safetensors.torch.save(packed.state_dict()))
    other = PackedBitLinear(layer(inputs, 33, norm=norm, bias=bias, seed=1), "none")
    assert not torch.equal(other(x), made(x))
    other.load_state_dict(stored)
    assert torch.equal(other(x), made(x))


def test_packed_layers_pass_gradients_to_their_input():
    made, x = layer(), torch.randn(4, 24)
    grads = []
    for part in (made, PackedBitLinear(made, "none")):
        leaf = x.clone().requires_grad_()
        part(leaf).square().sum().backward()
        grads.append(leaf.grad)
    torch.testing.assert_close(grads[1], grads[0])
    assert not list(PackedBitLinear(made, "none").parameters())


def test_two_bits_per_weight_are_a_sixteenth_of_float32():
    made = layer(1024, 512, bias=False)
    packed = PackedBitLinear(made, "none")
    assert weights_nbytes(made) == 1024 * 512 * 4
    assert weights_nbytes(packed) == 1024 * 512 // 4 + 4 + 256 * 4  # and the scale and the table of bytes


def test_it_runs_on_a_device_that_has_no_autocast():
    found = layer().to("meta")(torch.empty(2, 6, 24, device="meta"))
    assert (found.shape, found.dtype, found.device.type) == ((2, 6, 17), torch.float32, "meta")
