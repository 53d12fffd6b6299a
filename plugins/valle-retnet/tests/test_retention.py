"""The three forms against the definition, and against each other where the definition is too slow."""

from __future__ import annotations

import math

import pytest
import torch
from valle_retnet.options import RetNetOptions, sizes_of
from valle_retnet.retention import Decay, chunkwise, form_named, parallel, recurrent, state_after
from valle_retnet.tables import log_decays, mass

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
FORMS = [parallel, recurrent, chunkwise(1), chunkwise(3), chunkwise(16), chunkwise(64)]


def decay(dtype, heads=3, **options):
    sizes = sizes_of(RetNetOptions(d_model=8 * heads, n_heads=heads, **options))
    return Decay(log_decays(sizes, torch.device("cpu")).to(dtype))


def half_lives(heads, **options):
    """Positions after which each head has forgotten half."""
    return [round(float(x)) for x in -math.log(2) / decay(torch.float64, heads, **options).log]


def test_memories_are_spread_to_the_length_of_a_row_whatever_the_number_of_heads():
    for heads in (2, 3, 4, 8, 16):
        found = half_lives(heads)
        assert (found[0], found[-1]) == (22, 2839)
        assert found == sorted(found)
    assert half_lives(1) == [251]
    assert half_lives(3, decays=(4.0, 6.0)) == [11, 22, 44]


def test_without_decays_they_are_the_papers_to_the_last_bit():
    wanted = torch.log(1 - 2 ** (-5 - torch.arange(8, dtype=torch.float)))
    assert torch.equal(decay(torch.float32, 8, decays=()).log, wanted)
    assert torch.equal(decay(torch.float32, 8).log, wanted)  # with eight heads the spread is the paper's
    assert half_lives(4, decays=()) == [22, 44, 88, 177]


def inputs(T, dtype, seed=0):
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, T, width, generator=random, dtype=dtype) for width in (8, 8, 6)]


def definition(q, k, v, log):
    """Σ_{m ≤ n} γ^(n−m) (q_n · k_m) v_m, a position at a time."""
    out = torch.zeros_like(v)
    for n in range(q.shape[2]):
        for m in range(n + 1):
            score = (q[:, :, n] * k[:, :, m]).sum(-1) * (log * (n - m)).exp()
            out[:, :, n] += score[..., None] * v[:, :, m]
    return out


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("T", [1, 2, 17])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_definition(form, T, dtype):
    q, k, v = inputs(T, dtype)
    found, want = form(q, k, v, decay(dtype), None), definition(q, k, v, decay(dtype).log)
    torch.testing.assert_close(found, want, atol=TOLERANCE[dtype], rtol=0)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("cut", [1, 16, 30])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_goes_on_from_a_state(form, cut, dtype):
    q, k, v = inputs(33, dtype)
    held = state_after(k[:, :, :cut], v[:, :, :cut], decay(dtype), None, torch.zeros(2, 3, 8, 6, dtype=dtype))
    found = form(q[:, :, cut:], k[:, :, cut:], v[:, :, cut:], decay(dtype), held)
    want = parallel(q, k, v, decay(dtype))[:, :, cut:]
    torch.testing.assert_close(found, want, atol=TOLERANCE[dtype], rtol=0)


def test_the_state_of_a_short_row_ends_with_it():
    _, k, v = inputs(9, torch.float64)
    start = torch.randn(2, 3, 8, 6, dtype=torch.float64)
    found = state_after(k, v, decay(torch.float64), torch.tensor([4, 0]), start)
    want = state_after(k[:, :, :4], v[:, :, :4], decay(torch.float64), None, start)
    torch.testing.assert_close(found[0], want[0], atol=1e-12, rtol=0)
    assert torch.equal(found[1], start[1])


def test_keys_of_zero_are_not_there():
    q, k, v = inputs(20, torch.float64)
    k[:, :, :7] = 0
    for form in FORMS:
        found = form(q, k, v, decay(torch.float64), None)[:, :, 7:]
        want = parallel(q[:, :, 7:], k[:, :, 7:], v[:, :, 7:], decay(torch.float64))
        torch.testing.assert_close(found, want, atol=1e-12, rtol=0)


@pytest.mark.parametrize("chunk", [128, 1000, 2048])
def test_long_rows_neither_overflow_nor_lose_what_is_near(chunk):
    q, k, v = (part[:1] for part in inputs(8200, torch.float32))
    found = chunkwise(chunk)(q, k, v, decay(torch.float32), None)
    want = recurrent(*(part.double() for part in (q, k, v)), decay(torch.float64))
    assert bool(found.isfinite().all())
    assert (found - want).abs().max() < 1e-5 * want.abs().max()


def test_gradients_agree():
    grads = []
    for form in (parallel, recurrent, chunkwise(4)):
        parts = [part.requires_grad_() for part in inputs(11, torch.float64)]
        form(*parts, decay(torch.float64), None).square().sum().backward()
        grads.append([part.grad for part in parts])
    for other in grads[1:]:
        for one, two in zip(grads[0], other, strict=True):
            torch.testing.assert_close(one, two, atol=1e-9, rtol=1e-9)


def test_the_mass_is_the_row_sum_of_the_decays():
    powers = decay(torch.float64)
    torch.testing.assert_close(mass(powers.log, torch.arange(1, 41)), powers.within(40).sum(-1), atol=1e-11, rtol=0)


def test_auto_takes_the_parallel_form_up_to_one_chunk(monkeypatch):
    sizes = []
    within = Decay.within
    monkeypatch.setattr(Decay, "within", lambda self, T: (sizes.append(T), within(self, T))[1])
    for T in (8, 9):
        form_named("auto", 8)(*inputs(T, torch.float32), decay(torch.float32), None)
        form_named("parallel", 8)(*inputs(T, torch.float32), decay(torch.float32), None)
    assert sizes == [8, 8, 8, 9]
