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
from valle_testing import suite
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


def focal(batch, output, **changes):
    """A loss without a fault, and the places where one is planted."""
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
        found = focal(batch, output)
        return found._replace(losses={**found.losses, "squared": found.losses["squared"] * self.calls})


def forgets_others(batch, output):
    return output._replace(losses={"squared": focal(batch, output).losses["squared"]})


def forgets_figures(batch, output):
    return focal(batch, output)._replace(figures={})


def writes_into_the_output(batch, output):
    output.losses["squared"] = focal(batch, output).losses["squared"]
    return output


def writes_into_logits(batch, output):
    found = focal(batch, output)
    with torch.no_grad():
        for logits in output.logits.values():
            logits.clamp_(-1, 1)
    return found


def hides_targets(batch, output):
    for found in batch.predicted.values():
        found.targets.fill_(0)
    return focal(batch, output)


def answers_otherwise(batch, output):
    return focal(batch, output)._replace(logits={level: one * 2 for level, one in output.logits.items()})


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
    return focal(batch, output._replace(logits={max(0, level): one for level, one in output.logits.items()}))


def needs_level_0(batch, output):
    return output._replace(losses={**output.losses, "first": output.logits[0].float().square().mean()})


def has_endless_gradients(batch, output):
    parts = [(F.cross_entropy(one.float(), batch.predicted[level].targets, reduction="none") - 0.0).sqrt()
             for level, one in output.logits.items()]  # fmt: skip
    return output._replace(losses={**output.losses, "root": torch.cat(parts).mean()})


def has_no_gradient(batch, output):
    found = focal(batch, output)
    return found._replace(losses={name: one.detach() for name, one in found.losses.items()})


FAULTS = {
    Counting: {"repeats_itself"},
    forgets_others: {"leaves_what_others_added"},
    forgets_figures: {"leaves_what_others_added"},
    answers_otherwise: {"leaves_what_others_added"},
    writes_into_the_output: {"writes_into_nothing_it_is_given"},
    writes_into_logits: {"writes_into_nothing_it_is_given"},
    hides_targets: {"writes_into_nothing_it_is_given"},
    adds_nothing: {"adds_something_under_a_name_of_its_own"},
    takes_a_name: {"adds_something_under_a_name_of_its_own"},
    gives_one_each: {"gives_one_number_each"},
    gives_a_number: {"gives_one_number_each"},
    sums: {"is_a_mean_over_positions"},
    stays_in_bfloat16: {"computes_in_float32"},
    multiplies_under_autocast: {"computes_in_float32"},
    knows_levels_only: {"takes_every_kind_of_answer"},
    needs_level_0: {"takes_every_kind_of_answer"},
    has_endless_gradients: {"has_finite_gradients"},
    has_no_gradient: {"has_finite_gradients"},
}


def failed(report) -> set[str]:
    return {outcome.check for outcome in report.outcomes if outcome.verdict == "failed"}


def test_a_loss_without_a_fault_passes():
    report = suite.run("loss", lambda: focal)
    assert report.ok, report.table()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(fault):
    report = suite.run("loss", fault if isinstance(fault, type) else lambda: fault)
    assert FAULTS[fault] <= failed(report), report.table()


def test_every_check_has_a_planted_fault():
    assert {name for found in FAULTS.values() for name in found} == {check.__name__ for check in checks.CHECKS}
