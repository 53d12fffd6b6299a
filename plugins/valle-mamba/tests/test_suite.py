"""The suite of backbones, and what the suite does not ask."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_mamba.factory import build_mamba, build_mamba2
from valle_mamba.options import Mamba2Options, MambaOptions
from valle_mamba.plugin import MAMBA, MAMBA2

from valle_core.plugin import UserError
from valle_core.synthesis.autoregressive import Stepping
from valle_core.types import PackedMask, SequenceMask
from valle_testing import suite
from valle_testing.suites.arch.batch import alone, batch, close, finished, ready

COMPILES = ("compiles_without_a_difference",)
CPU = torch.device("cpu")


def mamba(**changes):
    return build_mamba(MambaOptions(**{"d_model": 32, "n_layers": 3, "d_state": 4} | changes), attention=None)


def mamba2(**changes):
    sizes = {"d_model": 32, "n_layers": 3, "d_state": 8, "head_dim": 16, "n_groups": 2}
    return build_mamba2(Mamba2Options(**sizes | changes), attention=None)


both = pytest.mark.parametrize("make", [mamba, mamba2], ids=["mamba", "mamba2"])

test_mamba_conforms = suite.conformance(
    "arch", lambda **changes: mamba(**{"dropout": 0.3, "max_length": 24} | changes), spec=MAMBA, slow=COMPILES
)
test_mamba2_conforms = suite.conformance(
    "arch", lambda **changes: mamba2(**{"dropout": 0.3, "max_length": 24} | changes), spec=MAMBA2, slow=COMPILES
)


@both
@torch.no_grad()
def test_prefix_rows_see_their_prefix_and_what_came_before(make):
    model = ready(make)
    rows = batch(model, [10, 10], [4, 0])
    before = finished(model, rows)
    for place, moved in ((3, [0, 1, 2, 3, 4, 9]), (7, [7, 8, 9])):
        after = finished(model, replace(rows, x=rows.x.index_fill(1, torch.tensor([place]), 3.0)))
        change = (after - before).abs().amax(-1)[0]
        assert bool((change[moved] > 1e-5).all())
        if place == 7:
            assert not change[:7].any()


@both
@pytest.mark.parametrize("form", ["full", "mixed", "packed"])
@torch.no_grad()
def test_rows_of_several_lengths_are_what_they_are_alone_with_loud_weights(make, form):
    """Fresh weights whisper: what leaks from padding or another segment may stay below the suite's tolerance."""
    model = ready(make)
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.3)
    lengths = [90, 64, 70, 5]
    rows = batch(model, lengths, lengths)
    if form == "packed":
        x = torch.cat([rows.x[b, :n] for b, n in enumerate(lengths)])[None]
        offsets = torch.tensor([0, *lengths]).cumsum(0)
        mask = PackedMask(offsets=offsets, prefix=rows.prefix)
        found = model.finish(model(x, mask, torch.arange(x.shape[1])[None]).h)[0].split(lengths)
    else:
        whole = finished(model, rows, replace(rows.mask, form=form))
        found = [whole[b, :n] for b, n in enumerate(lengths)]
    for b, row in enumerate(found):
        close(row, alone(model, rows, b), f"row {b}", tolerance=1e-4)


@both
@torch.no_grad()
def test_a_step_is_forward_and_finish(make):
    model = ready(make)
    assert isinstance(model, Stepping)
    rows = batch(model, [9, 9])
    whole = finished(model, rows)
    cache = model.new_cache(2, 9, torch.float32, CPU)
    held = cache.nbytes
    addresses = cache.state.data_ptr(), cache.conv.data_ptr()
    for t in range(9):
        close(model.step(rows.x[:, t : t + 1], cache), whole[:, t], f"step {t}")
    assert cache.lengths.tolist() == [9, 9]
    assert cache.nbytes == held, "memory grows"
    assert (cache.state.data_ptr(), cache.conv.data_ptr()) == addresses, "the buffers moved"
    with pytest.raises(UserError, match="holds 9 positions and a row needs 10"):
        model.step(rows.x[:, :1], cache)


@both
def test_steps_while_training_or_with_gradients_take_the_general_path(make):
    model = ready(make)
    rows = batch(model, [5, 5])
    whole = finished(model, rows).detach()
    cache = model.new_cache(2, 5, torch.float32, CPU)
    for t in range(5):
        close(model.step(rows.x[:, t : t + 1], cache), whole[:, t], f"step {t} with gradients")
    assert cache.state.grad_fn is None


def test_the_size_of_a_cache_does_not_depend_on_the_positions():
    model = mamba()
    assert model.new_cache(2, 8, torch.float32, CPU).nbytes == model.new_cache(2, 10**6, torch.float32, CPU).nbytes
    cache = model.new_cache(2, 8, torch.bfloat16, CPU)
    assert cache.nbytes == 3 * 2 * (3 * 64 * 2 + 4 * 64 * 4) + 2 * 8


@both
@torch.no_grad()
def test_steps_never_read_the_device(make, monkeypatch):
    """Neither uniform nor ragged steps ask for a value, so a GPU never waits."""
    model = ready(make)
    rows = batch(model, [6, 6])
    for padded in (True, False):
        cache = model.new_cache(2, 12, torch.float32, CPU)
        with monkeypatch.context() as patch:
            for name in ("item", "tolist", "__bool__", "__int__"):
                patch.setattr(torch.Tensor, name, lambda *_: pytest.fail("the device was read"))
            for t in range(3):
                start = torch.full((2,), t)
                mask = replace(SequenceMask.causal(start + 1, query_start=start), padded=padded)
                model(rows.x[:, t : t + 1], mask, start[:, None], cache=cache)


@both
@torch.no_grad()
def test_a_cache_rewinds_to_nothing_or_not_at_all(make):
    model = ready(make)
    rows = batch(model, [6, 6])
    cache = model.new_cache(2, 12, torch.float32, CPU)
    model(rows.x, SequenceMask.causal(rows.lengths), rows.positions, cache=cache)
    with pytest.raises(UserError, match=r"from \[6, 6\] to \[6, 5\]"):
        cache.rewind(torch.tensor([6, 5]))
    cache.rewind(torch.tensor([6, 0]))
    assert cache.lengths.tolist() == [6, 0]
    start = cache.lengths.clone()
    mask = SequenceMask.causal(start + torch.tensor([0, 6]), query_start=start)
    found = model.finish(model(rows.x, mask, rows.positions, cache=cache).h)
    close(found[1], finished(model, rows)[1], "a row begun anew")


@both
@torch.no_grad()
def test_a_prefix_that_comes_in_two_pieces_is_refused(make):
    model = ready(make)
    cache = model.new_cache(1, 12, torch.float32, CPU)
    x, start, length = torch.randn(1, 4, 32), torch.tensor([0]), torch.tensor([4])
    model(x, SequenceMask(lengths=length, prefix=length, query_start=start), torch.arange(4)[None], cache=cache)
    mask = SequenceMask(lengths=length + 4, prefix=length + 4, query_start=length)
    with pytest.raises(UserError, match="row 0 has a prefix that goes on"):
        model(x, mask, torch.arange(4, 8)[None], cache=cache)


@both
def test_without_the_second_direction_full_rows_are_causal_ones(make):
    model = ready(lambda: make(full_rows="causal"))
    rows = batch(model, [7, 5])
    causal, full = (finished(model, rows, form(rows.lengths)) for form in (SequenceMask.causal, SequenceMask.full))
    close(full, causal, "full rows read one way")
    assert not [name for name, _ in model.named_parameters() if "reverse" in name or "merge" in name]


@both
def test_causal_rows_never_touch_the_second_direction(make):
    model = ready(make)
    rows = batch(model, [7, 5])
    before = finished(model, rows)
    for name, parameter in model.named_parameters():
        if "reverse" in name or "merge" in name:
            torch.nn.init.constant_(parameter, torch.nan)
    assert torch.equal(finished(model, rows), before)
    mixed = finished(model, replace(rows, prefix=torch.tensor([0, 5])))
    close(mixed[0], before[0], "a causal row beside a full one")
    assert mixed[1, :5].isnan().all()


@both
def test_half_precision_and_autocast_stay_near_float32(make):
    model = ready(make)
    rows = batch(model, [12, 9], [0, 9])
    want = finished(model, rows)
    with torch.autocast("cpu", torch.bfloat16):
        found = finished(model, rows)
    close(found, want, "autocast", tolerance=0.1)
    half = ready(make).to(torch.bfloat16)
    rows = replace(rows, x=rows.x.bfloat16())
    found = finished(half, rows)
    assert found.dtype == torch.bfloat16
    close(found.float(), want, "bfloat16", tolerance=0.15)
    cache = half.new_cache(2, 12, torch.bfloat16, CPU)
    whole = finished(half, rows, SequenceMask.causal(torch.tensor([12, 12])))
    with torch.no_grad():
        for t in range(12):
            close(half.step(rows.x[:, t : t + 1], cache).float(), whole[:, t].float(), "a step", tolerance=0.1)


@pytest.mark.parametrize(
    ("make", "changes", "words"),
    [
        (mamba, {"d_model": 0}, "d_model must be at least 1, got 0"),
        (mamba, {"n_layers": 0}, "n_layers must be at least 1, got 0"),
        (mamba, {"d_state": 0}, "d_state must be at least 1, got 0"),
        (mamba, {"dt_rank": 0}, "dt_rank must be at least 1, got 0"),
        (mamba, {"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        (mamba, {"norm_eps": 0.0}, "norm_eps must be above 0, got 0.0"),
        (mamba, {"max_length": 0}, "max_length must be at least 1, got 0"),
        (mamba, {"full_rows": "both"}, "full_rows must be one of bidirectional, causal, got 'both'"),
        (mamba2, {"head_dim": 24}, r"head_dim must divide expand · d_model = 64, e.g. \[8, 16, 32, 64\], got 24"),
        (mamba2, {"n_groups": 3}, "n_groups must divide the number of heads, 4, got 3"),
        (mamba2, {"d_conv": 0}, "d_conv must be at least 1, got 0"),
    ],
)
def test_impossible_sizes_are_refused_before_weights_are_made(make, changes, words, monkeypatch):
    monkeypatch.setattr(torch.nn, "Linear", lambda *_, **__: pytest.fail("a weight was made"))
    with pytest.raises(UserError, match=words):
        make(**changes)


def test_what_it_cannot_do_is_refused_by_name():
    model, x, length = mamba(max_length=8), torch.randn(1, 6, 32), torch.tensor([6])
    place = torch.arange(6)[None]
    with pytest.raises(UserError, match="has no attention"):
        build_mamba(MambaOptions(), attention=lambda *_, **__: None)
    with pytest.raises(UserError, match="no 'window' masks; it takes causal, full, mixed, packed, prefix"):
        model(x, replace(SequenceMask.causal(length), window=2), place)
    with pytest.raises(UserError, match="no 'tree' masks"):
        model(x, replace(SequenceMask.causal(length), tree=place), place)
    packed = PackedMask(offsets=torch.tensor([0, 6]), prefix=torch.tensor([0]))
    with pytest.raises(UserError, match="no cache with packed segments"):
        model(x, packed, place, cache=model.new_cache(1, 6, torch.float32, CPU))
    with pytest.raises(UserError, match="no layer 3, choose among 0 … 2"):
        model(x, packed, place, layers=(0, 3))
    longer = PackedMask(offsets=torch.tensor([0, 9]), prefix=torch.tensor([0]))
    with pytest.raises(UserError, match="at most 8 positions and got 9"):
        model(torch.randn(1, 9, 32), longer, torch.arange(9)[None])


@pytest.mark.slow
@both
def test_torch_compile_gives_equal_states_and_gradients(make):
    gradients = []
    for compiled in (False, True):
        model = ready(lambda: make(n_layers=1), training=True)
        rows = batch(model, [20, 12])
        run = torch.compile(model) if compiled else model
        found = []
        for form in (SequenceMask.causal, SequenceMask.full):
            h = model.finish(run(rows.x, form(rows.lengths), rows.positions).h)
            found.append(h)
        sum(h.square().sum() for h in found).backward()
        gradients.append((found, [parameter.grad for parameter in model.parameters()]))
    for plain, fast in zip(gradients[0][0], gradients[1][0], strict=True):
        close(fast, plain, "compiled states")
    for plain, fast in zip(gradients[0][1], gradients[1][1], strict=True):
        close(fast, plain, "compiled gradient", tolerance=2e-3)
