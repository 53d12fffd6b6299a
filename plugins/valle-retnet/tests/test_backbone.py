"""What the suite does not ask: forms of whole backbones, both directions by definition, steps, refusals."""

from __future__ import annotations

import copy

import pytest
import torch
from valle_retnet import layers
from valle_retnet.factory import build, build_hf
from valle_retnet.options import RetNetOptions

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask

SIZES = {"d_model": 24, "n_layers": 2, "n_heads": 3, "value_dim": 36, "ffn_dim": 32}
CPU = torch.device("cpu")


def small(**changes):
    torch.manual_seed(1)
    return build(RetNetOptions(**SIZES | changes)).eval()


def mixed(lengths, prefix):
    lengths, prefix = torch.tensor(lengths), torch.tensor(prefix)
    return SequenceMask(lengths=lengths, prefix=prefix, query_start=torch.zeros_like(lengths))


def finished(model, x, mask):
    return model.finish(model(x, mask, torch.arange(x.shape[1]).expand(x.shape[:2])).h)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize("chunk", [3, 8, 64])
@torch.no_grad()
def test_forms_agree_over_padding_and_masks_per_row(chunk, dtype, tolerance):
    x = torch.randn(5, 37, 24, dtype=dtype)
    mask = mixed([37, 1, 20, 33, 8], [0, 1, 20, 5, 0])
    want = finished(small(form="parallel").to(dtype), x, mask)
    for form in ("chunkwise", "recurrent"):
        found = finished(small(form=form, chunk_size=chunk).to(dtype), x, mask)
        for row, length in enumerate(mask.lengths.tolist()):
            torch.testing.assert_close(found[row, :length], want[row, :length], atol=tolerance, rtol=0)


@torch.no_grad()
def test_one_layer_of_a_prefix_row_is_the_formula():
    """The page docs/adr/bidirectional-retention.md and torchscale's normalisation, spelled out."""
    model = small(n_layers=1, norm_eps=0.01, decays=()).double()
    heads, front, T = 3, 6, 10
    retention = model.layers[0].retention
    retention.merge.normal_()
    for projection in (retention.q_proj, retention.k_proj):  # row sums beyond their clamp
        projection.weight.mul_(8)
    x = torch.randn(1, T, 24, dtype=torch.float64)
    h = model.layers[0].retention_layer_norm(x)[0]
    q, k, v = (p(h).view(T, heads, -1) for p in (retention.q_proj, retention.k_proj, retention.v_proj))
    gamma = 1 - 2.0 ** (-5 - torch.arange(heads, dtype=torch.float32))
    log = gamma.log().double()
    angle = (1 / 10000 ** torch.linspace(0, 1, 4)).double()
    q = torch.view_as_complex(q.reshape(T, heads, 4, 2)) * torch.exp(1j * torch.arange(T)[:, None] * angle)[:, None]
    k = torch.view_as_complex(k.reshape(T, heads, 4, 2)) * torch.exp(1j * torch.arange(T)[:, None] * angle)[:, None]
    scores = torch.einsum("nhd,mhd->hnm", q, k.conj()).real * 8**-0.5
    place = torch.arange(T)

    def read(sees):
        weights = (log[:, None, None] * (place[:, None] - place).abs()).exp() * sees
        scaled = scores * weights / weights.sum(-1, keepdim=True).sqrt()
        scaled = scaled / scaled.sum(-1, keepdim=True).abs().clamp(min=1)
        out = torch.einsum("hnm,mhd->nhd", scaled, v)
        return (out * torch.rsqrt(out.square().mean(-1, keepdim=True) + 0.01)).flatten(1)

    one = read(place[:, None] >= place)
    two = read((place[:, None] <= place) & (place < front))
    merged = torch.where((place < front)[:, None], one * retention.merge[0] + two * retention.merge[1], one)
    want = x[0] + retention.out_proj(torch.nn.functional.silu(retention.g_proj(h)) * merged)
    want = want + model.layers[0].ffn(model.layers[0].final_layer_norm(want))
    found = model(x, mixed([T], [front]), torch.arange(T)[None]).h[0]
    torch.testing.assert_close(found, want, atol=1e-10, rtol=0)


@torch.no_grad()
def test_causal_rows_neither_run_nor_feel_the_second_direction(monkeypatch):
    model, x = small(), torch.randn(2, 9, 24)
    causal = SequenceMask.causal(torch.tensor([9, 5]))
    before = finished(model, x, causal)
    calls = []
    monkeypatch.setattr(layers.Retention, "_both_ways", lambda *_: calls.append(1))
    for layer in model.layers:
        layer.retention.merge.fill_(torch.nan)
    assert torch.equal(finished(model, x, causal), before)
    assert torch.equal(finished(model, x, mixed([9, 5], [0, 0])), before)
    assert not calls


@torch.no_grad()
def test_full_rows_read_one_way_are_causal_rows():
    model, x = small(full_rows="causal"), torch.randn(2, 9, 24)
    lengths = torch.tensor([9, 5])
    found, want = finished(model, x, SequenceMask.full(lengths)), finished(model, x, SequenceMask.causal(lengths))
    assert torch.equal(found, want)
    assert not [name for name in model.state_dict() if "merge" in name]


@pytest.mark.parametrize("made", [small, lambda: build_hf(RetNetOptions(**SIZES)).eval()], ids=["retnet", "retnet-hf"])
@torch.no_grad()
def test_a_step_is_the_forward_of_one_position_at_constant_memory(made):
    model, x = made(), torch.randn(3, 12, 24)
    mask = SequenceMask.causal(torch.tensor([12, 12, 12]))
    want = finished(model, x, mask)
    cache = model.new_cache(3, 12, torch.float32, CPU)
    held = cache.nbytes
    for i in range(12):
        found = model.step(x[:, i : i + 1], cache)
        torch.testing.assert_close(found, want[:, i], atol=1e-5, rtol=0)
        assert cache.nbytes == held
    assert cache.lengths.tolist() == [12, 12, 12]
    with pytest.raises(UserError, match="12 positions a row and 13"):
        model.step(x[:, :1], cache)


@torch.no_grad()
def test_steps_far_out_agree_with_the_forward():
    model, x = small(), torch.randn(1, 3001, 24)
    want = finished(model, x, SequenceMask.causal(torch.tensor([3001])))[:, -1]
    cache = model.new_cache(1, 3001, torch.float32, CPU)
    model(x[:, :3000], SequenceMask.causal(torch.tensor([3000])), torch.arange(3000)[None], cache=cache)
    torch.testing.assert_close(model.step(x[:, 3000:], cache), want, atol=1e-4, rtol=0)


def test_a_step_leaves_no_graph_in_the_cache():
    model, x = small(), torch.randn(1, 2, 24)
    cache = model.new_cache(1, 4, torch.float32, CPU)
    model.step(x[:, :1], cache)
    model.step(x[:, 1:], cache).sum().backward()
    assert not any(state.requires_grad for state in cache.states)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_half_precision_stays_finite_and_near(dtype):
    model, x = small(), torch.randn(1, 700, 24) * 30
    mask = SequenceMask.full(torch.tensor([700]))
    want = finished(model, x, mask)
    half = copy.deepcopy(model).to(dtype)
    found = finished(half, x.to(dtype), mask)
    assert found.dtype == dtype
    assert (found.float() - want).abs().mean() < 0.05
    cache = half.new_cache(1, 9, dtype, CPU)
    assert cache.states[0].dtype == torch.float32
    assert half.step(x[:, :1].to(dtype), cache).dtype == dtype


@torch.no_grad()
def test_autocast_computes_the_sums_in_float32():
    model, x = small(), torch.randn(2, 40, 24)
    mask = mixed([40, 40], [0, 40])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = finished(model, x, mask)
    assert (found.float() - finished(model, x, mask)).abs().max() < 0.2


@torch.no_grad()
def test_nan_in_the_padding_stays_there():
    model, x = small(), torch.randn(2, 6, 24)
    mask = mixed([4, 6], [4, 0])
    clean = model(x, mask, torch.arange(6).expand(2, -1)).h
    x[0, 4:] = float("nan")
    torch.testing.assert_close(model(x, mask, torch.arange(6).expand(2, -1)).h[0, :4], clean[0, :4])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"d_model": 33}, "d_model must be even, so that heads have an even width, got 33"),
        ({"n_heads": 5}, "n_heads must divide d_model = 24"),
        ({"n_heads": 24}, "n_heads must divide d_model = 24 into even"),
        ({"d_model": 80, "n_heads": 20, "value_dim": 40, "decays": ()}, "never forget"),
        ({"decays": (5.0,)}, "must be none, or two exponents in"),
        ({"decays": (9.0, 5.0)}, "two exponents in"),
        ({"decays": (5.0, 40.0)}, "two exponents in"),
        ({"decays": (0.0, float("nan"))}, "two exponents in"),
        ({"value_dim": 37}, "value_dim must be a multiple of n_heads = 3, got 37"),
        ({"n_layers": 0}, "n_layers must be at least 1, got 0"),
        ({"ffn_dim": -1}, "ffn_dim must be at least 1, got -1"),
        ({"norm_eps": 0.0}, "norm_eps"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"chunk_size": 0}, "chunk_size must be at least 1, got 0"),
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
        ({"n_experts": 1}, "n_experts must be 0 for none, or at least 2, got 1"),
        ({"n_experts": 2, "experts_per_token": 3}, r"experts_per_token must be in \[1, 2\] \(n_experts\), got 3"),
        ({"router_loss": -1.0}, "router_loss"),
    ],
)
def test_impossible_sizes_are_refused_by_name(changes, words):
    for factory in (build, build_hf):
        with pytest.raises(UserError, match=words):
            factory(RetNetOptions(**SIZES | changes))


def test_an_attention_kernel_is_refused():
    with pytest.raises(UserError, match="no attention"):
        build(RetNetOptions(**SIZES), attention=lambda q, k, v, mask, *, scale=None: v)


@pytest.mark.parametrize("word", ["window", "tree"])
def test_masks_it_does_not_take_are_refused_by_name(word):
    given = {"window": 2} if word == "window" else {"tree": torch.zeros(1, 4, dtype=torch.long)}
    mask = SequenceMask(lengths=torch.tensor([4]), prefix=torch.tensor([0]), query_start=torch.tensor([0]), **given)
    with pytest.raises(UserError, match=f"no {word} in its mask"):
        small()(torch.randn(1, 4, 24), mask, torch.arange(4)[None])


def test_a_single_step_with_a_window_is_refused_too():
    model = small()
    mask = SequenceMask(lengths=torch.tensor([1]), prefix=torch.tensor([0]), query_start=torch.tensor([0]),
                        window=2, form="causal", padded=False)  # fmt: skip
    with pytest.raises(UserError, match="no window"):
        model(
            torch.randn(1, 1, 24),
            mask,
            torch.zeros(1, 1, dtype=torch.long),
            cache=model.new_cache(1, 4, torch.float32, CPU),
        )


def test_packed_rows_have_no_cache():
    model = small()
    mask = PackedMask(offsets=torch.tensor([0, 9]), prefix=torch.tensor([0]))
    with pytest.raises(UserError, match="not packed segments"):
        model(torch.randn(1, 9, 24), mask, torch.arange(9)[None], cache=model.new_cache(1, 9, torch.float32, CPU))


def test_a_cache_cannot_rewind_and_says_so():
    cache = small().new_cache(2, 4, torch.float32, CPU)
    cache.rewind(torch.zeros(2, dtype=torch.long))
    with pytest.raises(UserError, match="cannot forget"):
        cache.rewind(torch.tensor([1, 0]))


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True])
def test_a_compiled_backbone_gives_equal_states_and_gradients(full):
    x, lengths = torch.randn(2, 11, 24), torch.tensor([11, 7])
    masks = [mixed([11, 7], [0, 7]), SequenceMask.full(lengths) if full else SequenceMask.causal(lengths)]
    for mask in masks:
        results = []
        for wrap in (lambda model: model, torch.compile):
            model = small(chunk_size=4).train()
            out = wrap(model)(x, mask, torch.arange(11).expand(2, -1)).h
            out.square().sum().backward()
            # Merge weights: rows compiled together are all run both ways, a causal batch alone leaves them out.
            results.append((out, {n: p.grad for n, p in model.named_parameters() if p.grad is not None}))
        (plain, grads), (compiled, others) = results
        torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=0)
        assert grads.keys() == others.keys()
        for name in grads:
            torch.testing.assert_close(others[name], grads[name], atol=1e-3, rtol=1e-4)
