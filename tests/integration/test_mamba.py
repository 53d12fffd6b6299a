"""The recurrent backbones from training to speech, by the command line alone."""

from __future__ import annotations

import pytest
import soundfile


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["mamba", "mamba2"])
def test_a_recurrent_backbone_trains_both_halves_and_speaks(valle, spine, tmp_path, arch):
    run, out = tmp_path / "run", tmp_path / "o.wav"
    sizes = ["--arch", arch, "--arch.d-model", "32", "--arch.n-layers", "2", "--batching.seconds", "80"]
    code, _, err = valle(
        "train", "--data", spine.data, "--out", run, *sizes, "--steps", "20", "--device", "cpu", "--quiet"
    )
    assert code == 0, err
    words = ["synth", "the boat sails", "--model", run, "--max-duration", "0.5", "--prompt", spine.prompt]
    for name in (out, tmp_path / "again.wav"):
        code, _, err = valle(*words, "--out", name, "--seed", "1")
        assert code == 0, err
    assert soundfile.info(out).duration > 0
    assert out.read_bytes() == (tmp_path / "again.wav").read_bytes()
