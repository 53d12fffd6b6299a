"""Conformance suite of rewrites.

test_it_conforms = suite.conformance("rewrite", lambda: MyRewrite(MyOptions()), spec=SPEC)

Each is applied to the small backbones of `valle_testing.suites.rewrite.backbones`, in float64: where a rewrite rounds,
a difference in the last place of float32 could become a whole step.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from valle_core.interfaces import Backbone, Rewrite
from valle_core.plugin import PluginSpec, UserError
from valle_testing.contract import contract
from valle_testing.suites.arch import cache as arch_cache
from valle_testing.suites.arch import checks as arch
from valle_testing.suites.arch.batch import batch, finished
from valle_testing.suites.rewrite.backbones import BACKBONES, bare
from valle_testing.suites.rewrite.modes import MODE_CHECKS
from valle_testing.watch import seeded

Build = Callable[[], Rewrite]
"""Makes a rewrite that has something to replace in a backbone of linear layers 32 and 96 wide."""

Make = Callable[[], nn.Module]


def applied(
    rewrite: Rewrite, make: Make, *, seed: int = 0, dtype: torch.dtype = torch.float64, device: str = "cpu"
) -> Any:
    """A fresh backbone after the rewrite, in eval mode; equal seeds give equal weights."""
    with seeded(seed):
        return rewrite.apply(make().to(device, dtype)).eval()


def states(backbone: nn.Module) -> Tensor:
    """Finished states of a batch of causal and full rows."""
    assert isinstance(backbone, Backbone), f"apply gave back a {type(backbone).__name__}, which is not a backbone"
    return finished(backbone, batch(backbone, [9, 6, 4], [0, 6, 0]))


@contract("Rewrite.targets", "Names of the modules that `apply` would replace")
def names_its_targets(build: Build, *, device: str = "cpu") -> None:
    """At least one, each once, each a module of the backbone; the same when asked again."""
    rewrite = build()
    for make in BACKBONES:
        backbone = make().to(device)
        before, kinds = _weights(backbone), {name: type(part) for name, part in backbone.named_modules()}
        names = list(rewrite.targets(backbone))
        assert names, f"nothing to replace in the {make.__name__} backbone"
        assert len(set(names)) == len(names), "a target is named twice"
        strange = sorted(set(names) - set(kinds))
        assert not strange, f"{strange[0]!r} is not a module of the backbone"
        assert list(rewrite.targets(backbone)) == names, "asked again, it names other targets"
        assert {name: type(part) for name, part in backbone.named_modules()} == kinds, "targets replaces modules"
        _equal(_weights(backbone), before, "targets changed")


@contract("Rewrite.apply", "Replace the targets and nothing else, in place or in a copy")
def replaces_its_targets(build: Build, *, device: str = "cpu") -> None:
    """Each target is another kind of module, is parametrised, or holds other weights."""
    rewrite = build()
    for make in BACKBONES:
        with seeded(0):
            before = make().to(device)
        names = rewrite.targets(before)
        after = dict(rewrite.apply(copy.deepcopy(before)).named_modules())
        for name in names:
            old, new = before.get_submodule(name), after.get(name)
            assert new is not None, f"'{name}' is gone"
            same = type(new) is type(old) and _same(_weights(new), _weights(old))
            assert not same, f"'{name}' is named as a target and was not replaced"


@contract("Rewrite.apply", "Replace the targets and nothing else, in place or in a copy")
def leaves_the_rest_alone(build: Build, *, device: str = "cpu") -> None:
    """Modules under no target keep their class, their parameters and their buffers."""
    rewrite = build()
    for make in BACKBONES:
        with seeded(0):
            before = make().to(device)
        names = rewrite.targets(before)
        after = dict(rewrite.apply(copy.deepcopy(before)).named_modules())
        for name, old in before.named_modules():
            if name in names or any(name.startswith(f"{target}.") for target in names):
                continue
            assert name in after, f"'{name}' is not a target and is gone"
            new = after[name]
            assert type(new) is type(old), f"'{name}' is not a target and became a {type(new).__name__}"
            _equal(_own(new), _own(old), f"'{name}' is not a target and has other weights:")


@contract("Rewrite", "with the same facts, shapes and dtypes")
def keeps_facts_and_dtypes(build: Build, *, device: str = "cpu") -> None:
    """Width, layers, bound and mask forms; states have the shape and dtype of x, in float32 and bfloat16."""
    rewrite = build()
    for make in BACKBONES:
        before = make()
        for dtype in (torch.float32, torch.bfloat16):
            backbone = applied(rewrite, make, dtype=dtype, device=device)
            for fact in ("d_model", "n_layers", "max_length", "mask_forms"):
                found, wanted = getattr(backbone, fact), getattr(before, fact)
                assert found == wanted, f"{fact} was {wanted} and is {found}"
            odd = {str(part.dtype) for part in backbone.parameters() if part.is_floating_point()} - {str(dtype)}
            assert not odd, f"a backbone in {dtype} has parameters in {', '.join(odd)}"
            found = states(backbone)
            assert found.shape == (3, 9, before.d_model), f"states have shape {tuple(found.shape)}"
            assert found.dtype == dtype, f"states of a backbone in {dtype} are {found.dtype}"
            assert bool(found.isfinite().all()), f"states in {dtype} are not finite"


@contract("Rewrite.apply", "What it makes is on the device and in the dtype of what it replaces, and moves with the")
@torch.no_grad()
def moves_with_the_backbone(build: Build, *, device: str = "cpu") -> None:
    """Cast after it was applied, as loading does, it computes in the new dtype and says about the same."""
    rewrite = build()
    for make in BACKBONES:
        backbone = applied(rewrite, make, dtype=torch.float32, device=device)
        before = states(backbone)
        moved = backbone.to(torch.bfloat16)
        after = states(moved)
        assert after.dtype == torch.bfloat16, f"after .to(bfloat16) states are {after.dtype}"
        far = (after.float() - before).abs().mean() / before.abs().mean()
        assert far < 0.2, f"after .to(bfloat16) states differ by {far:.0%}"


@contract("Rewrite", "equal options, an equal backbone and an equal random state give equal modules")
def repeats_itself(build: Build, *, device: str = "cpu") -> None:
    """One rewrite applied twice, and another made from the same options: equal names, weights and states."""
    first, second = build(), build()
    for make in BACKBONES:
        wanted = applied(first, make, device=device)
        for rewrite in (first, second):
            found = applied(rewrite, make, device=device)
            _equal(_weights(found), _weights(wanted), "the same rewrite of the same backbone:")
            assert torch.equal(states(found), states(wanted)), "the same rewrite of the same backbone says otherwise"


@contract("Rewrite", "two applications share nothing")
@torch.no_grad()
def shares_nothing(build: Build, *, device: str = "cpu") -> None:
    """Two backbones, and a copy of one, have no storage in common; each weight is stored once."""
    rewrite = build()
    for make in BACKBONES:
        one, other = (applied(rewrite, make, seed=seed, device=device) for seed in (0, 1))
        held = {tensor.data_ptr(): name for name, tensor in _weights(one).items() if tensor.numel()}
        twin = copy.deepcopy(one)
        for what, found in (("another application", other), ("a copy", twin)):
            for name, tensor in _weights(found).items():
                shared = held.get(tensor.data_ptr()) if tensor.numel() else None
                assert shared is None, f"{what} shares '{name}' with '{shared}'"
        before = states(one)
        for backbone in (other, twin):
            for tensor in _weights(backbone).values():
                tensor.zero_()
        assert torch.equal(states(one), before), "weights set to zero in one backbone change another"


@contract("Rewrite", "before the weights are read")
@torch.no_grad()
def weights_go_from_one_application_to_another(build: Build, *, device: str = "cpu") -> None:
    """Saved to safetensors and loaded strictly into a backbone with other weights, they give the same states."""
    for make in BACKBONES:
        source, target = (applied(build(), make, seed=seed, device=device) for seed in (0, 1))
        assert not torch.equal(states(source), states(target)), "other weights give the same states"
        stored = safetensors.torch.save({name: part.contiguous().cpu() for name, part in source.state_dict().items()})
        target.load_state_dict(safetensors.torch.load(stored))
        assert torch.equal(states(source), states(target)), "a state is missing from the state dict"


@contract("Rewrite.apply", "Raises `UserError` where there is nothing to replace.")
def refuses_a_backbone_with_nothing_to_replace(build: Build, *, device: str = "cpu") -> None:
    """A backbone of norms only: no targets, and apply says so."""
    rewrite, backbone = build(), bare().to(device)
    assert not list(rewrite.targets(backbone)), "it names targets in a backbone of norms only"
    try:
        rewrite.apply(backbone)
    except UserError:
        return
    raise AssertionError("a backbone with nothing to replace is accepted in silence")


@contract("Rewrite", "gradients pass through it to what lies before")
def passes_gradients_on(build: Build, *, device: str = "cpu") -> None:
    """The input gets a finite gradient from behind the linear layers; no parameter gets one that is not finite."""
    rewrite = build()
    for make in BACKBONES:
        backbone = applied(rewrite, make, device=device).train()
        rows = batch(backbone, [7, 7], [0, 7])
        x = rows.x.clone().requires_grad_()
        out = backbone(x, rows.mask, rows.positions, condition=rows.condition)
        weight = torch.randn_like(out.h)
        (out.h * weight).sum().backward()
        assert x.grad is not None, "the input gets no gradient"
        assert bool(x.grad.isfinite().all()), "the gradient of the input is not finite"
        # These backbones add what their linear layers give to x, which by itself has the gradient `weight`.
        assert (x.grad - weight).abs().max() > 1e-4, "no gradient passes through what was replaced"
        for name, parameter in backbone.named_parameters():
            if parameter.grad is not None:
                assert bool(parameter.grad.isfinite().all()), f"the gradient of {name} is not finite"


def _as_a_backbone(check: Callable[[arch.Build], None]) -> Callable[..., None]:
    """A check of the suite of backbones, made of what the rewrite gives."""

    @functools.wraps(check)
    def rewritten(build: Build, *, device: str = "cpu") -> None:
        for make in BACKBONES:
            check(lambda make=make: build().apply(make().to(device, torch.float64)))  # type: ignore[arg-type]

    return contract("Rewrite", "What it returns still keeps the `Backbone` contract")(rewritten)


KEPT: tuple[Callable[..., None], ...] = tuple(
    _as_a_backbone(check)
    for check in (
        arch.causal_rows_never_see_the_future,
        arch.full_rows_see_the_future,
        arch.keeps_padding_out,
        arch.equals_rows_one_by_one,
        arch.keeps_rows_apart,
        arch.takes_empty_rows,
        arch.has_no_dropout_in_eval,
        arch.writes_nothing,
        arch.runs_an_ordered_subset_of_layers,
        arch_cache.decodes_ragged_rows,
        arch_cache.decodes_in_chunks,
        arch_cache.decodes_after_select,
    )
)
"""What a backbone owes before, it owes after."""


@contract("Rewrite", "leaves parameters to train in each module it replaces; one that does not leaves none.")
def trains_as_declared(build: Build, spec: PluginSpec, *, device: str = "cpu") -> None:
    """With "trainable" each target has parameters, and each gets a gradient; without, none has one to train."""
    rewrite = build()
    for make in BACKBONES:
        names = rewrite.targets(make())
        backbone = applied(rewrite, make).train()
        rows = batch(backbone, [9, 6], [0, 6])
        x = rows.x.clone().requires_grad_()
        out = backbone(x, rows.mask, rows.positions, condition=rows.condition)
        out.h.square().mean().backward()
        for name in names:
            named = backbone.get_submodule(name).named_parameters()
            own = {inner: part for inner, part in named if part.requires_grad}
            if "trainable" in spec.capabilities:
                assert own, f"'{name}' has nothing to train, yet trainable is declared"
                for inner, part in own.items():
                    gets = part.grad is not None and bool(part.grad.any())
                    assert gets, f"'{name}.{inner}' gets no gradient"
            else:
                assert not own, f"'{name}' can be trained, yet trainable is not declared"


def _weights(module: nn.Module) -> Mapping[str, Tensor]:
    """Parameters and buffers, those that are not saved too."""
    return {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers())}


def _own(module: nn.Module) -> Mapping[str, Tensor]:
    """Parameters and buffers of the module itself, not of those inside."""
    return {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}


def _same(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


def _equal(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], what: str) -> None:
    assert found.keys() == wanted.keys(), f"{what} names differ in {sorted(found.keys() ^ wanted.keys())}"
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), f"{what} '{name}'"


CHECKS: tuple[Callable[..., None], ...] = (
    repeats_itself,
    names_its_targets,
    replaces_its_targets,
    leaves_the_rest_alone,
    keeps_facts_and_dtypes,
    moves_with_the_backbone,
    *MODE_CHECKS,
    shares_nothing,
    weights_go_from_one_application_to_another,
    refuses_a_backbone_with_nothing_to_replace,
    passes_gradients_on,
    *KEPT,
)
"""Each takes `(build, *, device="cpu")` and raises `AssertionError`."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = (trains_as_declared,)
"""Each takes `(build, spec)`."""
