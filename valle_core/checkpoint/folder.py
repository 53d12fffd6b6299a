"""A run's folder: checkpoints appear whole or not at all, and survive kill -9 at any moment.

    RUN/config.yaml · RUN/metrics.jsonl · RUN/loss.png
    RUN/checkpoints/step-00000100/{manifest.json, model.yaml, model.safetensors, …}

A checkpoint is written under a temporary name, flushed to the disk and then renamed; the newest complete folder
is the latest one, so there is no pointer that could go stale.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from valle_core.checkpoint.manifest import Manifest
from valle_core.plugin import UserError

_STEP = re.compile(r"^step-(\d{8,})$")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curve(self) -> Path:
        return self.path / "loss.png"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, ascending."""
        if not self.checkpoints.is_dir():
            return []
        return sorted(int(m[1]) for entry in self.checkpoints.iterdir() if (m := _STEP.match(entry.name)))

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:08d}"

    def latest(self) -> Path:
        """Raises `UserError` when this is no run or nothing has been saved yet."""
        if not self.path.is_dir():
            raise UserError(f"{self.path}: no such run; give the folder that `valle train --out` wrote")
        steps = self.steps()
        if not steps:
            raise UserError(f"{self.path}: not a run (it has no checkpoints/step-… folder)")
        return self.checkpoint(steps[-1])


def find_checkpoint(path: Path) -> Path:
    """A run folder's newest checkpoint, or the checkpoint folder itself."""
    return path if (path / "manifest.json").is_file() else RunFolder(path).latest()


def save_checkpoint(
    run: RunFolder,
    manifest: Manifest,
    model_config: str,
    tensors: Mapping[str, Mapping[str, Tensor]],
    *,
    keep: int,
) -> Path:
    """Write one checkpoint and drop all but the newest `keep` (0 keeps all).

    Args:
        run: the run.
        manifest: its `step` names the folder.
        model_config: YAML of the model's parts and options (`valle_core.assemble.model`).
        tensors: file stem → tensors by name; "model" is required.
        keep: how many checkpoints to leave.

    Raises:
        UserError: the disk refused (full, read-only); nothing half-written stays and older checkpoints are kept.
    """
    final = run.checkpoint(manifest.step)
    writing = run.checkpoints / f".writing-{manifest.step:08d}-{os.getpid()}"
    try:
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        _drop_leftovers(run)
        writing.mkdir()
        for stem, found in tensors.items():
            save_file(
                {name: t.detach().contiguous().cpu() for name, t in found.items()}, writing / f"{stem}.safetensors"
            )
            _flush(writing / f"{stem}.safetensors")
        for name, text in (("model.yaml", model_config), ("manifest.json", manifest.to_json())):
            (writing / name).write_text(text, encoding="utf-8")
            _flush(writing / name)
        if final.exists():  # the same step saved again: the old one leaves only when the new one is whole
            aside = run.checkpoints / f".old-{manifest.step:08d}-{os.getpid()}"
            os.replace(final, aside)
        os.replace(writing, final)
        _flush(run.checkpoints)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(writing, ignore_errors=True)
        raise UserError(
            f"cannot save a checkpoint under {run.path}: {_reason(error)}; make room and resume with --resume"
        ) from error
    except BaseException:  # Ctrl-C while saving
        shutil.rmtree(writing, ignore_errors=True)
        raise
    _drop_leftovers(run)
    if keep:
        for step in run.steps()[:-keep]:
            shutil.rmtree(run.checkpoint(step), ignore_errors=True)
    return final


def read_manifest(checkpoint: Path) -> Manifest:
    """The manifest of a checkpoint folder. Raises `UserError` if it is missing, damaged or of another format."""
    path = checkpoint / "manifest.json"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{checkpoint}: not a checkpoint ({error})") from None
    return Manifest.from_json(text, str(path))


def read_tensors(checkpoint: Path, stem: str) -> dict[str, Tensor]:
    """Tensors of one file of a checkpoint. Raises `UserError` if it is missing or truncated."""
    path = checkpoint / f"{stem}.safetensors"
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path}: cannot be read, the file is damaged or truncated ({error}); use another checkpoint of the run"
        ) from None


def _drop_leftovers(run: RunFolder) -> None:
    """Temporary folders of writers that no longer live; an interrupted replacement is put back."""
    for entry in run.checkpoints.iterdir():
        if entry.name.startswith(".old-"):
            final = run.checkpoints / f"step-{entry.name.split('-')[1]}"
            if not final.exists():
                os.replace(entry, final)
        if entry.name.startswith((".old-", ".writing-")):
            shutil.rmtree(entry, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
