"""Conformance suite of samplers: processors, choosers, searches and fillers.

test_it_conforms = suite.conformance("sampler", lambda: MySampler(strength=0.3), spec=SPEC)
"""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator
from unittest import SkipTest

import torch
from torch import Tensor

from valle_core.interfaces import Chooser, Filler, Processor, Sampler, Search
from valle_core.plugin import PluginSpec, UserError
from valle_testing.contract import contract
from valle_testing.suites.sampler.filling import fills_every_frame
from valle_testing.suites.sampler.rows import (
    STEPS,
    Build,
    Rows,
    apply,
    decode,
    hard_logits,
    same,
    step_logits,
    view_of,
)
from valle_testing.suites.sampler.searching import searches_within_its_bounds
from valle_testing.watch import Generators, generators_kept, seed_all

EXTREMES = (math.nan, math.inf, -math.inf, -1e9, -1.0, -1e-38, 0.0, 5e-324, 1e-300, 1e-38, 1e-9, 1e9, 1e38, 1e300)
"""Values tried for each numeric option."""


@contract("Sampler", "A frozen dataclass whose fields are its options")
def is_a_frozen_dataclass(build: Build, *, device: str = "cpu") -> None:
    """Frozen, equal to another with the same options, and a processor, a chooser, a search or a filler."""
    sampler = build()
    assert dataclasses.is_dataclass(sampler) and not isinstance(sampler, type), (
        f"{sampler!r} is not a dataclass instance"
    )
    assert type(sampler).__dataclass_params__.frozen, f"{type(sampler).__name__} is not frozen"  # type: ignore[attr-defined]
    assert build() == sampler, "two with the same options are not equal"
    roles = [role.__name__ for role in (Processor, Chooser, Search, Filler) if isinstance(sampler, role)]
    assert len(roles) == 1, f"it is {' and '.join(roles) or 'neither Processor, Chooser, Search nor Filler'}"
    for field in dataclasses.fields(sampler):
        value = getattr(sampler, field.name)
        assert not isinstance(value, (Tensor, torch.Generator, list, dict, set)), f"option {field.name} holds {value!r}"


@contract("Processor", "Must not write into its input.")
def writes_nothing(build: Build, *, device: str = "cpu") -> None:
    """Logits, history and lengths are left as they were."""
    sampler = build()
    for name, logits in hard_logits(device):
        view = view_of(Rows.some(len(logits), logits.shape[1], device))
        kept = [tensor.clone() for tensor in (logits, view.history, view.lengths)]
        apply(sampler, logits, view)
        now = logits, view.history, view.lengths
        for what, one, other in zip(("logits", "history", "lengths"), kept, now, strict=True):
            assert same(one, other), f"{name}: {what} were written to"


@contract("Processor", "It keeps shape and type")
def keeps_shape_and_type(build: Build, *, device: str = "cpu") -> None:
    """Of the logits, in 16, 32 and 64 bits; one integer per row for a chooser."""
    sampler = build()
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        logits = step_logits(5, 0, device).to(dtype)
        found = apply(sampler, logits, view_of(Rows.some(5, logits.shape[1], device)))
        assert found.device == logits.device, f"{dtype}: the result is on {found.device}"
        if isinstance(sampler, Processor):
            assert found.shape == logits.shape, f"{dtype}: logits come back as {tuple(found.shape)}"
            assert found.dtype == dtype, f"{dtype} comes back as {found.dtype}"
            assert not bool(found.isnan().any()), f"{dtype}: NaN appears"
        else:
            assert found.shape == (5,), f"{dtype}: tokens are {tuple(found.shape)}, expected (5,)"
            assert found.dtype == torch.int64, f"{dtype}: tokens are {found.dtype}"


@contract("Chooser", "equal logits, histories and seeds give equal tokens at every batch size")
def equals_rows_one_by_one(build: Build, *, device: str = "cpu") -> None:
    """Six steps of a batch, bit for bit those of each row alone; and the rows in another order."""
    sampler = build()
    together = decode(sampler, range(7), device)
    for b in range(7):
        for step, (whole, alone) in enumerate(zip(together, decode(sampler, [b], device), strict=True)):
            assert same(whole[b], alone[0]), f"row {b} of 7 differs from the row alone at step {step}"
    order = [4, 0, 6, 1]
    for step, (whole, some) in enumerate(zip(together, decode(sampler, order, device), strict=True)):
        assert same(whole[order], some), f"rows {order} of 7 differ among themselves at step {step}"


@contract("SamplerView", "history: [B, L] tokens chosen so far, right-padded with −1.")
def ignores_the_padding_of_the_history(build: Build, *, device: str = "cpu") -> None:
    """Rows of 0 … 12 tokens padded to 12 and further: as each with its own history alone."""
    sampler = build()
    rows = Rows.some(7, 23, device)
    logits = step_logits(7, 2, device)
    found = apply(sampler, logits, view_of(rows))
    wider = dataclasses.replace(rows, history=torch.nn.functional.pad(rows.history, (0, 5), value=-1))
    assert same(apply(sampler, logits, view_of(wider)), found), "more padding behind the histories changes the result"
    for b in range(7):
        alone = rows.select(torch.tensor([b], device=device))
        cut = dataclasses.replace(alone, history=alone.history[:, : int(alone.lengths)])
        wanted = apply(sampler, logits[b : b + 1], view_of(cut))[0]
        assert same(found[b], wanted), f"row {b} with {int(alone.lengths)} tokens differs from the row without padding"


@contract("Processor", "leaves −inf where it stands and at least one token of each row")
def leaves_infinity_alone(build: Build, *, device: str = "cpu") -> None:
    """Excluded tokens stay excluded or unpicked, one that is left is kept, nothing becomes NaN or +inf."""
    sampler = build()
    for name, logits in hard_logits(device):
        for seed in range(24):
            rows = Rows.some(len(logits), logits.shape[1], device, seed=seed)
            for forced in (None, 1e-16, 1 - 1e-16):
                found = apply(sampler, logits, view_of(rows, forced=forced))
                what = f"{name}, seed {seed}" if forced is None else f"{name}, uniform {forced!r}"
                if not isinstance(sampler, Processor):
                    inside = (found >= 0) & (found < logits.shape[1])
                    assert bool(inside.all()), f"{what}: tokens {found.tolist()} among {logits.shape[1]}"
                    picked = logits.gather(1, found[:, None])
                    assert not bool(picked.isneginf().any()), f"{what}: a token at −inf is picked"
                else:
                    assert not bool(found.isnan().any() | found.isposinf().any()), f"{what}: NaN or +inf appears"
                    assert not bool((logits.isneginf() & ~found.isneginf()).any()), f"{what}: −inf becomes finite"
                    assert bool(found.isfinite().any(-1).all()), f"{what}: no token is left"
            if isinstance(sampler, Processor):
                break  # a processor seldom draws; one seed is enough


@contract("Processor", "reads neither the device (no `.item()`) nor any other row")
def keeps_rows_apart(build: Build, *, device: str = "cpu") -> None:
    """NaN in the logits of one row changes no other, nor does another history."""
    sampler = build()
    rows = Rows.some(5, 23, device)
    logits = step_logits(5, 1, device)
    wanted = apply(sampler, logits, view_of(rows))
    poisoned = logits.index_fill(0, torch.tensor([1], device=device), torch.nan)
    found = apply(sampler, poisoned, view_of(rows))
    others = [0, 2, 3, 4]
    assert same(found[others], wanted[others]), "NaN in row 1 changes another row"
    history = rows.history.clone()
    history[1] = 5
    lengths = rows.lengths.clone()
    lengths[1] = history.shape[1]
    found = apply(sampler, logits, view_of(dataclasses.replace(rows, history=history, lengths=lengths)))
    assert same(found[others], wanted[others]), "the history of row 1 changes another row"


@contract("Processor", "reads neither the device (no `.item()`) nor any other row")
def never_reads_the_device(build: Build, *, device: str = "cpu") -> None:
    """It runs on tensors without data, where any look at a value raises."""
    sampler = build()
    if isinstance(sampler, Search):
        raise SkipTest("a search may look who has ended")
    rows = Rows.some(5, 23, device)
    meta = Rows(history=rows.history.to("meta"), lengths=rows.lengths.to("meta"), seeds=rows.seeds.to("meta"))
    logits = step_logits(5, 0, device).to("meta")
    view = view_of(meta)
    try:
        for _ in range(2):
            apply(sampler, logits, view)
    except (RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise AssertionError(f"it reads a value from the device: {reason}") from error


@contract("Chooser", "Randomness comes from `view.uniform` alone")
def draws_from_the_view_alone(build: Build, *, device: str = "cpu") -> None:
    """Other seeds of torch, numpy and random change nothing, and none of them is drawn from."""
    sampler = build()
    runs = []
    for seed in (1, 2):
        with generators_kept():
            seed_all(seed)
            before = Generators.now()
            runs.append(decode(sampler, range(5), device))
            changed = list(Generators.now().changes(before, may_draw=False))
        assert not changed, f"{' and '.join(changed)} is drawn from"
    assert all(map(same, *runs)), "another seed of a global generator changes the result"


@contract("Processor", "What lasts between steps lives in `view.state`.")
def keeps_its_state_in_the_view(build: Build, *, device: str = "cpu") -> None:
    """A second batch starts afresh, the options stay as they were, and state has one entry per row."""
    sampler = build()
    before = copy.deepcopy(sampler)
    first = decode(sampler, range(5), device)
    decode(sampler, [6, 2], device)
    assert all(map(same, first, decode(sampler, range(5), device))), "a batch depends on the one before it"
    assert all(map(same, first, decode(build(), range(5), device))), "a second build gives something else"
    assert sampler == before, f"its options changed: {sampler!r}, built as {before!r}"
    view = view_of(Rows.some(5, 23, device))
    apply(sampler, step_logits(5, 0, device), view)
    for name, tensor in view.state.items():
        assert isinstance(tensor, Tensor), f"state '{name}' is a {type(tensor).__name__}, no tensor"
        assert tensor.shape[:1] == (5,), f"state '{name}' is {tuple(tensor.shape)} for 5 rows"


@contract("SamplerView", "the decoder reorders and narrows them with the rows.")
def follows_its_rows(build: Build, *, device: str = "cpu") -> None:
    """Rows that are reordered, doubled and narrowed half-way go on as if nothing had happened."""
    sampler = build()
    if isinstance(sampler, Search):
        raise SkipTest("a search moves its rows itself")
    wanted = decode(sampler, range(5), device)
    order = [3, 0, 0, 4]
    half = STEPS // 2
    found = decode(sampler, range(5), device, select=(half, order))
    for step in range(half, STEPS):
        now = wanted[step][order]
        assert same(found[step], now), f"after rows {order} were kept at step {half}, step {step} differs"


@contract("Sampler", "checked when it is made")
def refuses_impossible_options(build: Build, *, device: str = "cpu") -> None:
    """NaN is never an option; extremes raise `UserError` or give a sampler that keeps the contract."""
    sampler = build()
    numeric = [f for f in dataclasses.fields(sampler) if _number(getattr(sampler, f.name))]  # type: ignore[arg-type]
    if not numeric:
        raise SkipTest("it has no numeric option")
    for field in numeric:
        whole = isinstance(getattr(sampler, field.name), int)
        for value in EXTREMES:
            if whole and not math.isfinite(value):
                continue
            option = int(value) if whole else value
            if whole and value and not option:
                continue  # 0 is tried itself
            try:
                made = dataclasses.replace(sampler, **{field.name: option})  # type: ignore[type-var]
            except UserError:
                continue
            what = f"{field.name}={option!r}"
            assert not math.isnan(value), f"{what} is accepted"
            for complaint in _complaints(made, device):
                raise AssertionError(f"{what} is accepted, but {complaint}")


@contract("SamplerView", "stop: index of the stop token among the logits, or None.")
def takes_any_stop_and_any_number_of_tokens(build: Build, *, device: str = "cpu") -> None:
    """With and without a stop token, over 1, 2, 300, 1025 and 4097 tokens, with no history at all."""
    sampler = build()
    for V in (1, 2, 300, 1025, 4097):
        for stop in (None, V - 1):
            logits = step_logits(3, 0, device, V=V)
            rows = Rows.some(3, V, device)
            empty = dataclasses.replace(rows, history=rows.history[:, :0], lengths=rows.lengths * 0)
            for what, some in (("no history", empty), ("a history", rows)):
                found = apply(sampler, logits, view_of(some, stop=stop))
                picks = not isinstance(sampler, Processor)
                good = found.shape == (3,) if picks else found.shape == logits.shape
                assert good, f"{V} tokens, stop {stop}, {what}: gives {tuple(found.shape)}"
                if picks:
                    assert bool(((found >= 0) & (found < V)).all()), f"{V} tokens, {what}: picks {found.tolist()}"
                else:
                    assert bool(found.isfinite().any(-1).all()), f"{V} tokens, stop {stop}, {what}: none is left"


@contract("PluginSpec", "words of the kind's contract it declares")
def is_what_its_spec_says(build: Build, spec: PluginSpec, *, device: str = "cpu") -> None:
    """The role is declared: "processor", "chooser", "search" or "filler"."""
    sampler = build()
    roles = {"processor": Processor, "chooser": Chooser, "search": Search, "filler": Filler}
    role = next((name for name, kind in roles.items() if isinstance(sampler, kind)), "none of them")
    declared = sorted(spec.capabilities & roles.keys())
    assert declared == [role], f"it is a {role}, the spec declares {', '.join(declared) or 'none'}"


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _complaints(sampler: Sampler, device: str) -> Iterator[str]:
    """What a sampler with an accepted extreme option does wrong."""
    for name, logits in hard_logits(device):
        try:
            found = apply(sampler, logits, view_of(Rows.some(len(logits), logits.shape[1], device)))
        except Exception as error:
            yield f"then {name} raise {type(error).__name__}: {error}"
            return
        if not isinstance(sampler, Processor):
            inside = bool(((found >= 0) & (found < logits.shape[1])).all())
            if not inside or bool(logits.gather(1, found[:, None]).isneginf().any()):
                yield f"then {name} give a token that is not there or at −inf"
            if not inside:
                return
        elif bool((found.isposinf() & ~logits.isposinf()).any()):
            yield f"then {name} become +inf"
        elif bool(found.isnan().any()) or not bool(found.isfinite().any(-1).all()):
            yield f"then {name} become NaN or leave no token"
    if not isinstance(sampler, Processor):
        many = step_logits(64, 11, device)
        found = apply(sampler, many, view_of(Rows.some(64, many.shape[1], device)))
        if len(found.unique()) == 1:
            yield f"then 64 rows of other logits all give the token {int(found[0])}"


CHECKS: tuple[Callable[..., None], ...] = (
    is_a_frozen_dataclass,
    writes_nothing,
    keeps_shape_and_type,
    equals_rows_one_by_one,
    ignores_the_padding_of_the_history,
    leaves_infinity_alone,
    keeps_rows_apart,
    never_reads_the_device,
    draws_from_the_view_alone,
    keeps_its_state_in_the_view,
    follows_its_rows,
    refuses_impossible_options,
    takes_any_stop_and_any_number_of_tokens,
    searches_within_its_bounds,
    fills_every_frame,
)
"""Each takes `(build, *, device="cpu")` and raises `AssertionError`."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = (is_what_its_spec_says,)
"""Each takes `(build, spec, *, device="cpu")`."""
