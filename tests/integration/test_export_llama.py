"""Level 0 of a trained run as a folder of `LlamaForCausalLM` and back, from the command line."""

from __future__ import annotations

import json

import pytest

from valle_cli.main import run as run_valle

LLAMA = ("--arch", "llama", "--arch.d-model", "32", "--arch.n-layers", "1", "--arch.n-heads", "2", "--steps", "2")


@pytest.fixture(scope="module")
def run(spine, tmp_path_factory):
    out = tmp_path_factory.mktemp("llama") / "run"
    assert run_valle(spine.training(out, *LLAMA, "--model.sum-levels", "response")) == 0
    return out


def test_a_run_goes_to_transformers_and_comes_back(spine, run, valle, tmp_path):
    code, out, err = valle("export-llama", run, "--out", tmp_path / "hf")
    assert code == 0, err
    assert "stop token" in out
    names = {"config.json", "generation_config.json", "model.safetensors", "valle.json"}
    assert {path.name for path in (tmp_path / "hf").iterdir()} == names
    assert json.loads((tmp_path / "hf" / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    code, _, err = valle("import-llama", tmp_path / "hf", "--out", tmp_path / "again")
    assert code == 0, err
    said = []
    for level0 in (run, tmp_path / "again"):
        wav = tmp_path / f"{level0.name}.wav"
        speaking = spine.speaking(wav, "--prompt", str(spine.prompt), "--seed", "1", "--nar-model", str(run))
        code, _, err = valle(*speaking, "--model", level0)
        assert code == 0, err
        said.append(wav.read_bytes())
    assert said[0] == said[1]


def test_what_cannot_be_said_and_what_is_there_are_refused(spine, run, refused, tmp_path):
    assert "arch 'transformer' is not LLaMA" in refused("export-llama", spine.run, "--out", tmp_path / "hf")
    assert "is not empty" in refused("export-llama", run, "--out", spine.data)
    assert "there is no such folder" in refused("import-llama", tmp_path / "none", "--out", tmp_path / "again")
