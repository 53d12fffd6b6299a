"""Conformance suite of backbones.

def small(**changes):
    return build(MyOptions(**{"d_model": 32, "n_layers": 3, "dropout": 0.3} | changes), attention=RuleKernel())

test_it_conforms = suite.conformance("arch", small, spec=SPEC)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from unittest import SkipTest

import torch
from torch import nn

from valle_core.interfaces import Backbone, Cache
from valle_core.types import PackedMask, SequenceMask
from valle_testing.contract import contract
from valle_testing.refusing import refused
from valle_testing.suites.arch.batch import Build, alone, batch, close, device_of, dtype_of, finished, ready, weighed
from valle_testing.suites.arch.cache import CACHE_CHECKS
from valle_testing.suites.arch.cached_rows import CACHED_ROW_CHECKS
from valle_testing.suites.arch.declared import DECLARED_CHECKS, orders_by_positions
from valle_testing.suites.arch.long_rows import LONG_CHECKS
from valle_testing.suites.arch.masks import MASK_CHECKS
from valle_testing.suites.arch.module import MODULE_CHECKS

OWED = frozenset({"causal", "full", "mixed"})


@contract("Backbone", "A backbone owes causal, full and mixed masks, a cache and its `select`.")
def states_its_facts(build: Build) -> None:
    """Width, layers, forms; shapes and dtype of what it returns."""
    backbone = ready(build)
    assert isinstance(backbone, Backbone), "it lacks something that the protocol Backbone names"
    cache = backbone.new_cache(2, 8, dtype_of(backbone), device_of(backbone))
    assert isinstance(cache, Cache), "its cache lacks something that the protocol Cache names"
    assert backbone.mask_forms >= OWED, f"mask_forms lacks {', '.join(sorted(OWED - backbone.mask_forms))}"
    assert backbone.n_layers >= 2, "the suite needs at least two layers"
    rows = batch(backbone, [7, 4])
    out = backbone(rows.x, rows.mask, rows.positions, condition=rows.condition)
    assert out.h.shape == rows.x.shape, f"h has shape {tuple(out.h.shape)} for x {tuple(rows.x.shape)}"
    assert out.h.dtype == rows.x.dtype, f"h is {out.h.dtype} for x in {rows.x.dtype}"
    assert backbone.finish(out.h[0]).shape == (7, backbone.d_model), "finish does not take [T, D]"


@contract("SequenceMask", "`prefix = 0` is causal")
@torch.no_grad()
def causal_rows_never_see_the_future(build: Build) -> None:
    """States before a changed position stay; that position and later ones move."""
    backbone = ready(build)
    rows = batch(backbone, [12, 12])
    for padded in (True, False):
        mask = replace(SequenceMask.causal(rows.lengths), padded=padded)
        before = finished(backbone, rows, mask)
        after = finished(backbone, replace(rows, x=rows.x.index_fill(1, rows.lengths.new_tensor([7]), 3.0)), mask)
        close(after[:, :7], before[:, :7], "a causal row saw a later position")
        moved = (after - before).abs().amax(-1)[:, 7:]
        assert bool((moved > 1e-4).all()), "a causal row does not see an earlier position"


@contract("SequenceMask", "`prefix = lengths` is full")
@torch.no_grad()
def full_rows_see_the_future(build: Build) -> None:
    """Every state moves when the last or the first position changes."""
    backbone = ready(build)
    rows = batch(backbone, [12, 12])
    for mask in (SequenceMask.full(rows.lengths), replace(SequenceMask.full(rows.lengths), form="mixed")):
        before = finished(backbone, rows, mask)
        for place in (0, 11):
            changed = replace(rows, x=rows.x.index_fill(1, rows.lengths.new_tensor([place]), 3.0))
            moved = (finished(backbone, changed, mask) - before).abs().amax(-1)
            assert bool((moved > 1e-5).all()), f"a full row does not see position {place} everywhere"


@contract("Backbone.__call__", "Padded positions never influence valid ones.")
def keeps_padding_out(build: Build) -> None:
    """What lies behind a row's length changes no valid state and gets no gradient."""
    backbone = ready(build)
    rows = batch(backbone, [12, 7, 1, 9], [0, 7, 0, 9])
    padding = torch.arange(12, device=rows.x.device) >= rows.lengths[:, None]
    x = rows.x.clone().requires_grad_()
    first = finished(backbone, replace(rows, x=x))
    weighed(first.masked_fill(padding[..., None], 0.0)).backward()
    assert x.grad is not None, "x gets no gradient"
    assert not x.grad[padding].any(), "padding receives a gradient"
    second = finished(backbone, replace(rows, x=rows.x.masked_fill(padding[..., None], 1e3)))
    close(second[~padding], first[~padding], "padding changed a valid state")


@contract("Backbone", "Each row gives what it gives alone")
def equals_rows_one_by_one(build: Build) -> None:
    """A batch of causal and full rows of several lengths: states and gradients of each row as when it is alone."""
    backbone = ready(build)
    rows = batch(backbone, [12, 9, 1, 6, 12, 5], [0, 9, 0, 0, 12, 5])
    together, apart = rows.x.clone().requires_grad_(), rows.x.clone().requires_grad_()
    found = finished(backbone, replace(rows, x=together))
    for b, length in enumerate(rows.lengths.tolist()):
        wanted = alone(backbone, replace(rows, x=apart), b)
        close(found[b, :length], wanted, f"row {b} of a mixed batch")
        weighed(found[b, :length]).backward(retain_graph=True)
        weighed(wanted).backward()
    assert together.grad is not None, "x of a batch gets no gradient"
    assert apart.grad is not None, "x of a row alone gets no gradient"
    close(together.grad, apart.grad, "gradient of a mixed batch", tolerance=2e-4)


@contract("Backbone", "NaN in one reaches no other")
@torch.no_grad()
def keeps_rows_apart(build: Build) -> None:
    """NaN in one row reaches no other."""
    backbone = ready(build)
    for prefix in ([0, 0, 0, 0], [0, 6, 0, 9], [8, 6, 3, 9]):
        rows = batch(backbone, [8, 6, 3, 9], prefix)
        form = "causal" if not any(prefix) else "full" if prefix == rows.lengths.tolist() else "mixed"
        poisoned = replace(rows, x=rows.x.index_fill(0, rows.lengths.new_tensor([1]), torch.nan))
        found = finished(backbone, poisoned, replace(rows.mask, form=form))
        for b in (0, 2, 3):
            assert bool(found[b, : int(rows.lengths[b])].isfinite().all()), f"NaN of row 1 reached row {b} ({form})"


@contract("Backbone", "one of no length gives no NaN, forward or backward")
def takes_empty_rows(build: Build) -> None:
    """Rows of length zero give no NaN, neither forward nor backward, and change no other row."""
    backbone = ready(build)
    for prefix in ([0, 0, 0], [0, 0, 4]):
        rows = batch(backbone, [6, 0, 4], prefix)
        x = rows.x.clone().requires_grad_()
        found = finished(backbone, replace(rows, x=x))
        assert bool(found.isfinite().all()), "an empty row gives NaN"
        close(found[0], alone(backbone, rows, 0), "the row beside an empty one")
        weighed(found).backward()
        assert x.grad is not None, "x gets no gradient"
        assert bool(x.grad.isfinite().all()), "an empty row gives a NaN gradient"


@contract("PackedMask", "positions and recurrent state restart per segment")
@torch.no_grad()
def packed_equals_separate(build: Build) -> None:
    """Segments end to end, one of them full and one empty, are the rows they would be alone; or they are refused."""
    backbone = ready(build)
    lengths, prefix = [5, 0, 7, 1, 4], [0, 0, 7, 0, 0]
    rows = batch(backbone, lengths, prefix)
    rows = replace(rows, condition=rows.condition[:1].expand(5, -1))
    x = torch.cat([rows.x[b, :n] for b, n in enumerate(lengths)])[None]
    positions = torch.cat([rows.positions[b, :n] for b, n in enumerate(lengths)])[None]
    offsets = torch.cat([rows.lengths.new_zeros(1), rows.lengths.cumsum(0)])
    mask = PackedMask(offsets=offsets, prefix=rows.prefix)
    if "packed" not in backbone.mask_forms:
        refusal = refused(lambda: backbone(x, mask, positions, condition=rows.condition[:1]))
        assert refusal, "packed segments are neither in mask_forms nor refused"
        return
    found = backbone.finish(backbone(x, mask, positions, condition=rows.condition[:1]).h)[0]
    for b, part in enumerate(found.split(lengths)):
        if len(part):
            close(part, alone(backbone, rows, b), f"packed segment {b}")


@contract("Backbone", "In eval mode nothing is drawn")
@torch.no_grad()
def has_no_dropout_in_eval(build: Build) -> None:
    """Two runs are equal and draw no random number."""
    backbone = ready(build)
    rows = batch(backbone, [9, 5])
    state = torch.get_rng_state()
    first, second = finished(backbone, rows), finished(backbone, rows)
    assert torch.equal(first, second), "two runs in eval mode differ"
    assert torch.equal(state, torch.get_rng_state()), "eval mode draws random numbers"


@contract("Backbone", "every parameter gets a gradient")
def trains_every_parameter(build: Build) -> None:
    """In training mode each parameter gets a finite gradient, each matrix one that is not zero."""
    backbone = ready(build, training=True)
    assert isinstance(backbone, nn.Module)
    rows = batch(backbone, [16, 12, 16, 9], [0, 12, 0, 9])
    out = backbone(rows.x, rows.mask, rows.positions, condition=rows.condition)
    target = torch.randn_like(out.h)
    loss = (backbone.finish(out.h) * target).mean() + sum(out.losses.values(), out.h.new_zeros(()))
    loss.backward()
    for name, parameter in backbone.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{name} gets no gradient"
            assert bool(parameter.grad.isfinite().all()), f"the gradient of {name} is not finite"
            assert parameter.ndim < 2 or bool(parameter.grad.any()), f"the gradient of {name} is zero"


@contract("Backbone", "Nothing it is given is written")
def writes_nothing(build: Build) -> None:
    """Inputs and masks are left as they were, with and without gradients."""
    backbone = ready(build)
    for grad in (True, False):
        rows = batch(backbone, [9, 5], [0, 5])
        mask = rows.mask
        tensors = [rows.x, rows.positions, rows.condition, mask.lengths, mask.prefix, mask.query_start]
        before = [tensor.clone() for tensor in tensors]
        with torch.set_grad_enabled(grad):
            backbone(rows.x, mask, rows.positions, condition=rows.condition)
        assert all(map(torch.equal, before, tensors)), "an input was written to"


@contract("Backbone.__call__", "Run the layers (all, or the ordered subset `layers`; none gives x back).")
@torch.no_grad()
def runs_an_ordered_subset_of_layers(build: Build) -> None:
    """The first layers, then the rest on their states, are the whole; `keep` gives the state between."""
    backbone = ready(build)
    rows = batch(backbone, [9, 5], [0, 5])
    n = backbone.n_layers
    whole = backbone(rows.x, rows.mask, rows.positions, condition=rows.condition, keep=(0, n - 1))
    assert set(whole.kept) == {0, n - 1}, f"keep=(0, {n - 1}) kept {sorted(whole.kept)}"
    first = backbone(rows.x, rows.mask, rows.positions, condition=rows.condition, layers=(0,))
    rest = backbone(first.h, rows.mask, rows.positions, condition=rows.condition, layers=tuple(range(1, n)))
    for b, length in enumerate(rows.lengths.tolist()):
        close(whole.kept[0][b, :length], first.h[b, :length], "the state kept after layer 0")
        close(rest.h[b, :length], whole.h[b, :length], "layers 0, then 1 …")
        close(whole.kept[n - 1][b, :length], whole.h[b, :length], "the state kept after the last layer")
    assert (first.h - whole.h).abs().max() > 1e-4, "layers=(0,) ran every layer"
    none = backbone(rows.x, rows.mask, rows.positions, condition=rows.condition, layers=())
    for b, length in enumerate(rows.lengths.tolist()):
        close(none.h[b, :length], rows.x[b, :length], "no layer at all, beside x")


@contract("Backbone", "max_length: largest position + 1, or None for no bound. Longer input raises `UserError`.")
@torch.no_grad()
def refuses_rows_longer_than_max_length(build: Build) -> None:
    """`UserError`, and the same for a cache; a row of exactly that length is taken."""
    backbone = ready(build)
    limit = backbone.max_length
    if limit is None:
        raise SkipTest("it states no max_length")
    rows = batch(backbone, [limit])
    finished(backbone, rows)
    device = device_of(backbone)
    longer = batch(backbone, [limit + 1])
    for what, call in (
        ("a row", lambda: finished(backbone, longer)),
        ("a cache", lambda: backbone.new_cache(1, limit + 1, torch.float32, device)),
    ):
        assert refused(call), f"{what} of max_length + 1 positions is not refused"


FORWARD_CHECKS: tuple[Callable[[Build], None], ...] = (
    has_no_dropout_in_eval,
    states_its_facts,
    causal_rows_never_see_the_future,
    full_rows_see_the_future,
    keeps_padding_out,
    equals_rows_one_by_one,
    keeps_rows_apart,
    takes_empty_rows,
    packed_equals_separate,
    trains_every_parameter,
    writes_nothing,
    runs_an_ordered_subset_of_layers,
    refuses_rows_longer_than_max_length,
)

CHECKS: tuple[Callable[[Build], None], ...] = (
    *FORWARD_CHECKS,
    *MASK_CHECKS,
    *MODULE_CHECKS,
    *CACHE_CHECKS,
    *CACHED_ROW_CHECKS,
    *LONG_CHECKS,
)
"""What every backbone owes. Each takes a function that builds one and raises `AssertionError`."""

POSITION_CHECKS: tuple[Callable[[Build], None], ...] = (orders_by_positions,)
"""For backbones that take the order from `positions` (attention), not from the places (recurrence)."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = DECLARED_CHECKS
"""What its spec declares. Each takes `(build, spec)`; `build` takes options to change as keywords."""
