"""A model with a pointer in another runtime: what the graphs compute, walked by numpy, gives the codes of the core."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from valle_llama.factory import build
from valle_llama.options import LlamaOptions
from valle_pointer.options import PointerOptions
from valle_pointer.pointer import Pointer
from valle_tasks.options import TextToSpeechOptions
from valle_tasks.tts import TextToSpeech

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.layout import ORDERS
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.autoregressive import Prompted, decode
from valle_core.synthesis.nonautoregressive import fill_levels
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View
from valle_core.types import TaskInputs
from valle_testing.fakes.rule_kernel import RuleKernel

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from valle_export.onnx import runtime
from valle_export.onnx.graphs import PointedLevel, PointedStep, pointer_graphs
from valle_export.onnx.write import write_text_of

Q, V, SYMBOLS = 3, 8, ("<pad>", "<unk>", " ", "ˈ", "ː", "a", "b", "c", ".")
TEXTS = ("ˈab c.", "a", "cˈaː bˈab cab.", "ˈ")


def model_of(seed: int, *, silences: bool = False, weight: float = 1.0, **options) -> CodecLM:
    torch.manual_seed(seed)
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=2, num_levels=Q, codebook_size=V)
    sizes = LlamaOptions(d_model=16, n_layers=2, n_heads=4, n_kv_heads=2, ffn_dim=24, decode_step="layers")
    pointer = Pointer(PointerOptions(longest=9, advance_weight=weight), d_model=16, symbols=SYMBOLS, languages=2)
    model = CodecLM(build(sizes, attention=RuleKernel()), vocabulary, ModelOptions(**options), alignment=pointer).eval()
    for table, size in ((model.embedding.table, 8), (model.heads.weight, 4), (pointer.here, 30), (pointer.next, 30)):
        table.data.mul_(size)
    pointer.advance.weight.data.mul_(6)
    pointer.dwells.frames += torch.arange(len(SYMBOLS) + 2) * 20
    pointer.dwells.counts += 30
    pointer.dwells.texts += 30 if silences else 100
    return model


class Greedy:
    def choose(self, logits, view):
        return logits.argmax(-1)


def of_core(first: CodecLM, second: CodecLM, symbols: list[int], prompt, frames: int):
    """The greedy codes of all levels, and whether the text came to its end."""
    task = TextToSpeech(TextToSpeechOptions())
    inputs = TaskInputs(text=torch.tensor(symbols), language=1, prompt=prompt, response=torch.zeros(0, Q).long())
    row = task.compose(inputs, 0, training=False)
    batch = pack([row], first.rules)
    walk = first.alignment.walk(batch.text, steady=True)
    read, head = first.embed_token([row]), first.head(0)
    with torch.no_grad():
        found = decode(
            first.backbone,
            Prompted(x=first.embed(batch), mask=batch.mask, positions=batch.positions),
            lambda codes, rows: read(codes, rows) + walk.guide(rows)[:, None],
            lambda h, rows: walk.answer(h, head(h), rows, torch.full((len(h),), 0.5)),
            SamplerChain([Greedy()]),
            View(seeds=row_seeds(0, [0], device="cpu"), capacity=frames),
            bounds=[frames],
            stop=V,
        )
        inputs = replace(inputs, times=walk.times([len(found.tokens[0])])[0])
        codes = fill_levels(second, task, [inputs], found.tokens, lambda level, logits, frames: logits.argmax(-1))
    return codes[0].numpy(), found.stopped[0]


def graph(module, *names: str):
    """A module where the runtime has a session."""

    def run(outputs, given):
        with torch.no_grad():
            found = module.eval()(*(torch.from_numpy(np.array(given[name])) for name in names))
        return [one.detach().numpy() for one in (found if isinstance(found, tuple) else (found,))]

    return SimpleNamespace(run=run)


def rules(model: CodecLM) -> dict:
    return {
        "order": [name for name in ORDERS[model.rules.layout] if name != "text"],
        "sum_prompt": model.rules.sum_prompt,
        "sum_response": model.rules.sum_response,
        "sum_markers": model.rules.sum_markers,
        "per_language_text": False,
        "num_levels": Q,
        "ranges": {name: [r.start, r.stop] for name, r in model.vocabulary.ranges().items()},
        "table": model.vocabulary.size,
    }


def speaker_of(first: CodecLM, second: CodecLM):
    speaker = runtime.OnnxSpeaker.__new__(runtime.OnnxSpeaker)
    speaker.about = {
        "symbols": list(SYMBOLS), "unknown": 1, "languages": ["de", "en"], "codebook_size": V, "cache": [2, 2, 4],
        "codec_levels": Q, "levels": rules(second), **rules(first),
    }  # fmt: skip
    speaker.step = graph(PointedStep(first), "indices", "keys", "values", "guide")
    speaker.levels = graph(PointedLevel(second), "indices", "level", "guide")
    texts = [graph(pointer_graphs(one.alignment).text, "symbols", "language") for one in (first, second)]
    speaker.step_text, speaker.levels_text = texts
    return speaker


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("silences", [False, True])
@pytest.mark.parametrize("halves", ["one model", "two halves"])
def test_codes_are_those_of_the_core(text, silences, halves):
    first = second = model_of(1, silences=silences, weight=2.0)
    if halves == "two halves":
        first = model_of(2, silences=silences, parts="ar", markers="sum")
        second = model_of(3, parts="nar", sum_levels="response")
    prompt = torch.arange(4 * Q).view(4, Q) % V
    for frames in (200, 7):
        expected, ended = of_core(first, second, [SYMBOLS.index(one) for one in text], prompt, frames)
        found = speaker_of(first, second).codes(text, prompt.numpy(), language="en", max_frames=frames)
        assert np.array_equal(found, expected)
        assert ended or frames == 7


def test_units_differ_in_how_long_they_last():
    """Else the test above would hold for any walk."""
    prompt, text = torch.arange(4 * Q).view(4, Q) % V, [SYMBOLS.index(one) for one in TEXTS[2]]
    places: list = []
    speaker_of(model_of(1), model_of(1)).first_level(text, prompt.numpy(), "en", runtime.greedy, 200, places)
    lasted = [sum(place.unit == unit for place in places) for unit in {place.unit for place in places}]
    assert len(set(lasted)) > 1, lasted


@pytest.mark.slow
def test_the_graph_of_a_text_is_computed_by_onnxruntime(tmp_path):
    model = model_of(1)
    assert write_text_of(model, tmp_path / "text.onnx")
    session = runtime.onnxruntime.InferenceSession(tmp_path / "text.onnx", providers=["CPUExecutionProvider"])
    expected = graph(pointer_graphs(model.alignment).text, "symbols", "language")
    for text in TEXTS:
        given = {"symbols": np.array([[SYMBOLS.index(one) for one in text]]), "language": np.array([1])}
        for found, wanted in zip(session.run(None, given), expected.run(None, given), strict=True):
            assert np.abs(found - wanted).max() < 1e-5


def test_no_phoneme_is_refused():
    speaker = speaker_of(model_of(1), model_of(1))
    with pytest.raises(ValueError, match="there is no phoneme to say; give at least one"):
        speaker.codes([], np.zeros((0, Q), dtype=np.int64))


def test_an_alignment_without_graphs_is_refused_by_name():
    class Counted(torch.nn.Module):
        pass

    with pytest.raises(UserError, match="cannot export the alignment Counted, which offers no graphs"):
        pointer_graphs(Counted())
