"""A run's folder: checkpoints appear whole or not at all, and survive kill -9 at any moment.

    RUN/config.yaml · RUN/metrics.jsonl · RUN/loss.png
    RUN/checkpoints/step-00000100/{manifest.json, model.yaml, model.safetensors, …}

The manifest holds the SHA-256 of the files beside it, which are compared before anything of them is used.

A checkpoint is written under a temporary name, flushed to the disk and then renamed; the newest complete folder
is the latest one, so there is no pointer that could go stale.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from valle_core.checkpoint.manifest import FORMAT_VERSION, Manifest
from valle_core.plugin import UserError
from valle_core.reading import tensors as stored_tensors
from valle_core.reading.json_text import read_bytes
from valle_core.reading.place import inside

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
        (writing / "model.yaml").write_text(model_config, encoding="utf-8")
        files = {path.name: _hash(path) for path in sorted(writing.iterdir())}
        described = replace(manifest, files=files, format_version=FORMAT_VERSION)
        (writing / "manifest.json").write_text(described.to_json(), encoding="utf-8")
        for name in ("model.yaml", "manifest.json"):
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
    """The manifest of a checkpoint folder.

    Raises:
        UserError: it is missing, damaged, of another format, or of another step than its folder says.
    """
    path = checkpoint / "manifest.json"
    try:
        inside(checkpoint, path.name)
        text = read_bytes(path).decode("utf-8")
    except (OSError, ValueError) as why:
        raise UserError(f"{checkpoint}: not a checkpoint ({_reason(why)}); use another checkpoint of the run") from None
    manifest = Manifest.from_json(text, str(path))
    if (named := _STEP.match(checkpoint.name)) and int(named[1]) != manifest.step:
        raise UserError(f"{path}: is of step {manifest.step}, unlike its folder; use another checkpoint of the run")
    return replace(manifest, codec_options=_beside(manifest.codec_options, checkpoint))


def _beside(options: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    """Options of a codec; those that name files in the checkpoint's own folder `codec` with where that lies now."""
    own = {name: value for name, value in options.items() if re.fullmatch(r"codec(/\w[\w.-]*)+", str(value))}
    return {**options, **{name: str(checkpoint / value) for name, value in own.items()}}


def read_tensors(checkpoint: Path, stem: str) -> dict[str, Tensor]:
    """Tensors of one file of a checkpoint. Raises `UserError` if it is missing, damaged or not what was saved."""
    path = checkpoint / f"{stem}.safetensors"
    try:
        return stored_tensors.read_tensors(saved_file(checkpoint, path.name))
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise damaged(path, error) from None


def saved_file(checkpoint: Path, name: str) -> Path:
    """A file of a checkpoint that is as it was saved; the oldest checkpoints do not say how that was.

    Raises:
        UserError: it is missing, leads out of the folder, or has another hash than the manifest says.
    """
    manifest = read_manifest(checkpoint)
    try:
        path = inside(checkpoint, name)
        if (manifest.files or manifest.format_version > 1) and manifest.files.get(name) != _hash(path):
            raise ValueError("its SHA-256 is not that of the manifest")
    except (OSError, ValueError) as error:
        raise damaged(checkpoint / name, error) from None
    return path


def damaged(path: Path, error: Exception) -> UserError:
    """What is said of a file of a checkpoint that cannot be used."""
    why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
    return UserError(
        f"{path}: cannot be read, the file is damaged or truncated ({why}); use another checkpoint of the run"
    )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
