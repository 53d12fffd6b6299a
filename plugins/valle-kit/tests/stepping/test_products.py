"""Products of a program: right, and with the same bits whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from valle_kit.int8_linear import Int8Linear

pytest.importorskip("numba")

from valle_kit.stepping.program import Program
from valle_kit.stepping.runner import Runner


def runner(linear, rows=13):
    program = Program(linear.out_features, rows, 1, 64)
    source = program.buffer("source", linear.in_features)
    program.product(linear, source, program.h, add=True)
    program.end_layer()
    return Runner(program), program.states(source)


def products(made, x):
    """linear(x) by the program, added to nothing."""
    run, source = made
    zeros = torch.zeros(len(x), dtype=torch.long)
    source[: len(x)] = x
    h = torch.zeros(len(x), run.program.d_model)
    return run(h, np.zeros(13, dtype=np.int64), zeros, torch.zeros(1, 1), zeros, finish=False)


SHAPES = [(37, 70), (64, 256), (51, 16), (8, 5)]


@pytest.mark.parametrize(("outputs", "inputs"), SHAPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("int8", [True, False])
@torch.inference_mode()
def test_a_product_is_that_of_torch_and_the_same_alone_and_in_any_batch(outputs, inputs, bias, int8):
    linear = nn.Linear(inputs, outputs, bias=bias)
    if int8:
        linear = Int8Linear(linear)
    made, x = runner(linear), torch.randn(13, inputs)
    whole = products(made, x)
    torch.testing.assert_close(whole, linear(x), atol=1e-5, rtol=1e-5)
    for count in range(1, 13):
        for first in (0, 13 - count):
            assert torch.equal(products(made, x[first : first + count]), whole[first : first + count])


@torch.inference_mode()
def test_more_states_than_the_program_has_room_for_go_in_turns():
    linear = nn.Linear(8, 8)
    run, source = runner(linear, rows=3)
    source.zero_()
    x = torch.randn(8, 8)
    zeros = torch.zeros(8, dtype=torch.long)
    given = run(x, np.zeros(13, dtype=np.int64), zeros, torch.zeros(1, 1), zeros, finish=False)
    torch.testing.assert_close(given, x + linear.bias)


@torch.inference_mode()
def test_int8_weights_are_within_half_a_level():
    linear = nn.Linear(70, 9)
    rounded = Int8Linear(linear)
    assert rounded.weight.shape == (9, 128)
    found = rounded.weight[:, :70] * rounded.scale[:, None]
    assert bool(((found - linear.weight).abs() <= rounded.scale[:, None] * 0.5001).all())


def test_the_scales_of_int8_weights_stay_float32_in_a_model_of_another_dtype():
    rounded = Int8Linear(nn.Linear(8, 4)).bfloat16()
    assert rounded.scale.dtype == torch.float32
    assert rounded.weight.dtype == torch.int8
    assert rounded(torch.randn(2, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16
