from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from valle_core.checkpoint.load import load_model
from valle_core.data.dataset import Dataset, open_dataset
from valle_core.registry.registry import Registry
from valle_data.testing import prepared_tones
from valle_testing.runs import train


@dataclass
class Tones:
    """A model that has learnt to sing letters as tones, and what it learnt from."""

    wav: Path
    run: Path
    dataset: Dataset


@pytest.fixture(scope="session")
def tones(tmp_path_factory) -> Tones:
    folder = tmp_path_factory.mktemp("tones")
    data = prepared_tones(folder, speakers=2, utterances=4, letters=5, seed=1)
    settings = {
        "device": "cpu",
        "arch": "transformer", "arch.d_model": "64", "arch.n_layers": "2", "arch.n_heads": "2", "arch.dropout": "0.0",
        "steps": "200", "lr": "2e-3", "warmup": "20", "checkpoint_every": "200", "batching.seconds": "96",
        "model.level_distribution": "list", "model.level_weights": "[0.7, 0.1, 0.1, 0.1]",
    }  # fmt: skip
    train(settings, data, folder / "run")
    return Tones(wav=folder / "wav", run=folder / "run", dataset=open_dataset(data, part="train"))


@pytest.fixture(scope="session")
def tone_model(tones):
    return load_model(tones.run, Registry.open(), device=torch.device("cpu"))
