"""What is decoded step by step and level by level is what the trained rows, read as a whole, say is most likely."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.request import Request
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.mixed_rows import MixedRows
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.speaking import SYMBOLS, part, synthesizer_of

VARIANTS = [
    {},
    {"heads": "shared"},
    {"tie": True},
    {"tie": True, "heads": "shared", "markers": "sum"},
    {"markers": "sum", "per_language_text": True},
    {"codebook_embeddings": True},
    {"codebook_embeddings": True, "tie": True},
    {"per_language_text": True, "sum_levels": "none"},
    {"sum_levels": "prompt"},
    {"sum_levels": "response"},
]
ARCHS = [("transformer", {}), ("transformer", {"adaptive_norm": True}), ("llama", {})]


def real(name: str, options: dict):
    attention = MixedRows(part("attention", "sdpa"), Registry.open().select("attention", "sdpa").spec.capabilities)
    sizes = {"d_model": 32, "n_layers": 2, "n_heads": 2, "max_length": 200, **options}
    return part("arch", name, sizes, attention=attention)


def make_model(backbone, levels: int, **options) -> CodecLM:
    """Random weights large enough that answers differ from row to row; stopping is not rare."""
    chosen = ModelOptions(**options)
    vocabulary = Vocabulary(
        symbols=len(SYMBOLS), languages=2, num_levels=levels, codebook_size=32,
        per_language_text=chosen.per_language_text,
    )  # fmt: skip
    model = CodecLM(backbone, vocabulary, chosen, codebooks=torch.randn(4, 32, 5)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "modulation" in name:
                parameter.normal_(std=0.3)
        model.heads.stop.normal_(std=0.3)
        model.heads.bias[:, 32] += 1.0
    return model


def make(ar: CodecLM, nar: CodecLM, task: str = "tts") -> Synthesizer:
    return synthesizer_of(ar, nar=nar, languages=("xx", "yy"), task=part("task", task))


def requests(task: str = "tts") -> list[Request]:
    prompts = [torch.randint(0, 32, (n, 4), generator=torch.Generator().manual_seed(n)) for n in (6, 1, 13)]
    prompt_words = "gh" if task == "tts-c" else ""
    return [
        Request(text="abc", prompt=prompts[0], language="yy", prompt_text=prompt_words, max_seconds=0.5),
        Request(text="hg fe dc", language="xx", max_seconds=0.2),
        Request(text="d", prompt=prompts[1], language="xx", prompt_text=prompt_words, max_seconds=0.5),
        Request(text="aabbccd", prompt=prompts[2], language="yy", prompt_text=prompt_words, max_seconds=0.3),
    ]


@torch.inference_mode()
def check(synthesizer: Synthesizer, asked: list[Request]) -> None:
    parts = synthesizer.components
    for request, speech in zip(asked, synthesizer(asked), strict=True):
        inputs = synthesizer.prepare(request).inputs
        inputs = replace(inputs, response=speech.codes)
        for level in range(speech.codes.shape[1]):
            model = parts.nar if level else parts.ar
            row = parts.task.compose(inputs, level, training=True)
            logits = model(pack([row], model.rules))[0][level]
            expected = row.target
            if level == 0:
                logits[0, 32] = float("-inf")  # an answer has at least one frame
                if speech.stopped:
                    expected = torch.cat([expected, torch.tensor([32])])
                logits = logits[: expected.shape[0]]
            # Equal, or as good as equal where two logits tie to rounding.
            lost = logits.max(-1).values - logits.gather(1, expected[:, None].long())[:, 0]
            assert lost.max() < 1e-4, (request, level, lost)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_in_every_variant_of_embeddings_and_heads(options):
    torch.manual_seed(5)
    model = make_model(FakeBackbone(d_model=32), 4, **options)
    check(make(model, model), requests())


@pytest.mark.parametrize("markers", ["token", "sum"])
@pytest.mark.parametrize(("name", "options"), ARCHS, ids=str)
def test_on_every_backbone(name, options, markers):
    torch.manual_seed(6)
    model = make_model(real(name, options), 4, markers=markers)
    check(make(model, model), requests())


@pytest.mark.parametrize("task", ["tts", "tts-c"])
@pytest.mark.parametrize("levels", [1, 2])
def test_with_fewer_levels_than_the_codec_has(levels, task):
    torch.manual_seed(7)
    model = make_model(real("transformer", {}), levels)
    synthesizer = make(model, model, task)
    assert all(speech.codes.shape[1] == levels for speech in synthesizer(requests(task)))
    check(synthesizer, requests(task))


def test_with_halves_of_different_shape_joined():
    torch.manual_seed(8)
    ar = make_model(FakeBackbone(d_model=24), 4, parts="ar", markers="sum")
    nar = make_model(real("transformer", {"adaptive_norm": True}), 3, parts="nar")
    check(make(ar, nar), requests())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("name", "options"), ARCHS, ids=str)
def test_in_half_precision_a_model_speaks_and_its_codec_does_not_notice(name, options, dtype):
    torch.manual_seed(6)
    model = make_model(real(name, options), 4, markers="sum", codebook_embeddings=True).to(dtype)
    for speech in make(model, model)(requests()):
        assert speech.wav.dtype == torch.float32
        assert speech.wav.isfinite().all()
        assert 0 <= speech.codes.min() <= speech.codes.max() < 32


@pytest.mark.parametrize("name", ["transformer", "llama"])
def test_an_answer_ends_where_the_backbone_does_and_says_so(name):
    torch.manual_seed(6)
    model = make_model(real(name, {"max_length": 40}), 1)
    with torch.no_grad():
        model.heads.bias[:, 32] = -1e4  # it never stops by itself
    synthesizer = make(model, model)
    asked = [replace(request, max_seconds=20.0) for request in requests()]
    for request, speech in zip(asked, synthesizer(asked), strict=True):
        prompt = 0 if request.prompt is None else request.prompt.shape[0]
        letters = len(request.text)
        assert speech.codes.shape[0] == 40 - (letters + 1 + 2 + 2 + prompt + 1)
        assert not speech.stopped
        assert speech.notes(request)
    with pytest.raises(UserError, match="fill all 40 positions"):
        synthesizer([*asked, Request(text="abc", prompt=torch.zeros(60, 4, dtype=torch.long))])


def test_the_check_sees_a_step_that_forgets_the_markers(monkeypatch):
    torch.manual_seed(5)
    model = make_model(FakeBackbone(d_model=32), 1, markers="sum")
    monkeypatch.setattr("valle_core.model.codec_lm.marker_indices", lambda row, rules: [0])
    with pytest.raises(AssertionError):
        check(make(model, model), requests())


def test_what_a_model_said_can_be_its_prompt():
    torch.manual_seed(7)
    model = make_model(FakeBackbone(d_model=32), 2)
    synthesizer = make(model, model)
    (first,) = synthesizer(requests()[:1])
    (second,) = synthesizer([Request(text="abc", prompt=first.codes, max_seconds=0.2)])
    assert second.codes.shape[1] == first.codes.shape[1] == 2
    with pytest.raises(UserError, match=r"\[frames, 4\]"):
        synthesizer([Request(text="abc", prompt=first.codes[:, :1])])
    with pytest.raises(UserError, match=r"\[frames, 4\]"):
        synthesizer([Request(text="abc", prompt=first.codes[None])])


def test_speech_can_be_written_to():
    model = make_model(FakeBackbone(d_model=32), 1)
    (speech,) = make(model, model)(requests()[:1])
    speech.wav.mul_(0.5)
    speech.codes.add_(1)


@pytest.mark.parametrize(
    ("task", "prompt", "prompt_words", "message"),
    [
        ("tts", True, "gh", "does not continue its prompt"),
        ("tts-c", True, "", "both a prompt and its words"),
        ("tts-c", False, "gh", "both a prompt and its words"),
    ],
)
def test_the_words_of_a_prompt_are_for_tasks_that_continue_it(task, prompt, prompt_words, message):
    """`tts` would say them, `tts-c` would miss them."""
    model = make_model(FakeBackbone(d_model=32), 1)
    codes = torch.zeros(5, 4, dtype=torch.long) if prompt else None
    with pytest.raises(UserError, match=message):
        make(model, model, task)([Request(text="abc", prompt=codes, prompt_text=prompt_words)])


def test_a_text_of_only_punctuation_is_refused_behind_the_words_of_a_prompt_too():
    model = make_model(FakeBackbone(d_model=32), 1)
    request = Request(text="?!", prompt=torch.zeros(5, 4, dtype=torch.long), prompt_text="gh")
    with pytest.raises(UserError, match="has no words"):
        make(model, model, "tts-c")([request])
