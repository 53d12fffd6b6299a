"""From the command line: long texts, detected languages, and a tokenizer that travels with the data and the model."""

from __future__ import annotations

import json
import shutil

import pytest
import soundfile
import torch

from valle_core.checkpoint.load import load_model
from valle_core.registry.registry import Registry
from valle_data.storage.manifest import read_manifest


@pytest.fixture
def spelled(valle, spine, tmp_path):
    """A tokenizer, a dataset and a model made with it; then the tokenizer is lost."""
    tokenizer = tmp_path / "tokenizer.json"
    shutil.copytree(spine.recordings, tmp_path / "wav")
    source = tmp_path / "wav"
    frontend = ("--frontend", "text", "--frontend.tokenizer", str(tokenizer))
    data = tmp_path / "data"
    for words in (
        ("train-tokenizer", str(source), "--out", str(tokenizer), "--size", "60"),
        ("prepare", str(source), "--out", str(data), "--codec", "mel-gl", "--quiet", *frontend),
    ):
        code, _, err = valle(*words)
        assert code == 0, err
    return tokenizer, source, data


def test_sentences_of_a_text_are_joined_and_their_pause_is_audible(valle, spine, tmp_path):
    text = "The boat sails. A red door opens. We sing."
    seconds = {}
    for name, more in {"long": ("--pause", "1"), "short": ("--pause", "0"), "whole": ("--split", "none")}.items():
        code, _, err = valle(*spine.speaking(tmp_path / f"{name}.wav", *more, text=text))
        assert code == 0, err
        seconds[name] = soundfile.info(tmp_path / f"{name}.wav").duration
    assert seconds["long"] == pytest.approx(seconds["short"] + 2, abs=0.01)
    assert seconds["whole"] < seconds["short"]


def test_the_language_is_detected_and_noted(valle, spine, tmp_path):
    code, out, err = valle(*spine.speaking(tmp_path / "o.wav", "--language", "auto", "--json"))
    assert code == 0, err
    assert "note: language detected: en-us" in err
    assert json.loads(out)["speech"][0]["language"] == "en-us"


def test_a_language_the_model_does_not_speak_is_refused_with_the_way_to_name_it(refused, spine, tmp_path):
    words = spine.speaking(tmp_path / "o.wav", "--language", "auto", text="Morgenstund hat Gold im Mund")
    assert "it looks like 'de'. Name it: --language TAG, one of en-us" in refused(*words)


def test_languages_of_recordings_are_detected_and_noted(valle, spine, tmp_path):
    code, _, err = valle("prepare", str(spine.recordings), "--out", str(tmp_path / "data"), "--codec", "mel-gl",
                         "--language", "auto", "--quiet")  # fmt: skip
    assert code == 0, err
    assert "note: language detected: en (8 utterances)" in err


def test_a_model_speaks_with_its_tokenizer_when_the_file_is_gone(valle, spine, spelled, tmp_path):
    tokenizer, _, data = spelled
    content = tokenizer.read_text()
    tokenizer.unlink()
    assert read_manifest(data).frontend_options["trained"] == content
    run = tmp_path / "run"
    training = spine.training(run, "--steps", "2")
    training[training.index("--data") + 1] = str(data)
    code, _, err = valle(*training)
    assert code == 0, err
    assert load_model(run, Registry.open(), device=torch.device("cpu")).manifest.frontend_options["trained"] == content
    words = ["synth", "the boat sails", "--model", str(run), "--max-duration", "0.5"]
    code, _, err = valle(*words, "--out", str(tmp_path / "o.wav"))
    assert code == 0, err
    assert "never seen" not in err
    code, _, err = valle(*words, "--out", str(tmp_path / "p.wav"), "--frontend", "text", "--frontend.unit", "bytes")
    assert code == 2
    assert "symbols the model was not trained with" in err


def test_another_tokenizer_does_not_go_into_the_same_dataset(valle, spelled):
    tokenizer, source, data = spelled
    assert valle("train-tokenizer", str(source), "--out", str(tokenizer), "--size", "40")[0] == 0
    code, _, err = valle("prepare", str(source), "--out", str(data), "--codec", "mel-gl", "--quiet",
                         "--frontend", "text", "--frontend.tokenizer", str(tokenizer))  # fmt: skip
    assert code == 2
    assert "another tokenizer" in err
