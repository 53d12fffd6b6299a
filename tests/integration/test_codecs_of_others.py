"""From recordings to speech through a codec of another sample rate; a dataset remembers how its codec was built."""

from __future__ import annotations

import json
import os

import pytest
import soundfile
import torch

SIZES = {"encoder_dim": 8, "encoder_rates": [2, 4, 5, 8], "decoder_dim": 64, "decoder_rates": [8, 5, 4, 2],
         "n_codebooks": 4, "codebook_size": 64, "codebook_dim": 4, "sample_rate": 16000}  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path):
    """A file as descript-audio-codec saves it, of a small model with random weights."""
    from transformers import DacConfig
    from valle_dac import keys, weights

    config = DacConfig(encoder_hidden_size=8, decoder_hidden_size=64, downsampling_ratios=[2, 4, 5, 8], n_codebooks=4,
                       codebook_size=64, codebook_dim=4, sampling_rate=16000)  # fmt: skip
    path = tmp_path / "weights_16khz.pth"
    tensors = keys.original(weights.random(config, 3), 4)
    torch.save({"state_dict": tensors, "metadata": {"kwargs": SIZES}}, path)
    return path


def training(data, run, *more):
    return ["train", "--data", data, "--out", run, "--arch.d-model", "32", "--arch.n-layers", "1", "--arch.n-heads",
            "2", "--steps", "3", "--batching.seconds", "80", "--device", "cpu", "--quiet", *more]  # fmt: skip


def spoken(valle, out, run, prompt, *more) -> float:
    """Seconds of half a second of speech."""
    code, stdout, err = valle(
        "synth", "the boat sails", "--model", run, "--prompt", prompt, "--max-duration", "0.5", "--out", out,
        "--json", *more,
    )  # fmt: skip
    assert code == 0, err
    facts = soundfile.info(out)
    assert 0 < facts.duration <= 0.7
    assert json.loads(stdout)["speech"][0]["seconds"] == pytest.approx(facts.duration)
    return facts.samplerate


def test_the_headline_from_a_folder_of_recordings_to_speech(valle, spine, checkpoint, tmp_path, monkeypatch):
    data, run = tmp_path / "data", tmp_path / "run"
    dac = ["--codec", "dac", "--codec.variant", "16khz", "--codec.levels", "3"]
    monkeypatch.chdir(tmp_path)
    named = ["--codec.weights", checkpoint.name]
    code, _, err = valle("prepare", spine.recordings, "--out", data, *dac, *named, "--device", "cpu", "--quiet")
    assert code == 0, err
    code, _, err = valle(*training(data, run, "--arch", "retnet", "--codec", "dac"))
    assert code == 0, err
    monkeypatch.chdir(os.path.dirname(tmp_path))
    assert spoken(valle, tmp_path / "said.wav", run, spine.prompt) == 16000
    code, _, err = valle("data", "sample", data, "--out", tmp_path / "listen", "--number", "1")
    assert code == 0, err
    # other options of the same codec are another codec, and weights that are gone are named
    code, _, err = valle(*training(data, tmp_path / "other", "--codec", "dac", "--codec.levels", "2"))
    assert code == 2
    assert "they differ in num_levels" in err
    moved = checkpoint.rename(tmp_path / "moved.pth")
    speak = ["synth", "the boat", "--model", run, "--max-duration", "0.5", "--out", tmp_path / "again.wav"]
    code, _, err = valle(*speak)
    assert code == 2
    assert str(checkpoint) in err
    code, _, err = valle(*speak, "--codec", "dac", "--codec.weights", moved)
    assert code == 0, err


CODECS = {"dac": (16000, ["--codec.variant", "16khz", "--codec.levels", "2"]),
          "encodec": (24000, ["--codec.bandwidth", "1.5"])}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_recordings_become_speech_at_full_size(codec, valle, spine, tmp_path):
    sample_rate, options = CODECS[codec]
    chosen = ["--codec", codec, "--codec.weights", "random", "--codec.seed", "3", *options]
    data, run = tmp_path / "data", tmp_path / "run"
    code, _, err = valle("prepare", spine.recordings, "--out", data, *chosen, "--device", "cpu", "--quiet")
    assert code == 0, err
    code, _, err = valle(*training(data, run, "--arch", "llama", "--codec", codec))
    assert code == 0, err
    assert spoken(valle, tmp_path / "said.wav", run, spine.prompt) == sample_rate
