"""The honest work of a cell, and the exact results it is held to."""

from __future__ import annotations

import math

import pytest
import torch

from valle_bench.attention.exact import Exact, attend, visible
from valle_bench.attention.inputs import Inputs
from valle_bench.attention.presets import shapes_of
from valle_bench.attention.settings import Cell
from valle_bench.attention.work import area, flops, nbytes, pairs


def cell(**changes) -> Cell:
    given = {"form": "mixed", "direction": "forward", "size": 12, "queries": 12, "lengths": (12, 9, 5),
             "prefix": (0, 9, 2), "heads": 4, "kv_heads": 2, "head_width": 8, "dtype": "float32"}  # fmt: skip
    return Cell(**given | changes)


@pytest.mark.parametrize("length", [1, 7, 12])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("window", [None, 1, 4])
def test_the_area_is_the_number_of_pairs_that_see_each_other(length, share, window):
    prefix = round(share * length)
    seen = visible(0, length, length, prefix, window, torch.device("cpu"))
    assert area(length, prefix, window=window) == int(seen.sum())
    assert area(length, prefix, queries=1, window=window) == int(seen[-1].sum())


def test_the_area_is_that_of_the_formula():
    for length, prefix in ((2048, 0), (2048, 2048), (2048, 700)):
        assert area(length, prefix) == prefix**2 + (length * (length + 1) - prefix * (prefix + 1)) // 2


def test_operations_and_bytes_count_no_padding():
    one = cell(lengths=(12, 6), prefix=(0, 6), size=12)
    assert pairs(one) == 78 + 36
    assert flops(one) == 4 * 4 * 8 * (78 + 36)
    assert flops(cell(direction="backward")) == 2.5 * flops(cell())
    assert nbytes(one) == 18 * 8 * 4 * (2 * 4 + 2 * 2)
    step = cell(direction="decode", queries=1, lengths=(12,), prefix=(0,))
    assert pairs(step) == 12
    assert nbytes(step) == 8 * 4 * (2 * 4 * 1 + 2 * 2 * 12)


def test_exact_gradients_are_those_of_autograd():
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 5, 8, generator=generator, dtype=torch.float64) for _ in range(3))
    k, v = k[0], v[0]
    grad = torch.randn(q.shape, generator=generator, dtype=torch.float64)
    leaves = [x.requires_grad_() for x in (q, k, v)]
    seen = visible(0, 5, 5, 2, None, q.device)
    out = (q @ k.T * 8**-0.5).masked_fill(~seen, -math.inf).softmax(-1) @ v
    wanted = torch.autograd.grad(out, leaves, grad)
    with torch.no_grad():
        found = attend(q, k, v, grad, prefix=2)
    for got, exact in zip(found, (out.detach(), *wanted), strict=True):
        torch.testing.assert_close(got, exact)


def test_what_lies_in_the_padding_is_an_error():
    one = cell(lengths=(12, 6), prefix=(0, 6))
    inputs = Inputs(one, torch.device("cpu"), 0)
    exact = Exact(one, inputs.sets[0])
    out = torch.zeros(2, 4, 12, 8)
    for part in exact.parts:
        out[part.row, :, part.queries] = 0
    out[0, :1] = 0
    assert exact.error((out,)) == pytest.approx(1.0)
    out[1, 3, 7] = 1e-3
    assert exact.error((out,)) == math.inf
    assert exact.error((out * math.nan,)) == math.inf


def test_inputs_are_more_than_a_cache_holds_and_masks_are_new():
    inputs = Inputs(cell(), torch.device("cpu"), 0)
    assert len(inputs.sets) >= 2
    assert not torch.equal(inputs.sets[0].q, inputs.sets[1].q)
    first, second = inputs.mask(), inputs.mask()
    assert first is not second
    assert (first.form, first.padded) == ("mixed", True)
    assert torch.equal(Inputs(cell(), torch.device("cpu"), 0).sets[0].q, inputs.sets[0].q)


def test_a_step_of_decoding_asks_from_the_end_of_each_row():
    inputs = Inputs(cell(direction="decode", queries=1, form="causal", prefix=(0, 0, 0)), torch.device("cpu"), 0)
    mask = inputs.mask()
    assert mask.query_start.tolist() == [11, 8, 4]
    assert mask.form == "causal"
    assert inputs.sets[0].q.shape == (3, 4, 1, 8)


def test_the_shapes_of_flash_attentions_benchmark():
    cells = list(shapes_of("fa", large=True).cells())
    assert {(one.size, one.batch) for one in cells} == {
        (512, 64), (1024, 32), (2048, 16), (4096, 8), (8192, 4), (16384, 2),
    }  # fmt: skip
    assert {(one.heads, one.head_width) for one in cells} == {(32, 64), (16, 128)}
    assert {(one.form, one.direction) for one in cells} == {
        (form, direction) for form in ("causal", "full") for direction in ("forward", "backward")
    }
    assert not any(one.padding for one in cells)


def test_the_rows_of_a_preset():
    padded = [one for one in shapes_of("packed", large=False).cells() if one.form == "causal"]
    assert all(one.padding == pytest.approx(0.45, abs=0.01) for one in padded)
    mixed = [one for one in shapes_of("valle", large=False).cells() if one.form == "mixed"]
    assert mixed[0].lengths == (256, 222, 188, 154)
    assert mixed[0].prefix == (0, 222, 0, 154)
    assert all(one.queries == 1 for one in shapes_of("decode", large=False).cells())
    quick = list(shapes_of("valle", large=False, quick=True).cells())
    assert {(one.size, one.form) for one in quick} == {(256, "mixed"), (1024, "mixed")}
