"""The part of the suite of backbones on mask forms: those declared are right, the others are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from valle_core.interfaces import Backbone
from valle_core.types import SequenceMask
from valle_testing.contract import contract
from valle_testing.refusing import refused
from valle_testing.suites.arch.batch import Build, alone, batch, close, device_of, dtype_of, finished, ready

WINDOW = 3
PARENTS = ((-1, 0, 0, 2, 1), (-1, -1, 0, 1, 3))
"""Two trees of five drafts, by parent."""


@contract("Backbone", "mask_forms: the forms it takes")
@torch.no_grad()
def takes_the_forms_it_declares(build: Build) -> None:
    """Causal and full promises and, where declared, prefix rows: each row as alone, with and without the promise."""
    backbone = ready(build)
    lengths = [8, 5, 6]
    forms = {"causal": [0, 0, 0], "full": lengths} | ({"prefix": [3, 5, 0]} if "prefix" in backbone.mask_forms else {})
    for form, prefix in forms.items():
        rows = batch(backbone, lengths, prefix)
        for promised in {"mixed", form} - {"prefix"}:
            found = finished(backbone, rows, replace(rows.mask, form=promised))
            for b, length in enumerate(lengths):
                close(found[b, :length], alone(backbone, rows, b), f"{form} rows, promised {promised}, row {b}")


@contract("SequenceMask", "j < lengths[b] and (j < prefix[b] or (j ≤ p and (window is None or p − j < window))).")
@torch.no_grad()
def sees_the_prefix_and_what_came_before(build: Build) -> None:
    """A prefix row sees its prefix from everywhere and behind it only what came before; or it is refused."""
    backbone = ready(build)
    rows = batch(backbone, [10, 10], [4, 6])
    if "prefix" not in backbone.mask_forms:
        refusal = refused(lambda: finished(backbone, rows))
        assert refusal, "prefix rows are neither in mask_forms nor refused"
        return
    before = finished(backbone, rows)
    for place in range(10):
        after = finished(backbone, replace(rows, x=rows.x.index_fill(1, rows.lengths.new_tensor([place]), 3.0)))
        moved = (after - before).abs().amax(-1) > 1e-5  # [B, T]
        for b, prefix in enumerate((4, 6)):
            wanted = [place < prefix or place <= p for p in range(10)]
            assert moved[b].tolist() == wanted, (
                f"prefix {prefix} of 10: position {place} is seen from {_places(moved[b])}, "
                f"expected from {[p for p in range(10) if wanted[p]]}"
            )


@contract("SequenceMask", "window: width of a sliding window, or None.")
@torch.no_grad()
def sees_as_far_as_the_window(build: Build) -> None:
    """One layer sees exactly the last `window` positions, whole or from a cache; or a window is refused."""
    backbone = ready(build)
    rows = batch(backbone, [10, 7])
    mask = replace(SequenceMask.causal(rows.lengths), window=WINDOW)
    if "window" not in backbone.mask_forms:
        assert refused(lambda: finished(backbone, rows, mask)), "a window is neither in mask_forms nor refused"
        return
    before = finished(backbone, rows, mask, layers=(0,))
    for place in (0, 3, 6):
        changed = replace(rows, x=rows.x.index_fill(1, rows.lengths.new_tensor([place]), 3.0))
        moved = (finished(backbone, changed, mask, layers=(0,)) - before).abs().amax(-1) > 1e-5
        wanted = list(range(place, min(place + WINDOW, 10)))
        assert _places(moved[0]) == wanted, (
            f"window {WINDOW}: position {place} is seen from {_places(moved[0])}, expected from {wanted}"
        )
    whole = finished(backbone, rows, mask)
    cache = backbone.new_cache(2, 12, dtype_of(backbone), device_of(backbone))
    for a, n in ((0, 4), (4, 1), (5, 2)):
        start = torch.full_like(rows.lengths, a)
        step = replace(SequenceMask.causal(start + n, query_start=start), window=WINDOW)
        part = replace(rows, x=rows.x[:, a : a + n], positions=rows.positions[:, a : a + n])
        found = finished(backbone, part, step, cache=cache)
        close(found, whole[:, a : a + n], f"window {WINDOW}, positions {a} … {a + n - 1} from the cache")


@contract("SequenceMask", "A draft sees the keys before `query_start`, its ancestors and itself.")
@torch.no_grad()
def drafts_see_their_own_branch(build: Build) -> None:
    """Drafts of a tree have the states of their branch decoded alone; or a tree is refused."""
    backbone = ready(build)
    rows = batch(backbone, [11, 11])
    start = rows.lengths.new_tensor([6, 4])
    depth = [[len(_branch(parents, i)) - 1 for i in range(5)] for parents in PARENTS]
    mask = replace(SequenceMask.causal(start + 5, query_start=start), tree=rows.lengths.new_tensor(PARENTS))
    cache = backbone.new_cache(2, 12, dtype_of(backbone), device_of(backbone))
    context = replace(rows, x=rows.x[:, :6], positions=rows.positions[:, :6])
    finished(backbone, context, SequenceMask.causal(start), cache=cache)
    positions = start[:, None] + rows.lengths.new_tensor(depth)
    drafts = replace(rows, x=rows.x[:, 6:], positions=positions)
    if "tree" not in backbone.mask_forms:
        refusal = refused(lambda: finished(backbone, drafts, mask, cache=cache))
        assert refusal, "a tree of drafts is neither in mask_forms nor refused"
        return
    found = finished(backbone, drafts, mask, cache=cache)
    for b, a in enumerate(start.tolist()):
        for i in range(5):
            _is_its_branch(backbone, rows, b, a, i, found[b, i])


def _is_its_branch(backbone: Backbone, rows, b: int, start: int, draft: int, found: torch.Tensor) -> None:
    branch = _branch(PARENTS[b], draft)
    x = torch.cat([rows.x[b, :start], rows.x[b, 6:][branch]])[None]
    n = x.shape[1]
    line = replace(
        rows,
        x=x,
        lengths=rows.lengths.new_tensor([n]),
        prefix=rows.prefix[:1],
        positions=rows.positions[:1, :n],
        condition=rows.condition[b : b + 1],
    )
    close(found, alone(backbone, line, 0)[-1], f"row {b}, draft {draft} of the tree {list(PARENTS[b])}")


def _branch(parents: tuple[int, ...], i: int) -> list[int]:
    """Draft i and its ancestors, the eldest first."""
    line = []
    while i >= 0:
        line.insert(0, i)
        i = parents[i]
    return line


def _places(moved: torch.Tensor) -> list[int]:
    return moved.nonzero().flatten().tolist()


MASK_CHECKS: tuple[Callable[[Build], None], ...] = (
    takes_the_forms_it_declares,
    sees_the_prefix_and_what_came_before,
    sees_as_far_as_the_window,
    drafts_see_their_own_branch,
)
