"""Masked rows and guidance from the command line: trained, spoken with, and refused where a model cannot."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import soundfile
import torch
from valle_samplers import Beam, Masked, TopK

import valle
from valle.speaker import _chains
from valle_cli.main import run as run_valle
from valle_core.registry.registry import Registry

MASKED = ("--model.masked", "1", "--model.masked-share", "--model.drop-condition", "0.2")


@pytest.fixture(scope="module")
def runs(spine, tmp_path_factory):
    """A model whose level 0 is only masked, and one that does both."""
    folder = tmp_path_factory.mktemp("masked")
    only = spine.training(folder / "only", *MASKED, "--alignment", "none", "--steps", "3")
    both = spine.training(folder / "both", "--model.masked", "0.5", "--model.drop-text", "0.2", "--steps", "3")
    assert [run_valle(only), run_valle(both)] == [0, 0]
    return folder


def seconds(path) -> float:
    return soundfile.info(path).duration


def test_a_purely_nonautoregressive_model_is_trained_and_spoken_with(valle, spine, runs, tmp_path):
    lines = [json.loads(line) for line in (runs / "only" / "metrics.jsonl").read_text().splitlines()]
    assert any("loss_masked" in line for line in lines)
    assert not any("loss_0" in line for line in lines)
    out = tmp_path / "out.wav"
    filled = ("--sampler", "masked", "--sampler.steps", "4", "--duration", "0.4")
    guided = ("--guidance", "2", "--guidance-rescale", "0.7")
    code, _, err = valle(*spine.speaking(out, "--model", str(runs / "only"), *filled, *guided))
    assert code == 0, err
    assert abs(seconds(out) - 0.4) < 0.05


def test_the_model_s_own_task_len_says_how_long_an_answer_is(valle, spine, tmp_path, monkeypatch):
    tasks = ("--task", "tts", "--task", "len", "--model.masked", "1", "--alignment", "none", "--steps", "2")
    assert run_valle(spine.training(tmp_path / "run", *tasks)) == 0
    told = []

    def wrote(synthesizer, requests):
        told.append(synthesizer.components.task_name)
        return [SimpleNamespace(seconds=0.3) for _ in requests]

    monkeypatch.setattr("valle_kit.lengths.write", wrote)
    speaking = spine.speaking(tmp_path / "out.wav", "--model", str(tmp_path / "run"), "--prompt", str(spine.prompt))
    code, _, err = valle(*speaking, "--task", "tts", "--sampler", "masked", "--sampler.steps", "2")
    assert code == 0, err
    assert told == ["len"]
    assert abs(seconds(tmp_path / "out.wav") - 0.3) < 0.03
    monkeypatch.undo()  # the digits of a model of two steps
    code, _, err = valle(*speaking, "--task", "tts", "--sampler", "masked", "--sampler.steps", "2")
    assert code == 0 or "no frames; give its seconds with --duration" in err


def test_one_model_does_both(valle, spine, runs, tmp_path):
    model = ("--model", str(runs / "both"))
    for name, more in {
        "filled": ("--sampler", "masked", "--guidance", "2", "--duration", "0.3"),
        "said": ("--guidance", "2", "--nar-guidance", "1.5"),
    }.items():
        code, _, err = valle(*spine.speaking(tmp_path / f"{name}.wav", *model, *more))
        assert code == 0, err
        assert seconds(tmp_path / f"{name}.wav") > 0


def test_python_fills_level_0_of_a_model_whatever_says_how_long_it_lasts(spine, runs):
    speaker = valle.load(runs / "both", device="cpu")
    speech = speaker.speak("rain falls", prompt=spine.prompt, sampler=Masked(steps=2), seconds=0.3)
    assert abs(speech.seconds - 0.3) < 0.03
    with pytest.raises(valle.UserError, match="needs a masked level 0"):
        valle.load(spine.run, device="cpu").speak("rain falls", sampler=Masked(steps=2), seconds=0.3)


def test_an_alignment_goes_with_a_sampler_that_fills_and_with_none_that_searches():
    weights = SimpleNamespace(device=torch.device("cpu"), dtype=torch.float32)
    model = SimpleNamespace(alignment="pointer", heads=SimpleNamespace(bias=weights))
    opened = SimpleNamespace(components=SimpleNamespace(ar=model))
    assert _chains(opened, Registry.open(), Masked())["chain"].filler == Masked()
    with pytest.raises(valle.UserError, match="sampler Beam looks for whole answers, and the alignment of this model"):
        _chains(opened, Registry.open(), [TopK(k=5), Beam()])


@pytest.mark.parametrize(
    ("run", "more", "message"),
    [
        ("only", (), "masked only, and is not said token by token; choose --sampler masked"),
        ("only", ("--sampler", "masked"), "give its seconds with --duration"),
        ("only", ("--sampler", "masked", "--duration", "4000"), "duration must be in [0, 3600] s, got 4000"),
        ("both", ("--duration", "1"), "only speech that is filled in place takes a duration; add --sampler masked"),
        ("both", ("--guidance", "2", "--guidance-without", "prompt"), "--model.drop-prompt 0.1"),
        ("both", ("--guidance", "21"), "guidance must be in [0, 20], got 21"),
        ("", ("--guidance", "2"), "was never trained without text or prompt"),
        ("", ("--sampler", "masked"), "train with --model.masked 0.5"),
        ("", ("--nar-sampler", "masked"), "sampler masked looks for whole answers, and levels ≥ 1 are chosen frame"),
        (
            "",
            ("--sampler", "masked", "--sampler", "top_k"),
            "sampler masked looks for the whole answer, so top_k",
        ),
    ],
)
def test_what_a_model_was_not_made_for_is_refused_by_name(refused, spine, runs, tmp_path, run, more, message):
    model = ("--model", str(runs / run)) if run else ()
    assert message in refused(*spine.speaking(tmp_path / "out.wav", *model, *more))
