"""Graphs beside torch: equal rows, equal greedy codes of level 0, and what cannot be exported is refused."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
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
pytest.importorskip("onnxruntime")

from valle_export.onnx import halves, runtime
from valle_export.onnx.exporting import export_graph
from valle_export.onnx.graphs import DecodingStep, with_attention
from valle_export.onnx.write import refuse_groups, refuse_levels
from valle_export.options import ExportOptions

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


def test_weights_that_are_others_at_some_levels_are_refused():
    model = model_of()
    refuse_levels(model, Path("run"))
    model.backbone.reads_levels = True
    with pytest.raises(UserError, match="run has an adapter of some levels, which format onnx cannot export; leave it"):
        refuse_levels(model, Path("run"))


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


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (np.zeros(9, np.int64), r"a prompt must be integers \[frames, 3\], got int64 \[9\]"),
        (np.zeros((9, 2), np.int64), r"a prompt must be integers \[frames, 3\], got int64 \[9, 2\]"),
        (np.zeros((9, Q)), r"a prompt must be integers \[frames, 3\], got float64 \[9, 3\]"),
        (np.full((9, Q), V), r"codes of a prompt must be in \[0, 7\], got 8"),
        (np.full((9, Q), -1), r"codes of a prompt must be in \[0, 7\], got -1"),
    ],
)
def test_a_prompt_that_is_not_codes_is_refused(prompt, message):
    with pytest.raises(ValueError, match=message):
        speaker_of(model_of()).codes(["2"], prompt)


def test_an_answer_has_at_least_one_frame():
    with pytest.raises(ValueError, match="max_frames must be at least 1, got 0"):
        speaker_of(model_of()).codes(["2"], max_frames=0)


@pytest.mark.parametrize("how", [{"seed": -1}, {"seed": 1, "temperature": 0}, {"seed": 1, "top_p": 0}])
def test_a_draw_that_cannot_be_made_is_refused(how):
    with pytest.raises(ValueError, match="must be "):
        runtime.sampled(**how)


def command_line(monkeypatch, capsys, *words) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `speak.py` in a folder whose voice says what it is told to."""
    speaker = speaker_of(model_of())
    speaker.sample_rate, speaker.codes = 16_000, lambda symbols, prompt, **how: speaker.checked(prompt)
    speaker.sound = lambda codes: np.zeros(1600)
    code = 0
    with monkeypatch.context() as patch:
        patch.setattr(runtime, "OnnxSpeaker", lambda folder: speaker)
        patch.setattr(sys, "argv", ["speak.py", *map(str, words)])
        try:
            runtime.main()
        except SystemExit as left:
            code = left.code
    return code, *capsys.readouterr()


@pytest.mark.parametrize("kind", ["text", "pickled", "archive", "flat", "nowhere"])
def test_a_prompt_that_cannot_be_read_is_one_line(kind, monkeypatch, capsys, tmp_path):
    path = tmp_path / "prompt.npy"
    if kind == "text":
        path.write_text("hello")
    elif kind == "pickled":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif kind == "archive":
        with path.open("wb") as file:
            np.savez(file, codes=PROMPT.numpy())
    elif kind == "flat":
        np.save(path, np.zeros(3, np.int64))
    code, _, err = command_line(monkeypatch, capsys, "2 5", "--prompt", path, "--out", tmp_path / "o.wav")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: a prompt must be" if kind == "flat" else f"error: {path}")
    assert not (tmp_path / "o.wav").exists()


def test_the_command_line_says_which_phonemes_it_does_not_know(monkeypatch, capsys, tmp_path):
    out = tmp_path / "o.wav"
    code, said, err = command_line(monkeypatch, capsys, "2 hello 5", "--out", out)
    assert (code, said) == (0, f"{out}: 0.10 s\n")
    assert err.startswith("warning: the model does not know hello; write phonemes separated by spaces")
    code, _, err = command_line(monkeypatch, capsys, "hello world", "--out", tmp_path / "none.wav")
    assert code == 2
    assert err.startswith("error: none of the phonemes is the model's: hello world; write phonemes separated by")
    code, _, err = command_line(monkeypatch, capsys, "2", "--out", tmp_path / "nowhere" / "o.wav")
    assert (code, err) == (2, f"error: {tmp_path / 'nowhere' / 'o.wav'}: No such file or directory\n")


@pytest.mark.parametrize(
    ("name", "codes"), [("../ben", PROMPT), ("/ben", PROMPT), ("ben", PROMPT[0]), ("ben", PROMPT / 1)]
)
def test_a_box_whose_voices_are_no_files_of_codes_is_refused(name, codes, monkeypatch, tmp_path):
    monkeypatch.setattr(halves, "joined", lambda options, registry: pytest.fail("its models were read"))
    (tmp_path / "voice.json").write_text("{}")
    save_file({name: codes.contiguous()}, tmp_path / "voices.safetensors")
    with pytest.raises(UserError, match="is not a voice's codes"):
        halves.opened(ExportOptions(run=tmp_path, out=tmp_path / "out", format="onnx"), None)


def test_the_runtime_imports_neither_torch_nor_the_core():
    code = (
        "import sys; import valle_export.onnx.runtime\n"
        "print([name for name in ('torch', 'valle_core', 'onnx') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
