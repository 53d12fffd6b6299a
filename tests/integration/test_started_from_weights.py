"""A run that began from a folder of weights speaks after the folder is gone."""

from __future__ import annotations

import importlib
import shutil

import pytest
import torch

from valle_core.registry.registry import Registry

SMALL = {"d_model": 32, "n_layers": 2, "n_heads": 2, "head_dim": 16, "d_state": 8, "dropout": 0.1}


def folder_of(arch, home):
    """A folder of a small backbone's weights, written by its plugin."""
    selected = Registry.open().select("arch", arch)
    options = selected.options_type()
    kernel = (lambda *given, **how: None) if "attention" in selected.spec.needs else None
    made = options(**{name: value for name, value in SMALL.items() if name in options.__dataclass_fields__})
    module, _, factory = selected.spec.factory.partition(":")
    torch.manual_seed(0)
    backbone = getattr(importlib.import_module(module), factory)(made, attention=kernel)
    package = module.partition(".")[0]
    save = importlib.import_module(f"{package}.{'weights' if package == 'valle_retnet' else 'folder'}").save_folder
    more = (backbone.sizes,) if package in ("valle_llama", "valle_retnet") else ()
    save(backbone, *more, home)
    return home


@pytest.mark.parametrize("arch", ["llama", "mixtral", "bitnet", "retnet", "mamba", "mamba2"])
def test_it_speaks_without_the_folder_it_began_with(arch, valle, spine, tmp_path):
    weights = folder_of(arch, tmp_path / "weights")
    words = ["train", "--data", spine.data, "--out", tmp_path / "run", "--arch", arch, "--arch.weights", weights,
             "--steps", "1", "--batching.seconds", "80", "--device", "cpu", "--quiet"]  # fmt: skip
    code, _, err = valle(*words)
    assert code == 0, err
    shutil.rmtree(weights)
    speaking = ["synth", "the boat", "--model", tmp_path / "run", "--max-duration", "0.3", "--out", tmp_path / "o.wav"]
    code, _, err = valle(*speaking)
    assert code == 0, err
