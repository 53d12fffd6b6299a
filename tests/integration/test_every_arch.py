"""Every backbone that is installed trains and speaks through the same two commands."""

from __future__ import annotations

import dataclasses
import json

import pytest
import soundfile

from valle_core.registry.registry import Registry

SIZES = {"d_model": "32", "n_layers": "2", "n_heads": "2", "head_dim": "16"}
"""Small ones, for the backbones that have options of these names."""

REGISTRY = Registry.open()
ARCHS = [entry.name for entry in REGISTRY.entries("arch") if entry.status == "ok"]


def small(arch: str) -> list[str]:
    """Flags that make a backbone small."""
    names = {field.name for field in dataclasses.fields(REGISTRY.select("arch", arch).options_type())}
    return [word for name in SIZES if name in names for word in (f"--arch.{name.replace('_', '-')}", SIZES[name])]


def test_all_eight_are_here():
    eight = {"bitnet", "llama", "mamba", "mamba2", "mixtral", "retnet", "retnet-hf", "transformer"}
    assert set(ARCHS) >= eight


@pytest.mark.parametrize("arch", ARCHS)
def test_it_trains_and_speaks(arch, valle, spine, tmp_path):
    """Twenty steps with both halves in one backbone; the loss falls; the speech is as long as was allowed at most."""
    words = ["train", "--data", spine.data, "--out", tmp_path / "run", "--arch", arch, *small(arch), "--steps", "20",
             "--log-every", "1", "--lr", "0.003", "--batching.seconds", "80", "--device", "cpu", "--quiet"]  # fmt: skip
    code, _, err = valle(*words)
    assert code == 0, err
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    first, last = (sum(line["loss"] for line in part) / 5 for part in (lines[:5], lines[-5:]))
    assert last < first
    assert not lines[-1]["bad_steps"]
    out = tmp_path / "said.wav"
    words = ["synth", "the boat sails", "--model", tmp_path / "run", "--prompt", spine.prompt, "--max-duration", "0.5"]
    code, stdout, err = valle(*words, "--out", out, "--json")
    assert code == 0, err
    assert 0 < soundfile.info(out).duration <= 0.6
    assert json.loads(stdout)["speech"][0]["seconds"] == pytest.approx(soundfile.info(out).duration)
