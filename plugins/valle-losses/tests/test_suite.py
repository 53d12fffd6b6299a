"""The suite of losses on every member, and faults that it must find."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from valle_losses import distill

from valle_core.model.codec_lm import ModelOutput
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_testing import planted, suite
from valle_testing.installed import check_plugin
from valle_testing.suites.loss import checks
from valle_testing.suites.loss.batches import MANIFEST, RULES, SIZES

REGISTRY = Registry.open()
NAMES = [name for name in REGISTRY.names("loss") if name != "distill"]


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_conforms(name):
    report = check_plugin(REGISTRY, "loss", name)
    assert report.ok, report.table()
    assert report.count("passed") >= 8


class Teacher(torch.nn.Module):
    """Logits of its own for whatever is asked."""

    rules = RULES

    def forward(self, batch):
        logits = {}
        for level, found in batch.predicted.items():
            width = 17 - bool(level)  # of a row, which depends on nothing but its target
            logits[level] = torch.linspace(-1, 1, 17 * width).view(17, width)[found.targets]
        return ModelOutput(logits, {}, {}, {})


def test_distillation_conforms_with_a_teacher(monkeypatch):
    loaded = SimpleNamespace(manifest=MANIFEST, model=Teacher(), path=None)
    monkeypatch.setattr("valle_core.api.load_model", lambda *given, **more: loaded)
    options = distill.DistillOptions(teacher="run")
    report = suite.run("loss", lambda: distill.build(options, **SIZES), spec=distill.SPEC)
    assert report.ok, report.table()


def test_distillation_needs_its_teacher_to_be_checked():
    with pytest.raises(UserError, match=r"needs a trained run to learn from\. Name it with --loss.teacher RUN"):
        check_plugin(REGISTRY, "loss", "distill")


def squared(batch, output):
    """A loss without a fault."""
    parts = [
        F.cross_entropy(logits.float(), batch.predicted[level].targets, reduction="none").square()
        for level, logits in output.logits.items()
    ]
    return output._replace(losses={**output.losses, "squared": torch.cat(parts).mean()})


class Counting:
    """Grows with each call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, batch, output):
        self.calls += 1
        found = squared(batch, output)
        return found._replace(losses={**found.losses, "squared": found.losses["squared"] * self.calls})


def forgets_others(batch, output):
    return output._replace(losses={"squared": squared(batch, output).losses["squared"]})


def forgets_figures(batch, output):
    return squared(batch, output)._replace(figures={})


def writes_into_the_output(batch, output):
    output.losses["squared"] = squared(batch, output).losses["squared"]
    return output


def writes_into_logits(batch, output):
    found = squared(batch, output)
    with torch.no_grad():
        for logits in output.logits.values():
            logits.clamp_(-1, 1)
    return found


def hides_targets(batch, output):
    for found in batch.predicted.values():
        found.targets.fill_(0)
    return squared(batch, output)


def answers_otherwise(batch, output):
    return squared(batch, output)._replace(logits={level: one * 2 for level, one in output.logits.items()})


def adds_nothing(batch, output):
    return output


def takes_a_name(batch, output):
    return output._replace(figures={**output.figures, "loss_0": torch.ones(())})


def gives_one_each(batch, output):
    return output._replace(figures={**output.figures, "each": output.logits[0].detach().amax(-1)})


def gives_a_number(batch, output):
    return output._replace(losses={**output.losses, "squared": 1.0})


def sums(batch, output):
    total = sum(F.cross_entropy(one.float(), batch.predicted[level].targets, reduction="sum")
                for level, one in output.logits.items())  # fmt: skip
    return output._replace(losses={**output.losses, "summed": total})


def stays_in_bfloat16(batch, output):
    parts = [one.logsumexp(-1).square() for one in output.logits.values()]
    return output._replace(losses={**output.losses, "z": torch.cat(parts).float().mean()})


def multiplies_under_autocast(batch, output):
    parts = [(one.float() @ one.float().T).diagonal() for one in output.logits.values()]
    return output._replace(losses={**output.losses, "square": torch.cat(parts).float().mean()})


def knows_levels_only(batch, output):
    return squared(batch, output._replace(logits={max(0, level): one for level, one in output.logits.items()}))


def needs_level_0(batch, output):
    return output._replace(losses={**output.losses, "first": output.logits[0].float().square().mean()})


def has_endless_gradients(batch, output):
    parts = [(F.cross_entropy(one.float(), batch.predicted[level].targets, reduction="none") - 0.0).sqrt()
             for level, one in output.logits.items()]  # fmt: skip
    return output._replace(losses={**output.losses, "root": torch.cat(parts).mean()})


def has_no_gradient(batch, output):
    found = squared(batch, output)
    return found._replace(losses={name: one.detach() for name, one in found.losses.items()})


def as_a_loss(fault):
    return lambda: fault


FAULTS = {
    Counting: (None, "repeats_itself"),
    forgets_others: (as_a_loss, "leaves_what_others_added"),
    forgets_figures: (as_a_loss, "leaves_what_others_added"),
    answers_otherwise: (as_a_loss, "leaves_what_others_added"),
    writes_into_the_output: (as_a_loss, "writes_into_nothing_it_is_given"),
    writes_into_logits: (as_a_loss, "writes_into_nothing_it_is_given"),
    hides_targets: (as_a_loss, "writes_into_nothing_it_is_given"),
    adds_nothing: (as_a_loss, "adds_something_under_a_name_of_its_own"),
    takes_a_name: (as_a_loss, "adds_something_under_a_name_of_its_own"),
    gives_one_each: (as_a_loss, "gives_one_number_each"),
    gives_a_number: (as_a_loss, "gives_one_number_each"),
    sums: (as_a_loss, "is_a_mean_over_positions"),
    stays_in_bfloat16: (as_a_loss, "computes_in_float32"),
    multiplies_under_autocast: (as_a_loss, "computes_in_float32"),
    knows_levels_only: (as_a_loss, "takes_every_kind_of_answer"),
    needs_level_0: (as_a_loss, "takes_every_kind_of_answer"),
    has_endless_gradients: (as_a_loss, "has_finite_gradients"),
    has_no_gradient: (as_a_loss, "has_finite_gradients"),
}
CASES = planted.cases("loss", FAULTS)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_loss_without_a_fault_passes():
    report = suite.run("loss", lambda: squared)
    assert report.ok, report.table()


def test_every_check_has_a_planted_fault():
    assert {fault.check for fault in CASES.values()} == {check.__name__ for check in checks.CHECKS}
