"""Arch `retnet` beside torchscale 0.3.0's RetNet on equal weights (reference environment)."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from valle_retnet.factory import build
from valle_retnet.options import RetNetOptions
from valle_retnet.plugin import TORCHSCALE
from valle_retnet.torchscale_engine import decoder
from valle_retnet.weights import torchscale_state

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask

SIZES = {"d_model": 48, "n_layers": 3, "n_heads": 3, "value_dim": 72, "ffn_dim": 64}
REFERENCE = "torchscale"
BATCH, CPU = 2, torch.device("cpu")


def pair(dtype=torch.float32, **options):
    """Our backbone and torchscale's decoder with its weights, made larger so that nothing is lost in the residual."""
    torch.manual_seed(3)
    ours = build(RetNetOptions(**SIZES | options)).to(dtype).eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.mul_(1.7)
    theirs = decoder(ours.sizes).to(dtype)
    theirs.load_state_dict(torchscale_state(ours, ours.sizes))
    return ours, theirs.eval()


def states(theirs, x):
    return theirs(torch.zeros(x.shape[:2]), token_embeddings=x, features_only=True)[0]


def causal(T, *, padded=False):
    lengths = torch.full((BATCH,), T)
    zeros = torch.zeros_like(lengths)
    return SequenceMask(lengths=lengths, prefix=zeros, query_start=zeros, form="causal", padded=padded)


def finished(ours, x):
    return ours.finish(ours(x, causal(x.shape[1]), torch.arange(x.shape[1]).expand(x.shape[:2])).h)


@pytest.mark.parametrize("activation", ["gelu", "swish"])
@pytest.mark.parametrize("form", ["parallel", "chunkwise", "recurrent"])
@pytest.mark.parametrize("T", [1, 7, 130, 401])
@torch.no_grad()
def test_states_equal_its_parallel_form(T, form, activation, parity):
    ours, theirs = pair(form=form, chunk_size=64, activation=activation)
    x = torch.randn(BATCH, T, 48)
    parity(REFERENCE, f"RetNet, {form}, T = {T}, {activation}", finished(ours, x), states(theirs, x), within=1e-5)


@pytest.mark.parametrize("norm_eps", [1e-6, 0.1])
@pytest.mark.parametrize("form", ["parallel", "chunkwise", "recurrent"])
@torch.no_grad()
def test_in_float64_without_its_casts_to_float32_the_formula_is_the_same(monkeypatch, form, norm_eps, parity):
    """A large epsilon shows every scale in front of the heads' norm, which a small one hides."""
    ours, theirs = pair(torch.float64, form=form, chunk_size=32, norm_eps=norm_eps)
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor)
    x = 3 * torch.randn(BATCH, 150, 48, dtype=torch.float64)
    what = f"RetNet, {form}, float64 without its casts, epsilon {norm_eps}"
    parity(REFERENCE, what, finished(ours, x), states(theirs, x), within=1e-11)


def test_gradients_equal_those_of_its_parallel_form(parity):
    ours, theirs = pair(chunk_size=16)
    x = torch.randn(BATCH, 50, 48)
    target = torch.randn(BATCH, 50, 48)
    (finished(ours, x) * target).mean().backward()
    (states(theirs, x) * target).mean().backward()
    worst = []
    for name, parameter in theirs.named_parameters():  # each over the largest of its own
        size = parameter.grad.abs().max().clamp(min=1e-2)
        worst.append((ours.get_parameter(name).grad - parameter.grad).abs().max() / size)
    worst = torch.stack(worst)
    parity(REFERENCE, "RetNet, gradients of every weight, T = 50", worst, torch.zeros_like(worst), within=2e-4)


@torch.no_grad()
def test_the_bench_peer_decodes_what_our_steps_decode(parity):
    ours, _ = pair()
    reference = TORCHSCALE.load(ours)
    x = torch.randn(BATCH, 20, 48)
    parity(REFERENCE, "RetNet, as `valle bench arch` runs it", finished(ours, x), reference.forward(x), within=1e-5)
    decoding, cache = reference.decoder(BATCH, 20), ours.new_cache(BATCH, 20, torch.float32, CPU)
    found = decoding.feed(x[:, :5])
    torch.testing.assert_close(
        found[:, -1], [ours.step(x[:, i : i + 1], cache) for i in range(5)][-1], atol=1e-5, rtol=0
    )
    held = decoding.nbytes
    for i in range(5, 20):
        found = decoding.feed(x[:, i : i + 1])[:, 0]
        torch.testing.assert_close(found, ours.step(x[:, i : i + 1], cache), atol=1e-5, rtol=0)
    assert decoding.nbytes == held > 0
    assert sum(p.numel() for p in reference.parameters()) == sum(p.numel() for p in ours.parameters()) - 3 * 2 * 72


@torch.no_grad()
def test_weights_go_to_torchscale_and_back_by_a_file(tmp_path):
    ours, theirs = pair()
    save_file(theirs.state_dict(), tmp_path / "retnet.safetensors")
    back = build(RetNetOptions(weights=str(tmp_path / "retnet.safetensors"))).eval()
    assert back.sizes == ours.sizes
    x = torch.randn(BATCH, 9, 48)
    torch.testing.assert_close(finished(back, x), states(theirs, x), atol=1e-5, rtol=0)


def test_the_second_engine_gives_its_states_and_trains(tmp_path):
    ours, theirs = pair()
    save_file(theirs.state_dict(), tmp_path / "retnet.safetensors")
    for again in (False, True):
        options = RetNetOptions(engine="torchscale", weights=str(tmp_path / "retnet.safetensors"),
                                gradient_checkpointing=again)  # fmt: skip
        engine = build(options).train()
        x = torch.randn(BATCH, 9, 48)
        places = torch.arange(9).expand(BATCH, -1)
        padded = SequenceMask.causal(torch.tensor([9, 4]))
        found = engine.finish(engine(x, padded, places).h)
        want = ours.finish(ours(x, padded, places).h)
        torch.testing.assert_close(found, want, atol=1e-5, rtol=0)
        found.sum().backward()
        assert all(parameter.grad is not None for parameter in engine.parameters())
        out = engine(x, padded, places, layers=(0, 1), keep=(0,))
        torch.testing.assert_close(out.kept[0], ours(x, padded, places, layers=(0,)).h, atol=1e-5, rtol=0)
    assert engine.mask_forms == {"causal"}


def test_the_second_engine_refuses_what_it_cannot_do_by_name():
    engine = build(RetNetOptions(**SIZES, engine="torchscale", max_length=9))
    x, places, lengths = torch.randn(2, 9, 48), torch.arange(9).expand(2, -1), torch.tensor([9, 4])
    mixed = SequenceMask(lengths=lengths, prefix=torch.tensor([9, 0]), query_start=torch.zeros_like(lengths))
    for mask, words in ((SequenceMask.full(lengths), "full or mixed"), (mixed, "full or mixed"),
                        (PackedMask(offsets=torch.tensor([0, 9]), prefix=torch.tensor([0])), "packed")):  # fmt: skip
        with pytest.raises(UserError, match=words):
            engine(x, mask, places)
    with pytest.raises(UserError, match="a cache"):
        engine.new_cache(1, 9, torch.float32, CPU)
    with pytest.raises(UserError, match="at most 9"):
        engine(torch.randn(1, 10, 48), causal(10), torch.arange(10)[None])
    with pytest.raises(UserError, match="no experts"):
        build(RetNetOptions(**SIZES, engine="torchscale", n_experts=2))
