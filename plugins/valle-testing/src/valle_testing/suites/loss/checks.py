"""Conformance suite of further losses of training.

test_it_conforms = suite.conformance("loss", lambda: build(MyOptions(), **SIZES), spec=SPEC)

`SIZES` (from `batches`) is the manifest and the packing rules of the batches that the checks hand to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from valle_testing.contract import contract
from valle_testing.suites.loss.batches import KINDS_OF_ANSWERS, ROWS, answered_as, given, twice

Build = Callable[[], Callable[[Any, Any], Any]]
"""Makes a loss."""

ITS_OWN = ("loss", "step", "rate", "lr")
"""Names in the metrics that are the run's."""

CLOSE = 1e-5


def more(loss: Callable[[Any, Any], Any], batch: Any, output: Any) -> dict[str, Tensor]:
    """What it adds to a batch, losses and figures, by name."""
    found = loss(batch, output)
    before = {**output.losses, **output.figures}
    return {name: value for name, value in {**found.losses, **found.figures}.items() if name not in before}


def differ(one: Mapping[str, Tensor], other: Mapping[str, Tensor], tolerance: float = CLOSE) -> str:
    """What is not the same in two answers, or ""."""
    if one.keys() != other.keys():
        return f"names are {sorted(one)} and {sorted(other)}"
    for name, value in one.items():
        left, right = _mean(value), _mean(other[name])
        if not abs(left - right) <= tolerance * max(1.0, abs(left)):
            return f"'{name}' is {left:.7g} and {right:.7g}"
    return ""


def _mean(value: Tensor) -> float:
    """A number; of a sum and its positions, the mean."""
    flat = value.detach().double().flatten()
    return float(flat[0] / flat[1].clamp(min=1)) if len(flat) == 2 else float(flat[0])


@contract("Loss", "keeps nothing between calls")
def repeats_itself(build: Build, *, device: str = "cpu") -> None:
    """The same batch again, after another one, and to a second object."""
    loss, batch = build(), given(device=device)
    first = more(loss, *batch)
    loss(*given(ROWS[:1], device=device, seed=1))
    for who, again in (("after another batch", more(loss, *batch)), ("to a second one", more(build(), *batch))):
        assert not (found := differ(first, again, 0.0)), f"the same batch {who}: {found}"


@contract("Loss", "What others have put into the output stays there.")
def leaves_what_others_added(build: Build, *, device: str = "cpu") -> None:
    """A loss and a figure, the alignment's losses, and the logits."""
    batch, output = given(device=device)
    one = torch.ones((), device=device)
    output = output._replace(losses={"balance": one * 2}, figures={"share": one * 3}, frame_losses={"advance": one * 4})
    found = build()(batch, output)
    for field, name, value in (("losses", "balance", 2), ("figures", "share", 3), ("frame_losses", "advance", 4)):
        left = getattr(found, field).get(name)
        assert left is not None, f"'{name}' of {field} is gone"
        assert float(left) == value, f"'{name}' of {field} was {value}, is {float(left)}"
    assert found.logits.keys() == output.logits.keys(), "the levels answered are others afterwards"
    for level, logits in output.logits.items():
        assert torch.equal(found.logits[level], logits), f"the logits of {level} are others afterwards"


@contract("Loss", "writes into nothing it is given")
def writes_into_nothing_it_is_given(build: Build, *, device: str = "cpu") -> None:
    """Targets, logits and the dictionaries of the output are afterwards what they were."""
    batch, output = given(device=device)
    output = output._replace(losses={"balance": torch.ones((), device=device)})
    before = {level: logits.detach().clone() for level, logits in output.logits.items()}
    targets = {level: found.targets.clone() for level, found in batch.predicted.items() if found.targets is not None}
    build()(batch, output)
    assert (set(output.losses), set(output.figures)) == ({"balance"}, set()), "it added to the output it was given"
    for level, logits in before.items():
        assert torch.equal(output.logits[level], logits), f"it changed the logits of level {level}"
        assert torch.equal(batch.predicted[level].targets, targets[level]), f"it changed the targets of level {level}"


@contract("Loss.__call__", "with more among its losses and figures")
def adds_something_under_a_name_of_its_own(build: Build, *, device: str = "cpu") -> None:
    """At least one, and none of the names that a run has in its metrics already."""
    batch, output = given(device=device)
    found = more(build(), batch, output)
    assert found, "it adds neither a loss nor a figure"
    levels = [f"{what}_{level}" for what in ("loss", "accuracy") for level in output.logits]
    taken = sorted(set(found) & {*ITS_OWN, *levels})
    assert not taken, f"'{', '.join(taken)}' is a name of the run's own figures"


@contract("Loss.__call__", "a tensor [2]: a sum and the number of positions it is of")
def gives_one_number_each(build: Build, *, device: str = "cpu") -> None:
    """Finite float32: a loss a single number, a figure one or a sum with its positions."""
    batch, output = given(device=device)
    found = build()(batch, output)
    for field, shapes in (("losses", [()]), ("figures", [(), (2,)])):
        for name, value in getattr(found, field).items():
            assert isinstance(value, Tensor), f"'{name}' of {field} is a {type(value).__name__}, not a tensor"
            shape = tuple(value.shape)
            assert shape in shapes, f"'{name}' of {field} has shape {list(shape)}"
            assert value.dtype == torch.float32, f"'{name}' of {field} is {value.dtype}"
            assert bool(value.isfinite().all()), f"'{name}' of {field} is not finite: {value.tolist()}"


@contract("Loss.__call__", "A loss is a mean over all predicted positions of the batch")
def is_a_mean_over_positions(build: Build, *, device: str = "cpu") -> None:
    """A batch that holds each of its rows twice has the losses and figures of the rows once."""
    batch = given(device=device)
    with torch.no_grad():
        found = differ(more(build(), *batch), more(build(), *twice(batch)))
    assert not found, f"each row once, and twice: {found}"


@contract("Loss", "it computes in float32")
def computes_in_float32(build: Build, *, device: str = "cpu") -> None:
    """Logits of bfloat16 give what the same numbers in float32 give, under autocast too."""
    batch, output = given(device=device)
    half: dict[Any, Tensor] = {level: logits.detach().bfloat16() for level, logits in output.logits.items()}
    loss = build()
    with torch.no_grad():
        whole = more(loss, batch, output._replace(logits={level: one.float() for level, one in half.items()}))
        for how in (False, True):
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=how):
                found = differ(whole, more(loss, batch, output._replace(logits=half)))
            where = "under autocast" if how else "outside of autocast"
            assert not found, f"of equal logits in float32 and bfloat16, {where}: {found}"


@contract("Loss", "It is called for every batch")
def takes_every_kind_of_answer(build: Build, *, device: str = "cpu") -> None:
    """Level 0 alone, a higher level alone, a masked level 0, an answer in writing."""
    loss = build()
    first, last = (given([one], device=device) for one in (ROWS[0], ROWS[-1]))
    kinds = {"level 0 alone": first, f"level {ROWS[-1][0]} alone": last}
    plain = given(ROWS[2:3], device=device)
    kinds |= {what: answered_as(plain, answer) for what, answer in KINDS_OF_ANSWERS.items()}
    for what, found in kinds.items():
        try:
            added = more(loss, *found)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise AssertionError(f"{what}: raises {type(error).__name__}: {error}") from error
        bad = [name for name, value in added.items() if not bool(value.isfinite().all())]
        assert not bad, f"{what}: '{', '.join(bad)}' is not finite"


@contract("Loss", "Adds to the loss of a training step")
def has_finite_gradients(build: Build, *, device: str = "cpu") -> None:
    """By the logits, where it adds losses; also where a logit is very large."""
    for scale in (1.0, 1e3):
        batch, output = given(device=device)
        logits = {level: (one.detach() * scale).requires_grad_() for level, one in output.logits.items()}
        found = build()(batch, output._replace(logits=logits))
        wanted = [value for value in found.losses.values() if value.requires_grad]
        assert len(wanted) == len(found.losses), "a loss has no gradient; give it as a figure"
        if not wanted:
            return
        sum(wanted, torch.zeros((), device=device)).backward()
        for level, one in logits.items():
            assert one.grad is None or bool(one.grad.isfinite().all()), f"gradients of level {level} are not finite"


CHECKS: tuple[Callable[..., None], ...] = (
    repeats_itself,
    leaves_what_others_added,
    writes_into_nothing_it_is_given,
    adds_something_under_a_name_of_its_own,
    gives_one_number_each,
    is_a_mean_over_positions,
    computes_in_float32,
    takes_every_kind_of_answer,
    has_finite_gradients,
)
"""Each takes `(build, *, device="cpu")`; raises `AssertionError`."""
