"""From a checkpoint to a run: the same run goes on exactly, or a new one starts from the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from valle_core.checkpoint.folder import RunFolder, damaged, read_manifest, read_tensors
from valle_core.checkpoint.manifest import Manifest
from valle_core.codes.identity import require_same
from valle_core.model.codec_lm import CodecLM
from valle_core.plugin import UserError
from valle_core.reading.tensors import check_tensors
from valle_core.registry.identity import changes, warn
from valle_core.training.averaging import Average
from valle_core.training.examples import ExampleStream
from valle_core.training.optimizer import load_optimizer_tensors
from valle_core.training.processes import Processes


def named_checkpoint(run: RunFolder, name: str) -> Path:
    """The checkpoint of a run by the name of its folder or its step; the newest for "".

    Raises:
        UserError: it has none of that name, or none at all.
    """
    newest = run.latest()
    if not name:
        return newest
    folders = [run.checkpoint(step) for step in run.steps()]
    for folder in folders:
        if name in (folder.name, str(int(folder.name.removeprefix("step-")))) or Path(name) == folder:
            return folder
    there = ", ".join(folder.name for folder in folders)
    raise UserError(f"{run.path} has no checkpoint '{name}'. There are: {there}")


def restore(
    model: CodecLM,
    average: Average,
    optimizer: Any,
    stream: ExampleStream,
    run: RunFolder,
    checkpoint: Path,
    wanted: Manifest,
    processes: Processes,
) -> int:
    """Continue from a checkpoint of the run; returns its step. Warns of plugins of another version.

    Raises:
        UserError: a damaged checkpoint, or one of another shape, other data, codes or rewrites than `wanted`.
    """
    accelerator = processes.accelerator
    with _others_named(run, checkpoint):
        manifest = read_manifest(checkpoint)
        averaged, state, random = (read_tensors(checkpoint, stem) for stem in ("model", "optimizer", "random"))
        weights = read_tensors(checkpoint, "current") if "current.safetensors" in manifest.files else averaged
    refuse_other_data(manifest, wanted, checkpoint)
    for line in changes(manifest.plugins, wanted.plugins, str(checkpoint)):
        warn(line)
    hint = "resume with the options of the run (its config.yaml)"
    refuse_other_parts(manifest, wanted, checkpoint, hint, ("arch", "rewrite", "optimizer"))
    with fitting(checkpoint, hint):
        for found in (weights, averaged):
            check_tensors(found, model.state_dict())
    with _others_named(run, checkpoint):
        try:
            load_optimizer_tensors(model, optimizer, state, whole=manifest.format_version > 1)
        except UserError as error:
            raise UserError(f"{checkpoint}: {error}; use another checkpoint of the run") from None
        model.load_state_dict(weights)
        average.restore(averaged, manifest.step)
        restore_random(processes.own_random(random), accelerator.device, checkpoint)
    try:
        if accelerator.scaler is not None and "scaler" in manifest.progress:
            accelerator.scaler.load_state_dict(dict(manifest.progress["scaler"]))
        stream.load_state_dict(manifest.progress["stream"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if isinstance(error, UserError):
            raise UserError(
                f"{error}. A new run may start from its weights: --init-from {run.path} --out NEW"
            ) from None
        raise UserError(
            f"{checkpoint / 'manifest.json'}: where the data stood is damaged ({error!r}); "
            f"use another checkpoint of the run{_others(run, checkpoint)}"
        ) from None
    return manifest.step


def restore_random(states: Mapping[str, Tensor], device: torch.device, checkpoint: Path) -> None:
    """Put the random states of a run back. Raises `UserError` unless they are states."""
    wanted = {"cpu": torch.get_rng_state()}
    if device.type == "cuda" and "cuda" in states:
        wanted["cuda"] = torch.cuda.get_rng_state(device)
    try:
        check_tensors({name: state for name, state in states.items() if name in wanted}, wanted)
        torch.set_rng_state(states["cpu"])
        if "cuda" in wanted:
            torch.cuda.set_rng_state(states["cuda"], device)
    except (ValueError, RuntimeError) as error:
        raise damaged(checkpoint / "random.safetensors", error) from None


def refuse_other_data(found: Manifest, wanted: Manifest, checkpoint: Path) -> None:
    """Raises `UserError` unless a checkpoint's codes, symbols, languages and task tokens mean what the run's do."""
    require_same(found.codec, wanted.codec, f"{checkpoint} was trained on codes of")
    if (found.task_tokens, found.writes) != (wanted.task_tokens, wanted.writes):
        flags = " ".join(f"--task {name}" for name in found.tasks)
        raise UserError(f"{checkpoint} was trained with {flags}; resume with the same, or begin anew with --init-from")
    for name in ("symbols", "languages"):
        before, now = getattr(found, name), getattr(wanted, name)
        if before != now:
            other = [*(f"-{one}" for one in before if one not in now), *(f"+{one}" for one in now if one not in before)]
            which = f" ({' '.join(other[:8])})" if other else " (in another order)"
            raise UserError(
                f"{checkpoint} was trained with other {name} than the dataset has{which}; resume with its dataset"
            )


def refuse_other_parts(
    found: Manifest, wanted: Manifest, checkpoint: Path, hint: str, kinds: Sequence[str] = ("arch", "rewrite")
) -> None:
    """Raises `UserError` for another arch or other rewrites: weights may fit and mean something else."""
    for kind in kinds:
        before, now = (
            [plugin.name.rpartition(":")[2] for plugin in manifest.plugins if plugin.kind == kind]
            for manifest in (found, wanted)
        )
        if before != now:
            flags = " ".join(f"--{kind} {name}" for name in before) or f"no --{kind}"
            raise UserError(f"{checkpoint} was trained with {flags}; {hint}")


@contextmanager
def fitting(checkpoint: Path, hint: str) -> Iterator[None]:
    """A `ValueError` becomes a refusal of the checkpoint's shape."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{checkpoint}: made by a model of another shape ({error}); {hint}") from None


@contextmanager
def _others_named(run: RunFolder, checkpoint: Path) -> Iterator[None]:
    """A damaged checkpoint's message names the nearest other one of the run."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{error}{_others(run, checkpoint)}") from error.__cause__


def _others(run: RunFolder, checkpoint: Path) -> str:
    others = [run.checkpoint(step).name for step in run.steps() if run.checkpoint(step).name != checkpoint.name]
    older = [name for name in others if name < checkpoint.name]
    if not others:
        return ". It is the only one there"
    return f": --resume --checkpoint {older[-1] if older else others[0]}"
