"""Makes `tests/golden/run`: a checkpoint as the present format writes it. Run once per format, commit the result.

python tests/golden/make_run.py
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import torch

from valle_core.checkpoint.folder import RunFolder
from valle_core.checkpoint.load import load_model
from valle_core.registry.registry import Registry
from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import pack
from valle_core.types import TaskInputs
from valle_data.testing import prepared_tones
from valle_testing.runs import train

HERE = Path(__file__).parent


def rows(num_levels: int):
    """One row per level of fixed codes."""
    codes = torch.arange(5 * num_levels).view(5, num_levels) % 32
    inputs = TaskInputs(text=torch.tensor([2, 3, 4]), language=0, prompt=codes[:3], response=codes)
    return [
        lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level])
        for level in range(num_levels)
    ]


@torch.inference_mode()
def logits(run: Path) -> dict[str, list[list[float]]]:
    """The first three logits of every answered position, by level."""
    model = load_model(run, Registry.open(), device=torch.device("cpu")).model
    found = model(pack(rows(model.vocabulary.num_levels), model.rules)).logits
    return {str(level): values[:, :3].double().tolist() for level, values in found.items()}


def main() -> None:
    """Train two steps and keep the checkpoint with the logits it gives."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        settings = {
            "device": "cpu", "steps": "2", "arch": "transformer",
            "arch.d_model": "8", "arch.n_layers": "1", "arch.n_heads": "2", "batching.seconds": "8",
        }  # fmt: skip
        train(settings, prepared_tones(work), work / "run")
        step = RunFolder(work / "run").latest()
        target = RunFolder(HERE / "run").checkpoints / step.name
        shutil.rmtree(HERE / "run", ignore_errors=True)
        target.mkdir(parents=True)
        for name in ("manifest.json", "model.yaml", "model.safetensors"):
            shutil.copy(step / name, target / name)
        (HERE / "logits.json").write_text(json.dumps(logits(HERE / "run")) + "\n")


if __name__ == "__main__":
    main()
