"""From recordings to speech through a codec of another sample rate, with random weights asked for by name."""

from __future__ import annotations

import json

import pytest
import soundfile

CODECS = {
    "dac": (16000, ["--codec.variant", "16khz", "--codec.levels", "2"]),
    "encodec": (24000, ["--codec.bandwidth", "1.5"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_recordings_become_speech(codec, valle, spine, tmp_path):
    sample_rate, options = CODECS[codec]
    chosen = ["--codec", codec, "--codec.weights", "random", "--codec.seed", "3", *options]
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "said.wav"
    code, _, err = valle("prepare", spine.recordings, "--out", data, *chosen, "--device", "cpu", "--quiet")
    assert code == 0, err
    words = ["train", "--data", data, "--out", run, "--arch", "llama", "--arch.d-model", "32", "--arch.n-layers", "1",
             "--arch.n-heads", "2", "--steps", "3", "--batching.seconds", "10", "--device", "cpu", "--quiet",
             *chosen]  # fmt: skip
    code, _, err = valle(*words)
    assert code == 0, err
    words = ["synth", "the boat sails", "--model", run, "--prompt", spine.prompt, "--max-duration", "0.5",
             *chosen]  # fmt: skip
    code, stdout, err = valle(*words, "--out", out, "--json")
    assert code == 0, err
    assert soundfile.info(out).samplerate == sample_rate
    assert 0 < soundfile.info(out).duration <= 0.7
    assert json.loads(stdout)["speech"][0]["seconds"] == pytest.approx(soundfile.info(out).duration)
