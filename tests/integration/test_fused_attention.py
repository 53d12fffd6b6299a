"""`--attention fused` from the command line: trained in Triton's interpreter, refused where it cannot run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

LLAMA = ("--arch", "llama", "--arch.d-model", "32", "--arch.n-layers", "1", "--arch.n-heads", "2",
         "--batching.seconds", "32", "--device", "cpu", "--quiet", "--steps", "10", "--log-every", "1")  # fmt: skip


@pytest.mark.slow
def test_ten_steps_in_the_interpreter_give_the_losses_of_eager(spine, tmp_path):
    """In a process of its own, as a user starts it: Triton reads the variable when it is imported."""
    pytest.importorskip("triton")
    losses = {}
    interpreted = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    for kernel in ("eager", "fused"):
        run = tmp_path / kernel
        words = [sys.executable, "-m", "valle_cli", "train", "--data", spine.data, "--out", run, *LLAMA]
        subprocess.run([*words, "--attention", kernel], check=True, env=interpreted)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        losses[kernel] = [line["loss"] for line in lines]
    assert len(losses["fused"]) == 10
    assert losses["fused"] == pytest.approx(losses["eager"], abs=1e-4)


@pytest.mark.parametrize("arch", ["transformer", "llama", "mixtral", "bitnet"])
def test_a_cpu_is_refused_with_what_would_run_it(arch, refused, spine, tmp_path):
    words = ("train", "--data", spine.data, "--out", tmp_path / "run", "--arch", arch, "--attention", "fused")
    line = refused(*words, "--device", "cpu")
    assert line.startswith("attention 'fused' (valle-attention-fused 0.1.0) cannot run here: needs a CUDA device, ")
    assert "found cpu. TRITON_INTERPRET=1 runs it slowly on the CPU. Try: --attention " in line
