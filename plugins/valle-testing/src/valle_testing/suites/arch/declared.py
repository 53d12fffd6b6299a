"""The part of the suite of backbones that holds a spec to the words it declares."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import replace
from unittest import SkipTest

import torch
from torch import Tensor, nn

from valle_core.interfaces import Backbone
from valle_core.plugin import PluginSpec, UserError
from valle_core.types import SequenceMask
from valle_testing.contract import contract
from valle_testing.refusing import refused
from valle_testing.suites.arch.batch import Build, batch, close, device_of, finished, ready, weighed
from valle_testing.suites.arch.cache import Decoding
from valle_testing.watch import seeded

FORMS = frozenset({"packed", "prefix", "window", "tree"})

NEAR = {torch.float32: 1e-4, torch.float16: 3e-2, torch.bfloat16: 2e-1}
"""Largest difference of finished states (of order one) from those in float32."""


@contract("Backbone", "With an attention kernel that takes every form, they are those that the spec declares.")
def declares_the_masks_it_takes(build: Build, spec: PluginSpec) -> None:
    """packed, prefix, window and tree stand in the spec exactly where they stand in `mask_forms`."""
    taken, declared = ready(build).mask_forms & FORMS, spec.capabilities & FORMS
    assert taken == declared, (
        f"mask_forms has {', '.join(sorted(taken)) or 'none'} of {', '.join(sorted(FORMS))}, "
        f"the spec declares {', '.join(sorted(declared)) or 'none'}"
    )


@contract("Cache.rewind", 'The caches of a backbone that declares "rewind" can.')
@torch.no_grad()
def rewinds_as_it_declares(build: Build, spec: PluginSpec) -> None:
    """Rewinding a cache by one position raises `UserError` exactly where it is not declared."""
    backbone = ready(build)
    decoding = Decoding(backbone, batch(backbone, [9, 7]))
    decoding.feed([6, 4])
    lengths = decoding.cache.lengths - 1
    declared = "rewind" in spec.capabilities
    refusal = refused(lambda: decoding.cache.rewind(lengths))
    assert refusal != declared, (
        f"rewind is {'' if declared else 'not '}declared and {'refused' if refusal else 'done without a word'}"
    )


@contract("Backbone", '"positions" (the order comes from `positions`, not from the places)')
@torch.no_grad()
def orders_by_positions(build: Build, spec: PluginSpec | None = None) -> None:
    """In full rows, entries carried with their positions to other places give the same states."""
    if spec is not None and "positions" not in spec.capabilities:
        raise SkipTest("it does not declare positions")
    backbone = ready(build)
    rows = batch(backbone, [10, 10])
    mask = SequenceMask.full(rows.lengths)
    order = torch.tensor([3, 0, 7, 1, 9, 5, 2, 8, 6, 4], device=rows.x.device)
    moved = replace(rows, x=rows.x[:, order], positions=rows.positions[:, order])
    before = finished(backbone, rows, mask)
    close(finished(backbone, moved, mask), before[:, order], "entries moved with their positions")
    still = replace(rows, positions=rows.positions[:, order])
    assert (finished(backbone, still, mask) - before).abs().max() > 1e-4, "positions change nothing"


@contract("Backbone", "keeps less for the backward pass and changes neither states nor gradients")
def checkpoints_without_a_difference(build: Build, spec: PluginSpec) -> None:
    """With the option, equal states and gradients under dropout, and fewer bytes kept for the backward pass."""
    if "checkpointing" not in spec.capabilities:
        raise SkipTest("it does not declare checkpointing")
    assert _takes_changes(build), (
        "checkpointing is declared and the function given to the suite takes no option to change; "
        "write it as `lambda **changes: build(Options(**SMALL | changes))`"
    )
    plain, kept = _step(ready(build, training=True))
    again, less = _step(ready(lambda: build(gradient_checkpointing=True), training=True))
    assert plain.keys() == again.keys(), "with gradient_checkpointing other parameters get a gradient"
    for name, wanted in plain.items():
        close(again[name], wanted, f"with gradient_checkpointing, {name}", tolerance=1e-4)
    assert less < kept, f"with gradient_checkpointing {less} bytes are kept for the backward pass, without it {kept}"


@contract("Backbone", '"compile" (`torch.compile` changes no state)')
@torch.no_grad()
def compiles_without_a_difference(build: Build, spec: PluginSpec) -> None:
    """Captured as a graph (run eagerly): causal and full rows, then a prompt and a step over a cache."""
    if "compile" not in spec.capabilities:
        raise SkipTest("it does not declare compile")
    backbone = ready(build)
    assert isinstance(backbone, nn.Module)
    torch._dynamo.reset()
    log = logging.getLogger("torch._dynamo")
    level = log.level
    log.setLevel(logging.ERROR)  # a graph that breaks is slow and no fault
    compiled: Backbone = torch.compile(backbone, backend="eager")  # type: ignore[assignment]
    rows = batch(backbone, [9, 5])
    try:
        for mask in (SequenceMask.causal(rows.lengths), SequenceMask.full(rows.lengths)):
            found = compiled(rows.x, mask, rows.positions, condition=rows.condition)
            close(backbone.finish(found.h), finished(backbone, rows, mask), f"compiled, {mask.form} rows")
        decoding = Decoding(backbone, rows)
        decoding.backbone = _Compiled(backbone, compiled)  # type: ignore[assignment]
        decoding.feed([6, 3])
        decoding.feed([1, 1])
    finally:
        log.setLevel(level)
        torch._dynamo.reset()


@contract("Backbone", "states are in the dtype of x")
@torch.no_grad()
def runs_in_the_dtypes_it_declares(build: Build, spec: PluginSpec) -> None:
    """Moved to each: states, whole and from a cache, in that dtype, finite and near those of float32."""
    rows = batch(ready(build), [9, 5])
    mask = SequenceMask.causal(rows.lengths)
    wanted = finished(ready(build), rows, mask).float()
    for name in spec.dtypes:
        dtype = getattr(torch, name)
        backbone = ready(build)
        assert isinstance(backbone, nn.Module)
        finished(backbone, rows, mask)  # what it makes on the way must not stay behind in the old dtype
        backbone.to(dtype)  # type: ignore[attr-defined]
        moved = replace(rows, x=rows.x.to(dtype), condition=rows.condition.to(dtype))
        try:
            found = finished(backbone, moved, mask)
            cached = _decoded(backbone, moved, dtype)
        except RuntimeError as error:
            if "not implemented for" in str(error) and not isinstance(error, UserError):
                continue  # torch lacks the operation on this device; the declaration is for others
            raise
        for what, states in (("states", found), ("states from a cache", cached)):
            assert states.dtype == dtype, f"moved to {name}: {what} are {states.dtype}"
            for b, length in enumerate(rows.lengths.tolist()):
                close(states[b, :length].float(), wanted[b, :length], f"moved to {name}: {what}, row {b}", NEAR[dtype])


class _Compiled:
    """The facts and the cache of a backbone, the states of its compiled form."""

    def __init__(self, backbone: Backbone, compiled: Backbone) -> None:
        self.finish, self.new_cache, self.compiled = backbone.finish, backbone.new_cache, compiled

    def __call__(self, *given, **how):
        return self.compiled(*given, **how)


def _decoded(backbone: Backbone, rows, dtype: torch.dtype) -> Tensor:
    """Finished states of causal rows, four positions and then one at a time, over a cache of this dtype."""
    T = rows.x.shape[1]
    cache = backbone.new_cache(len(rows.lengths), T, dtype, device_of(backbone))
    states = []
    for a, n in ((0, 4), *((a, 1) for a in range(4, T))):
        start = rows.lengths.clamp(max=a)
        mask = SequenceMask.causal(rows.lengths.clamp(max=a + n), query_start=start)
        part = replace(rows, x=rows.x[:, a : a + n], positions=rows.positions[:, a : a + n])
        states.append(finished(backbone, part, mask, cache=cache))
    return torch.cat(states, dim=1)


def _step(backbone: Backbone) -> tuple[dict[str, Tensor], int]:
    """States and gradients of a training step, its own losses among them, and the bytes kept for its backward pass."""
    assert isinstance(backbone, nn.Module)
    rows = batch(backbone, [16, 12], [0, 12])
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    with seeded(6), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = backbone(rows.x, rows.mask, rows.positions, condition=rows.condition)
        states = backbone.finish(out.h)
    sum(out.losses.values(), weighed(states)).backward()
    grads = {name: parameter.grad for name, parameter in backbone.named_parameters()}
    return {"states": states.detach()} | {f"gradient of {n}": g for n, g in grads.items() if g is not None}, sum(
        storage.nbytes() for storage in kept.values()
    )


def _takes_changes(build: Build) -> bool:
    try:
        inspect.signature(build).bind(gradient_checkpointing=True)
    except TypeError:
        return False
    return True


DECLARED_CHECKS: tuple[Callable[..., None], ...] = (
    declares_the_masks_it_takes,
    rewinds_as_it_declares,
    orders_by_positions,
    checkpoints_without_a_difference,
    compiles_without_a_difference,
    runs_in_the_dtypes_it_declares,
)
"""Each takes `(build, spec)`."""
