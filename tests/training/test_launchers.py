"""The commands that docs/train.md gives for several processes train what one process trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from valle_core.checkpoint.folder import RunFolder
from valle_core.config.resolve import resolve
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.run import run_training
from valle_kit.init_from import start_from

SETTINGS = {
    "arch": "transformer", "arch.d_model": "16", "arch.n_layers": "1", "arch.n_heads": "2", "steps": "3",
    "log_every": "1", "device": "cpu", "batching.seconds": "2", "text_gain_every": "0",
}  # fmt: skip
LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--nproc-per-node", "2", "--standalone"],
    "accelerate": ["accelerate.commands.launch", "--multi-gpu", "--num-processes", "2", "--main-process-port", "0"],
}


def alone(data: Path, out: Path, **changes: str) -> list[float]:
    flags = SETTINGS | {"data": str(data), "out": str(out)} | changes
    resolved = resolve(TRAIN_SCHEMA, Registry.open(), flags=list(flags.items()))
    run_training(resolved, Registry.open(), Observers(), start_from=start_from)
    return losses(out)


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in RunFolder(out).metrics.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_starts_the_command_in_every_process(launcher, tone_dataset, tmp_path):
    flags = SETTINGS | {"data": str(tone_dataset), "out": str(tmp_path / "two")}
    words = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value)]
    command = [sys.executable, "-m", *LAUNCHERS[launcher], "-m", "valle_cli", "train", *words, "--quiet"]
    started = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert started.returncode == 0, started.stderr
    assert losses(tmp_path / "two") == pytest.approx(alone(tone_dataset, tmp_path / "one", accumulate="2"), abs=1e-5)


def test_a_checkpoint_of_two_processes_goes_on_in_one_as_if_it_had_never_been_two(tone_dataset, tmp_path):
    """With what two would have saved; `test_two_processes.py` has them."""
    whole = alone(tone_dataset, tmp_path / "whole", accumulate="2", steps="3")
    alone(tone_dataset, tmp_path / "run", accumulate="2", steps="1")
    manifest = next((tmp_path / "run" / "checkpoints").glob("*/manifest.json"))
    text = json.loads(manifest.read_text())
    assert (text["progress"]["stream"]["world"], text["progress"]["stream"]["batch"]) == (1, 2)
    text["progress"]["stream"] |= {"world": 2, "batch": 1}
    manifest.write_text(json.dumps(text))
    assert alone(tone_dataset, tmp_path / "run", accumulate="2", steps="3", resume="true") == whole
