"""What is exported: a checkpoint, with the weights that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from valle_core.api import (
    Manifest,
    RunFolder,
    UserError,
    find_checkpoint,
    read_checkpoint_tensors,
    read_manifest,
    saved_file,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A checkpoint that was read.

    Attributes:
        run: folder of its run, or None where a checkpoint was named that lies in none.
        checkpoint: its folder.
        manifest: what it says of itself.
        config: its model.yaml.
        tensors: the weights by name.
    """

    run: RunFolder | None
    checkpoint: Path
    manifest: Manifest
    config: str
    tensors: Mapping[str, Tensor]


def open_source(path: Path, weights: Literal["average", "current"]) -> Source:
    """A run's newest checkpoint, or the checkpoint that is named.

    A run with `--average` speaks with the moving average and goes on from other weights: `weights` picks one of them.
    In a run without, both are the same.

    Raises:
        UserError: no run, or damaged files.
    """
    checkpoint = find_checkpoint(path)
    manifest = read_manifest(checkpoint)
    averaged = (checkpoint / "current.safetensors").exists()
    stem = "current" if averaged and weights == "current" else "model"
    run = checkpoint.parent.parent
    return Source(
        run=RunFolder(run) if (run / "metrics.jsonl").is_file() else None,
        checkpoint=checkpoint,
        manifest=manifest,
        config=saved_file(checkpoint, "model.yaml").read_text(encoding="utf-8"),
        tensors=read_checkpoint_tensors(checkpoint, stem),
    )


def refuse_undefined(tensors: Mapping[str, Tensor], checkpoint: Path) -> None:
    """Raises `UserError` where a weight is no number: nothing could be spoken with it."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(f"{checkpoint}: '{name}' has values that are not finite; export another checkpoint")
