"""Heads and tables of answers that are not codes, and the figures of each task."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from valle_core.loss.token_loss import token_loss
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.sequence.layout import lay_out, token
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.training.meter import Meter
from valle_core.types import TaskInputs
from valle_testing.fakes.backbone import FakeBackbone

VOCABULARY = Vocabulary(symbols=6, languages=2, num_levels=2, codebook_size=8, tasks=2, writes=True)
CODES = torch.tensor([[1, 2], [3, 4], [5, 6]])
INPUTS = TaskInputs(text=torch.tensor([1, 2]), language=0, prompt=CODES, response=CODES)


def model(**options) -> CodecLM:
    torch.manual_seed(0)
    return CodecLM(FakeBackbone(), VOCABULARY, ModelOptions(**options), torch.randn(2, 8, 5), tasks=("stt", "vc"))


def asked(task: str, output: str):
    answer = CODES[:, :1]
    return lay_out(
        INPUTS,
        0,
        response=answer,
        target=answer[:, 0],
        task=task,
        marked=(token(),),
        output=output,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("options", [{}, {"tie": True}, {"heads": "shared"}, {"codebook_embeddings": True}])
def test_each_output_has_its_logits_and_all_of_them_a_gradient(options):
    found = model(**options)
    batch = pack([asked("stt", "symbols"), asked("vc", "codes"), asked("stt", "letters")], found.rules)
    logits = found(batch).logits
    assert {key: value.shape[1] for key, value in logits.items()} == {0: 9, "letters": 257, "symbols": 7}
    loss, _ = token_loss(logits, batch.predicted, batch.tasks)
    loss.backward()
    for name in ("letters", "symbols"):
        assert found.heads.answers[name].weight.grad.abs().sum() > 0


def test_codebooks_leave_what_is_written_a_table_of_its_own():
    found = model(codebook_embeddings=True)
    ranges, rows = VOCABULARY.ranges(), found.embedding.rows()
    for name in ("text", *VOCABULARY.answers()):
        written = rows[ranges[name].start : ranges[name].stop]
        assert len(written.unique(dim=0)) == len(written), f"all {name} are read alike at first"


def test_a_model_without_written_answers_has_the_weights_it_had():
    plain = CodecLM(FakeBackbone(), replace(VOCABULARY, writes=False), ModelOptions())
    assert not [name for name in plain.state_dict() if "answers" in name]


def test_the_figures_of_tasks_add_up_to_those_of_the_levels():
    found = model()
    batch = pack([asked("stt", "codes"), asked("vc", "codes"), asked("stt", "symbols")], found.rules)
    logits = found(batch).logits
    loss, figures = token_loss(logits, batch.predicted, batch.tasks)
    assert torch.equal(loss, token_loss(logits, batch.predicted)[0])
    assert {name for name in figures if name.startswith("loss")} == {"loss_0", "loss_symbols", "loss_stt", "loss_vc"}
    by_task = figures["loss_stt"] + figures["loss_vc"]
    torch.testing.assert_close(by_task, figures["loss_0"] + figures["loss_symbols"])
    assert int(figures["loss_stt"][1]) == 8  # two rows of three and their stop tokens
    meter = Meter()
    for name, pair in figures.items():
        meter.add(name, pair)
    line = meter.line(1, 0.1)
    assert {"loss_0", "loss_symbols", "loss_stt", "loss_vc", "accuracy_vc"} <= line.keys()
