"""Guidance baked in: the student's loss is what the teacher's guided answers are worth, and training lowers it."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.sequence.layout import lay_out
from valle_core.sequence.masking import MASKED, masked
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.guidance import Guidance
from valle_core.types import TaskInputs
from valle_testing.fakes.backbone import FakeBackbone

SCRIPT = Path(__file__).parents[2] / "studies" / "distil_guidance.py"
V = 8


def script():
    spec = importlib.util.spec_from_file_location("distil_guidance", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def teacher() -> CodecLM:
    torch.manual_seed(0)
    vocabulary = Vocabulary(symbols=6, languages=1, num_levels=2, codebook_size=V)
    model = CodecLM(FakeBackbone(), vocabulary, ModelOptions(masked=0.5, drop_condition=0.1)).eval()
    with torch.no_grad():
        model.embedding.table *= 4
    return model


def rows():
    found = []
    for seed, level in ((0, 0), (1, 1), (2, 0)):
        codes = torch.randint(0, V, (6, 2), generator=torch.Generator().manual_seed(seed))
        inputs = TaskInputs(text=torch.tensor([1, 2, seed]), language=0, prompt=codes[:3], response=codes)
        found.append(lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level]))
    return [*found[:2], masked(found[2], torch.tensor([True, False, True, True, False, False]), mask=V)]


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_loss_is_the_divergence_from_the_guided_answers_one_by_one(scale):
    distil, model = script(), teacher()
    guidance = Guidance(scale=scale, without=frozenset({"text", "prompt", "tone"}))
    wanted = distil.guided_logits(model, rows(), guidance)
    assert {level: len(found) for level, found in wanted.items()} == {MASKED: 3, 0: 7, 1: 6}
    loss = float(distil.losses(model, rows(), wanted)[0].detach())
    total = 0.0
    for row in rows():
        alone = distil.guided_logits(model, [row], guidance)
        ((level, p),) = alone.items()
        q = distil.guided_logits(model, [row], Guidance())[level]
        p, q = p.double().log_softmax(-1), q.double().log_softmax(-1)
        total += float((p.exp() * (p - q)).sum())
    assert loss == pytest.approx(total / 16, abs=1e-5)
    assert (loss < 1e-6) == (scale == 1)


def test_training_brings_the_student_to_the_guided_answers():
    distil, model = script(), teacher()
    guidance = Guidance(scale=2.0, without=frozenset({"text", "prompt", "tone"}))
    wanted, student = distil.guided_logits(model, rows(), guidance), copy.deepcopy(model)
    optimizer = torch.optim.AdamW(student.parameters(), lr=5e-3)
    first = float(distil.losses(student, rows(), wanted)[0].detach())
    for _ in range(25):
        optimizer.zero_grad()
        distil.losses(student, rows(), wanted)[0].backward()
        optimizer.step()
    assert float(distil.losses(student, rows(), wanted)[0].detach()) < first / 3
