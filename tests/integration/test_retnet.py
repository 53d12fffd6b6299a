"""RetNet from training to speech, by the command line alone."""

from __future__ import annotations

import pytest
import soundfile

SMALL = ("--arch.d-model", "32", "--arch.n-layers", "2", "--arch.n-heads", "2", "--batching.seconds", "80",
         "--device", "cpu", "--quiet")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "arch",
    [
        ("retnet",),
        ("retnet", "--arch.n-experts", "3", "--arch.gradient-checkpointing"),
        ("retnet-hf", "--arch.form", "parallel"),
    ],
    ids=["retnet", "experts", "retnet-hf"],
)
def test_it_trains_both_halves_in_one_model_and_speaks(valle, spine, tmp_path, arch):
    run, out = tmp_path / "run", tmp_path / "o.wav"
    words = ["train", "--data", spine.data, "--out", run, "--arch", *arch, *SMALL, "--steps", "20"]
    code, _, err = valle(*words)
    assert code == 0, err
    code, _, err = valle("synth", "the boat", "--model", run, "--out", out, "--max-duration", "0.5",
                         "--prompt", spine.prompt)  # fmt: skip
    assert code == 0, err
    assert soundfile.info(out).duration > 0.1
    if len(arch) > 1 and "experts" in arch[1]:
        assert '"expert_2"' in (run / "metrics.jsonl").read_text()
