"""A rewritten backbone from the command line: trained, packed, and speaking the same as before."""

from __future__ import annotations

import json

import pytest
import yaml

from valle_core.checkpoint.folder import RunFolder, find_checkpoint, read_tensors

BITNET = ("--arch", "bitnet", "--arch.d-model", "32", "--arch.n-layers", "1", "--arch.n-heads", "2")
WAYS = {
    "rewrite": ("--rewrite", "bitlinear", "--rewrite.skip", "*.out"),
    "arch": BITNET,
}


def speak(valle, spine, model, out):
    argv = spine.speaking(out, "--prompt", str(spine.prompt), "--seed", "1", "--model", str(model))
    code, _, err = valle(*argv)
    assert code == 0, err
    return out.read_bytes()


@pytest.mark.parametrize("way", WAYS)
def test_a_ternary_model_is_trained_packed_and_says_the_same(spine, valle, tmp_path, way):
    run, packed = tmp_path / "run", tmp_path / "packed"
    code, _, err = valle(*spine.training(run, *WAYS[way]))
    assert code == 0, err
    code, out, err = valle("pack-bitnet", run, "--out", packed)
    assert code == 0, err
    assert "linear layers packed" in out
    assert speak(valle, spine, packed, tmp_path / "after.wav") == speak(valle, spine, run, tmp_path / "before.wav")

    before, after = (read_tensors(find_checkpoint(folder), "model") for folder in (run, packed))
    assert any(name.endswith(".packed") and tensor.dtype.itemsize == 1 for name, tensor in after.items())
    assert sum(t.nbytes for t in after.values()) < sum(t.nbytes for t in before.values())
    chain = yaml.safe_load((find_checkpoint(packed) / "model.yaml").read_text())["rewrite"]
    assert [element["name"] for element in chain] == [*(["bitlinear"] if way == "rewrite" else []), "bitlinear-packed"]
    plugins = json.loads((find_checkpoint(packed) / "manifest.json").read_text())["plugins"]
    assert {"kind": "rewrite", "name": "bitlinear-packed", "api": 1}.items() <= plugins[-1].items()

    code, _, err = valle("pack-bitnet", run, "--out", packed)
    assert code == 2
    assert "is not empty" in err
    code, _, err = valle("pack-bitnet", packed, "--out", tmp_path / "again")
    assert code == 2
    assert "has no ternary layer to pack" in err


def test_training_with_packed_layers_is_refused_and_names_what_can_be_trained(spine, valle, tmp_path):
    code, _, err = valle(*spine.training(tmp_path / "run", "--rewrite", "bitlinear-packed"))
    assert code == 2
    assert "rewrite 'bitlinear-packed'" in err
    assert "Try: --rewrite bitlinear" in err
    assert not (tmp_path / "run").exists()


def test_a_run_with_a_rewrite_is_resumed_with_it(spine, valle, tmp_path):
    run = tmp_path / "run"
    assert valle(*spine.training(run, "--rewrite", "bitlinear", "--steps", "4"))[0] == 0
    code, _, err = valle(*spine.training(run, "--steps", "6", "--resume"))
    assert code == 2  # its weights would fit a plain backbone as well
    assert "was trained with --rewrite bitlinear; resume with the options of the run" in err
    code, _, err = valle(*spine.training(run, "--rewrite", "bitlinear", "--steps", "6", "--resume"))
    assert code == 0, err
    assert RunFolder(run).steps()[-1] == 6
    assert yaml.safe_load((run / "config.yaml").read_text())["rewrite"][0]["name"] == "bitlinear"


def test_a_model_without_ternary_layers_is_not_packed(spine, valle, tmp_path):
    code, _, err = valle("pack-bitnet", spine.run, "--out", tmp_path / "packed")
    assert code == 2
    assert "Train with --arch bitnet, or with --rewrite bitlinear" in err
