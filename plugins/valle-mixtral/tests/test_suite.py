"""The suite of backbones, and what the suite does not ask."""

from __future__ import annotations

import pytest
import torch
from valle_mixtral.factory import build
from valle_mixtral.options import MixtralOptions
from valle_mixtral.plugin import SPEC

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing import suite
from valle_testing.fakes.rule_kernel import RuleKernel

OPTIONS = {"d_model": 32, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "ffn_dim": 48, "n_experts": 4}


def small(kernel, **changes):
    return build(MixtralOptions(**OPTIONS | changes), attention=kernel)


test_it_conforms = suite.conformance(
    "arch",
    lambda **changes: small(RuleKernel(), **{"dropout": 0.3, "max_length": 24} | changes),
    spec=SPEC,
    slow=("compiles_without_a_difference",),
)


@torch.no_grad()
def test_jitter_is_drawn_in_training_alone(kernel):
    model, x = small(kernel, router_jitter_noise=0.2), torch.randn(1, 5, 32)
    mask, positions = SequenceMask.causal(torch.tensor([5])), torch.arange(5)[None]
    first, second = (model.train()(x, mask, positions).h for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (model.eval()(x, mask, positions).h for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_heads": 5}, "arch 'mixtral': n_heads must divide d_model = 32"),
        ({"n_experts": 0}, "n_experts must be at least 1, got 0"),
        ({"experts_per_token": 5}, r"experts_per_token must be in \[1, 4\] \(n_experts\), got 5"),
        ({"router_aux_loss_coef": -0.1}, "router_aux_loss_coef"),
        ({"router_jitter_noise": 1.0}, r"router_jitter_noise must be in \[0, 1\), got 1.0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_impossible_options_are_refused_by_name(kernel, changes, words):
    with pytest.raises(UserError, match=words):
        small(kernel, **changes)


def test_without_a_kernel_it_says_what_to_choose():
    with pytest.raises(UserError, match="--attention"):
        build(MixtralOptions(), attention=None)


@torch.no_grad()
def test_rotary_positions_stay_exact_in_half_precision(kernel):
    """`.to(bfloat16)` rounds buffers; the angles of far positions must not move with it."""
    whole = small(kernel).eval()
    half = small(kernel).eval()
    half.load_state_dict(whole.state_dict())
    half = half.to(torch.bfloat16)
    x, mask = torch.randn(1, 8, 32), SequenceMask.causal(torch.tensor([8]))
    far = torch.arange(20_000, 20_008)[None]
    found = half.finish(half(x.to(torch.bfloat16), mask, far).h).float()
    wanted = whole.finish(whole(x, mask, far).h)
    assert (found - wanted).abs().max() < 0.1


@pytest.mark.slow
def test_torch_compile_gives_the_same_states_and_gradients(kernel):
    torch.manual_seed(0)
    model = small(kernel)
    compiled = torch.compile(model, backend="aot_eager")
    x, lengths = torch.randn(2, 6, 32), torch.tensor([6, 4])
    mask, positions = SequenceMask.causal(lengths), torch.arange(6).expand(2, -1)
    found = []
    for run in (model, compiled):
        model.zero_grad()
        out = run(x, mask, positions)
        (model.finish(out.h).sin().sum() + out.losses["router_loss"]).backward()
        found.append([out.h, *(parameter.grad.clone() for parameter in model.parameters())])
    for plain, traced in zip(*found, strict=True):
        torch.testing.assert_close(traced, plain, atol=1e-5, rtol=1e-5)
