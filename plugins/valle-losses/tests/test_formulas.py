"""Each loss beside its formula, written out in float64."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from valle_losses import distill, factors, label_smoothing, top_k, z_loss

from valle_core.loss.token_loss import token_loss
from valle_core.model.codec_lm import ModelOutput
from valle_core.plugin import UserError
from valle_core.sequence.pack import PredictedPositions

STOP = 8
RULES = SimpleNamespace(vocabulary=SimpleNamespace(stop=STOP))


def batch_of(seed: int = 0):
    """Two levels, of 7 and 4 positions; level 0 has a stop token."""
    draw = torch.Generator().manual_seed(seed)
    logits = {0: torch.randn(7, 9, generator=draw) * 3, 2: torch.randn(4, 8, generator=draw) * 3}
    targets = {0: torch.tensor([0, 3, 8, 8, 1, 2, 7]), 2: torch.tensor([5, 0, 7, 3])}
    predicted = {
        level: PredictedPositions(positions=torch.arange(len(found)), targets=found, tasks=torch.zeros_like(found))
        for level, found in targets.items()
    }
    batch = SimpleNamespace(predicted=predicted, positions=torch.zeros(1))
    return batch, ModelOutput({level: found.requires_grad_() for level, found in logits.items()}, {}, {}, {})


def log_softmax(row: list[float]) -> list[float]:
    top = max(row)
    z = top + math.log(sum(math.exp(value - top) for value in row))
    return [value - z for value in row]


def positions(batch, output):
    """(level, log-probabilities, logits, target) of each, in plain Python numbers of 64 bits."""
    for level, logits in output.logits.items():
        for row, target in zip(logits.tolist(), batch.predicted[level].targets.tolist(), strict=True):
            yield level, log_softmax(row), row, target


def total(batch, output) -> float:
    """What the run adds up: cross-entropy and the further losses."""
    return float(token_loss(output.logits, batch.predicted)[0]) + sum(map(float, output.losses.values()))


def built(module, options):
    return module.build(options, manifest=None, rules=RULES)


def test_z_loss():
    batch, output = batch_of()
    found = built(z_loss, z_loss.ZLossOptions(weight=0.01))(batch, output)
    z = [row[0] - p[0] for _, p, row, _ in positions(batch, output)]
    assert float(found.losses["z_loss"]) == pytest.approx(0.01 * sum(value**2 for value in z) / 11, rel=1e-6)


def test_label_smoothing_makes_the_cross_entropy_that_of_a_smoothed_target():
    batch, output = batch_of()
    found = built(label_smoothing, label_smoothing.LabelSmoothingOptions(epsilon=0.2))(batch, output)
    wanted = 0.0
    for _, p, _, target in positions(batch, output):
        smoothed = [0.2 / len(p) + (0.8 if place == target else 0.0) for place in range(len(p))]
        wanted -= sum(share * value for share, value in zip(smoothed, p, strict=True)) / 11
    assert total(batch, found) == pytest.approx(wanted, rel=1e-6)


def test_factors_count_by_level_and_the_end_by_itself():
    batch, output = batch_of()
    found = built(factors, factors.FactorOptions(levels=(0.5, 2.0), stop=4.0))(batch, output)
    weights = {(0, True): 4.0, (0, False): 0.5, (2, False): 2.0}
    each = [(weights[level, target == STOP], -p[target]) for level, p, _, target in positions(batch, output)]
    assert total(batch, found) == pytest.approx(sum(weight * loss for weight, loss in each) / 11, rel=1e-6)


def test_written_answers_have_no_level_and_count_as_they_are():
    batch, output = batch_of()
    only = {"symbols": output.logits[2]}
    batch.predicted["symbols"] = batch.predicted[2]
    found = built(factors, factors.FactorOptions(levels=(0.5, 2.0), stop=4.0))(batch, output._replace(logits=only))
    assert float(found.losses["factors"]) == 0.0


def test_a_masked_level_0_counts_as_level_0_and_writing_once():
    options = factors.FactorOptions(levels=(0.5, 2.0))
    assert [options.of(level) for level in (-1, 0, 1, 7, "letters")] == [0.5, 0.5, 2.0, 2.0, 1.0]


def test_top_k_counts_targets_among_the_likeliest():
    batch, output = batch_of()
    found = built(top_k, top_k.TopKOptions(k=3))(batch, output).figures
    hits = {0: [], 2: []}
    for level, _, row, target in positions(batch, output):
        hits[level].append(target in sorted(range(len(row)), key=lambda place: -row[place])[:3])
    for level in hits:
        assert found[f"top3_accuracy_{level}"].tolist() == [sum(hits[level]), len(hits[level])]
    assert found["top3_accuracy"].tolist() == [sum(hits[0] + hits[2]), 11]


@pytest.mark.parametrize("T", [1.0, 2.5])
def test_distillation_is_the_divergence_from_the_teacher(monkeypatch, T):
    batch, output = batch_of()
    _, teacher = batch_of(seed=1)

    class Teacher(torch.nn.Module):
        rules = RULES

        def forward(self, batch):
            return teacher

    manifest = SimpleNamespace(codec=1, symbols=(), languages=())
    loaded = SimpleNamespace(manifest=manifest, model=Teacher(), path=None)
    monkeypatch.setattr("valle_core.api.load_model", lambda *given, **more: loaded)
    options = distill.DistillOptions(teacher="run", weight=0.3, temperature=T)
    found = distill.build(options, manifest=manifest, rules=RULES)(batch, output)
    wanted = plain = 0.0
    for (_, p, row, target), (_, t, trow, _) in zip(positions(batch, output), positions(batch, teacher), strict=True):
        soft, goal = (log_softmax([value / T for value in values]) for values in (row, trow))
        kl = sum(math.exp(b) * (b - a) for a, b in zip(soft, goal, strict=True))
        wanted += (0.7 * -p[target] + 0.3 * T**2 * kl) / 11
        plain += sum(math.exp(b) * (b - a) for a, b in zip(p, t, strict=True)) / 11
    assert total(batch, found) == pytest.approx(wanted, rel=1e-5)
    assert float(found.figures["teacher_kl"]) == pytest.approx(plain, rel=1e-5)
    sum(found.losses.values()).backward()
    assert all(logits.grad.isfinite().all() for logits in output.logits.values())
    assert teacher.logits[0].grad is None


@pytest.mark.parametrize("module", [z_loss, label_smoothing, factors, top_k])
def test_it_leaves_what_others_added_and_is_finite_in_bfloat16(module):
    batch, output = batch_of()
    logits = {level: found.detach().bfloat16().requires_grad_() for level, found in output.logits.items()}
    output = output._replace(logits=logits, losses={"balance": torch.ones(())}, figures={"share": torch.ones(())})
    found = built(module, next(v for n, v in vars(module).items() if n.endswith("Options"))())(batch, output)
    assert (found.losses["balance"], found.figures["share"]) == (1, 1)
    assert all(value.isfinite().all() for value in (*found.losses.values(), *found.figures.values()))
    assert output.losses.keys() == {"balance"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: z_loss.ZLossOptions(weight=-1), "weight must be at least 0, got -1"),
        (lambda: label_smoothing.LabelSmoothingOptions(epsilon=2), r"epsilon must be in \[0, 1\], got 2"),
        (lambda: factors.FactorOptions(levels=()), "at least 1 factor"),
        (lambda: factors.FactorOptions(stop=float("nan")), "a factor must be at least 0, got nan"),
        (lambda: top_k.TopKOptions(k=0), "k must be at least 1, got 0"),
        (lambda: distill.DistillOptions(weight=1.5), r"weight must be in \[0, 1\], got 1.5"),
        (lambda: distill.DistillOptions(temperature=0), "temperature must be above 0, got 0"),
        (lambda: distill.build(distill.DistillOptions(), manifest=None, rules=None), "--loss.teacher RUN"),
    ],
)
def test_impossible_options_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
