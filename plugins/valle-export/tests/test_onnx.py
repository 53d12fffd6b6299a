"""Graphs beside torch: equal rows, equal greedy codes of level 0, and what cannot be exported is refused."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from valle_llama.factory import build
from valle_llama.options import LlamaOptions

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.layout import ORDERS, lay_out
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.autoregressive import Prompted, decode
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View
from valle_core.types import TaskInputs
from valle_testing.fakes.rule_kernel import RuleKernel

pytest.importorskip("onnxscript")
runtime = pytest.importorskip("valle_export.onnx.runtime")

from valle_export.onnx.exporting import export_graph  # noqa: E402
from valle_export.onnx.graphs import DecodingStep, with_attention  # noqa: E402
from valle_export.onnx.write import refuse_groups  # noqa: E402

Q, V, SYMBOLS = 3, 8, 6


def model_of(**options) -> CodecLM:
    torch.manual_seed(0)
    changes = ModelOptions(**options)
    vocabulary = Vocabulary(
        symbols=SYMBOLS, languages=2, num_levels=Q, codebook_size=V, per_language_text=changes.per_language_text
    )
    sizes = LlamaOptions(d_model=16, n_layers=2, n_heads=4, n_kv_heads=2, ffn_dim=24, decode_step="layers")
    model = CodecLM(build(sizes, attention=RuleKernel()), vocabulary, changes).eval()
    model.heads.bias.data.normal_()
    model.embedding.table.data.mul_(8)
    model.heads.weight.data.mul_(4)
    return model


def about(model) -> dict:
    rules, vocabulary = model.rules, model.vocabulary
    return {
        "symbols": [str(place) for place in range(SYMBOLS)], "unknown": 1, "languages": ["de", "en"],
        "order": list(ORDERS[rules.layout]), "sum_prompt": rules.sum_prompt, "sum_response": rules.sum_response,
        "sum_markers": rules.sum_markers, "per_language_text": vocabulary.per_language_text, "num_levels": Q,
        "codebook_size": V, "ranges": {name: [r.start, r.stop] for name, r in vocabulary.ranges().items()},
        "table": vocabulary.size, "cache": [2, 2, 4], "codec_levels": Q, "sample_rate": 16_000,
    }  # fmt: skip


def speaker_of(model, step=None):
    speaker = runtime.OnnxSpeaker.__new__(runtime.OnnxSpeaker)
    speaker.about, speaker.step, speaker.levels, speaker.codec = about(model), step, None, None
    speaker.step_text = speaker.levels_text = None
    return speaker


TEXT, PROMPT = [2, 5, 3], torch.arange(4 * Q).view(4, Q) % V
CODES = torch.arange(5 * Q).view(5, Q) * 3 % V


@pytest.mark.parametrize(
    ("layout", "summed", "markers", "apart"),
    product(("text-first", "text-last", "text-both"), ("none", "both", "prompt"), ("token", "sum"), (False, True)),
)
def test_rows_are_those_of_the_model(layout, summed, markers, apart):
    model = model_of(layout=layout, sum_levels=summed, markers=markers, per_language_text=apart)
    speaker = speaker_of(model)
    for level in range(Q):
        known = CODES[:, :level] if level else CODES[:, :1]
        inputs = TaskInputs(text=torch.tensor(TEXT), language=1, prompt=PROMPT, response=known)
        batch = pack([lay_out(inputs, level, response=known, target=None)], model.rules)
        expected = [sorted(part.tolist()) for part in batch.indices.tensor_split(batch.offsets[1:])]
        found = speaker.row(TEXT, PROMPT.numpy(), "en", level, known.numpy())
        assert [sorted(row) for row in found] == expected


class Greedy:
    def choose(self, logits, view):
        return logits.argmax(-1)


def greedy_level0(model, frames: int) -> list[int]:
    """What the core decodes."""
    inputs = TaskInputs(text=torch.tensor(TEXT), language=1, prompt=PROMPT, response=CODES[:0])
    row = lay_out(inputs, 0, response=CODES[:0, :1], target=None)
    batch = pack([row], model.rules)
    prompted = Prompted(x=model.embed(batch), mask=batch.mask, positions=batch.positions)
    embed, head = model.embed_token([row]), model.head(0)
    view = View(seeds=row_seeds(0, [0], device="cpu"), capacity=frames)
    with torch.no_grad():
        found = decode(model.backbone, prompted, embed, lambda h, _: head(h), SamplerChain([Greedy()]), view,
                       bounds=[frames], stop=V)  # fmt: skip
    return found.tokens[0].tolist()


def test_the_step_gives_the_greedy_codes_of_the_model(tmp_path):
    model = model_of(markers="sum")
    made = torch.randn(2, 2, 1, 2, 5, 4)
    given = torch.randint(model.vocabulary.size + 1, (1, 7, 3)), made[0], made[1]
    inputs = {"indices": {1: "T", 2: "K"}, "keys": {3: "S"}, "values": {3: "S"}}
    export_graph(DecodingStep(model), tmp_path / "step.onnx", inputs=inputs, outputs=("a", "b", "c"), tries=[given])
    session = runtime.onnxruntime.InferenceSession(tmp_path / "step.onnx", providers=["CPUExecutionProvider"])
    found = speaker_of(model, session).first_level(TEXT, PROMPT.numpy(), "en", runtime.greedy, 40)
    assert found == greedy_level0(model, 40)
    assert len(set(found)) > 1


class Wrong(nn.Module):
    """Computes something else each time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x + self.calls


def test_a_graph_that_computes_something_else_is_refused(tmp_path):
    with pytest.raises(UserError, match="onnxruntime is off by"):
        export_graph(Wrong(), tmp_path / "wrong.onnx", inputs={"x": {}}, outputs=("y",), tries=[(torch.zeros(2),)] * 3)


def test_what_has_no_attention_layers_is_refused():
    with pytest.raises(UserError, match="backbones of attention layers, got Linear; train with --arch llama"):
        with_attention(nn.Linear(2, 2), RuleKernel())


def test_a_level_0_that_is_decoded_in_groups_is_refused():
    model = model_of()
    for needed in (None, False, True):
        model.draft = None if needed is None else SimpleNamespace(needed=needed)
        if needed:
            with pytest.raises(UserError, match="run decodes frames in groups, which format onnx cannot export; train"):
                refuse_groups(model, "run")
        else:
            refuse_groups(model, "run")


def test_the_draws_of_the_runtime_stay_within_the_most_probable():
    choose = runtime.sampled(seed=1, temperature=0.5, top_p=0.9)
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], dtype=np.float32))
    drawn = [choose(logits) for _ in range(200)]
    assert set(drawn) == {0, 1}
    again = runtime.sampled(seed=1, temperature=0.5, top_p=0.9)
    assert [again(logits) for _ in range(200)] == drawn


def test_a_language_the_model_has_not_is_refused():
    with pytest.raises(ValueError, match="language 'fr' is not the model's; choose one of de, en"):
        speaker_of(model_of()).language("fr")


def test_the_runtime_imports_neither_torch_nor_the_core():
    code = (
        "import sys; import valle_export.onnx.runtime\n"
        "print([name for name in ('torch', 'valle_core', 'onnx') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
