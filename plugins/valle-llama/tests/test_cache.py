"""Decoding with the cache equals the full forward, whatever happens to the rows in between."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from valle_llama.factory import build
from valle_llama.options import LlamaOptions

from valle_core.interfaces import Backbone, Cache
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask

OPTIONS = {"d_model": 32, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "ffn_dim": 48}


class DenseKernel:
    """The mask's definition, spelled out."""

    def __call__(self, q, k, v, mask, *, scale=None):
        j = torch.arange(k.shape[2])
        if isinstance(mask, PackedMask):
            segment = torch.bucketize(j, mask.offsets[1:], right=True)
            start = mask.offsets[segment]
            inside = segment[:, None] == segment
            sees = (inside & ((j <= j[:, None]) | (j - start < mask.prefix[segment])))[None]
            return F.scaled_dot_product_attention(q, k, v, attn_mask=sees[:, None], scale=scale, enable_gqa=True)
        p = mask.query_start[:, None, None] + torch.arange(q.shape[2])[:, None]  # [B, Tq, 1]
        sees = (j < mask.lengths[:, None, None]) & ((j < mask.prefix[:, None, None]) | (j <= p))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=sees[:, None], scale=scale, enable_gqa=True)
        return out.masked_fill(~(p < mask.lengths[:, None, None])[:, None], 0.0)


def backbone(**changes):
    torch.manual_seed(1)
    model = build(LlamaOptions(**OPTIONS | changes), attention=DenseKernel())
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.15)
    return model.eval()


def full(model, x, lengths, prefix):
    mask = SequenceMask(lengths=lengths, prefix=prefix, query_start=torch.zeros_like(lengths))
    return model(x, mask, torch.arange(x.shape[1]).expand(len(x), -1)).h


def feed(model, cache, x, new, prefix):
    """Append the first `new[b]` positions of each row of x."""
    start = cache.lengths
    mask = SequenceMask(lengths=start + new, prefix=torch.minimum(prefix, start + new), query_start=start)
    return model(x, mask, start[:, None] + torch.arange(x.shape[1]), cache=cache).h


def rows_from(x, starts, width):
    """x[b, starts[b] : starts[b] + width], junk where the row has ended."""
    x = F.pad(x, (0, 0, 0, width), value=float("nan"))
    return torch.stack([row[start : start + width] for row, start in zip(x, starts.tolist(), strict=True)])


def assert_rows(got, want, starts, new):
    for row, (start, count) in enumerate(zip(starts.tolist(), new.tolist(), strict=True)):
        torch.testing.assert_close(got[row, :count], want[row, start : start + count], atol=1e-5, rtol=0)


def test_it_satisfies_the_protocols():
    model = backbone()
    assert isinstance(model, Backbone)
    assert isinstance(model.new_cache(2, 8, torch.float32, torch.device("cpu")), Cache)


@torch.no_grad()
def test_ragged_prefills_and_steps_equal_the_full_forward_through_select_and_rewind():
    model, x = backbone(), torch.randn(4, 16, 32)
    lengths, prefix = torch.tensor([16, 14, 15, 16]), torch.tensor([0, 3, 5, 0])
    want = full(model, x, lengths, prefix)
    cache = model.new_cache(4, 16, torch.float32, torch.device("cpu"))
    rows = torch.arange(4)

    def advance(new, width):
        starts = cache.lengths
        got = feed(model, cache, rows_from(x[rows], starts, width), new, prefix[rows])
        assert_rows(got, want[rows], starts, new)

    advance(torch.tensor([2, 7, 5, 4]), 8)  # wider than any row needs, NaN in the padding
    advance(torch.tensor([1, 1, 1, 1]), 1)
    advance(torch.tensor([3, 0, 1, 2]), 3)
    rows = torch.tensor([2, 0, 0])  # reorder, narrow and repeat
    cache.select(rows)
    advance(torch.tensor([1, 1, 1]), 1)
    cache.rewind(torch.tensor([6, 3, 7]))
    for _ in range(5):
        advance(torch.tensor([1, 1, 1]), 1)
    assert cache.lengths.tolist() == [11, 8, 12]
    advance(torch.tensor([4, 8, 4]), 8)  # up to the last slot, padded past it
    assert cache.lengths.tolist() == [15, 16, 16]


@torch.no_grad()
def test_padding_never_reaches_valid_positions_and_bidirectional_rows_see_the_future():
    model, x = backbone(), torch.randn(2, 6, 32)
    lengths, prefix = torch.tensor([4, 6]), torch.tensor([4, 0])
    clean = full(model, x, lengths, prefix)
    junk = x.clone()
    junk[0, 4:] = float("nan")
    torch.testing.assert_close(full(model, junk, lengths, prefix)[0, :4], clean[0, :4])
    future = x.clone()
    future[:, 3] += 1.0
    moved = (full(model, future, lengths, prefix) - clean).abs().amax(-1)
    assert moved[0, 0] > 1e-4
    assert moved[1, :3].max() == 0
    assert moved[1, 3] > 1e-2


@torch.no_grad()
def test_packed_segments_equal_rows_of_their_own():
    model, x = backbone(), torch.randn(1, 9, 32)
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3, 4]])
    packed = model(x, PackedMask(offsets=torch.tensor([0, 4, 9]), prefix=torch.tensor([0, 5])), positions).h
    first = full(model, x[:, :4], torch.tensor([4]), torch.tensor([0]))
    second = full(model, x[:, 4:], torch.tensor([5]), torch.tensor([5]))
    torch.testing.assert_close(packed, torch.cat((first, second), 1), atol=1e-5, rtol=0)
    cache = model.new_cache(1, 9, torch.float32, torch.device("cpu"))
    with pytest.raises(UserError, match="not packed segments"):
        model(x, PackedMask(offsets=torch.tensor([0, 9]), prefix=torch.tensor([0])), positions, cache=cache)


@torch.no_grad()
def test_drafting_with_some_layers_and_verifying_with_the_rest_shares_one_cache():
    model, x = backbone(), torch.randn(1, 6, 32)
    want = full(model, x, torch.tensor([6]), torch.tensor([0]))
    cache = model.new_cache(1, 8, torch.float32, torch.device("cpu"))
    drafted = []
    for i in range(6):
        mask = SequenceMask.causal(torch.tensor([i + 1]), query_start=torch.tensor([i]))
        drafted.append(model(x[:, i : i + 1], mask, torch.tensor([[i]]), cache=cache, layers=(0, 1)).h)
    cache.rewind(torch.tensor([0]))
    mask = SequenceMask.causal(torch.tensor([6]))
    verified = model(torch.cat(drafted, 1), mask, torch.arange(6)[None], cache=cache, layers=(2,)).h
    torch.testing.assert_close(verified, want, atol=1e-5, rtol=0)


@torch.no_grad()
def test_kept_states_are_those_after_the_named_layers():
    model, x = backbone(), torch.randn(1, 5, 32)
    mask, positions = SequenceMask.causal(torch.tensor([5])), torch.arange(5)[None]
    out = model(x, mask, positions, keep=(0, 2))
    assert set(out.kept) == {0, 2}
    torch.testing.assert_close(out.kept[2], out.h)
    torch.testing.assert_close(out.kept[0], model(x, mask, positions, layers=(0,)).h)


def test_gradient_checkpointing_changes_no_gradient():
    grads = []
    for checkpointing in (False, True):
        model = backbone(gradient_checkpointing=checkpointing).train()
        torch.manual_seed(2)
        x = torch.randn(2, 5, 32)
        full(model, x, torch.tensor([5, 3]), torch.tensor([0, 3])).square().sum().backward()
        grads.append([parameter.grad for name, parameter in model.named_parameters() if name != "norm.weight"])
    for plain, recomputed in zip(*grads, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_what_does_not_fit_is_refused():
    model = backbone(max_length=8)
    with pytest.raises(UserError, match="at most 8 positions"):
        full(model, torch.randn(1, 9, 32), torch.tensor([9]), torch.tensor([0]))
    with pytest.raises(UserError, match="at most 8 positions"):
        model.new_cache(1, 9, torch.float32, torch.device("cpu"))
    cache = model.new_cache(2, 4, torch.float32, torch.device("cpu"))
    with pytest.raises(UserError, match="holds 4 positions and a row needs 5"):
        feed(model, cache, torch.randn(2, 5, 32), torch.tensor([5, 2]), torch.tensor([0, 0]))
    with pytest.raises(UserError, match="cannot rewind"):
        cache.rewind(torch.tensor([1, 0]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_heads": 5}, "n_heads = 5 must divide d_model = 32"),
        ({"n_kv_heads": 3}, "n_kv_heads = 3 must divide n_heads = 4"),
        ({"n_heads": 32, "n_kv_heads": None}, "odd width 1"),
        ({"n_layers": 0}, "n_layers = 0"),
        ({"ffn_dim": -1}, "ffn_dim = -1"),
        ({"dropout": 1.0}, "dropout = 1.0"),
        ({"rope_theta": 0.0}, "rope_theta"),
    ],
)
def test_impossible_sizes_are_refused_by_name(changes, words):
    with pytest.raises(UserError, match=words):
        build(LlamaOptions(**OPTIONS | changes), attention=DenseKernel())


def test_the_cache_says_what_it_holds():
    cache = backbone().new_cache(2, 7, torch.float16, torch.device("cpu"))
    assert cache.nbytes == 2 * 3 * 2 * 2 * 8 * 8 * 2 + 2 * 8
