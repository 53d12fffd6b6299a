"""Fills a voice box: two runs and the clips of a dataset → `ar`, `nar`, `voices.safetensors`, `voice.json`.

python plugins/valle-voice/tools/export_voice.py --ar RUN … --nar RUN … --data DATA [--voices TABLE] [--out FOLDER]

A run is a run folder (its newest checkpoint) or a checkpoint folder; of several, which must have begun with the same
weights, the box gets the mean (2203.05482). TABLE has an object a line: name, speaker, sounds,
and `id` of the clip where the longest that fits is not the one wanted. The box appears whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from valle_voice.plugin import FOLDER
from valle_voice.shrinking import shrunk

from valle_core.checkpoint.folder import (
    RunFolder,
    find_checkpoint,
    read_manifest,
    read_tensors,
    save_checkpoint,
    saved_file,
)
from valle_core.plugin import UserError
from valle_core.reading.tensors import read_tensors as read_file

MOST_BYTES = 20_000_000
SAMPLERS = ({"name": "temperature", "t": 0.6}, {"name": "top_p", "p": 0.9}, {"name": "sample"})
DURATIONS = "usual"
"""With the samplers, chosen on the preset box: benchmarks/results/voice.md."""
CLIP_SECONDS = (1.2, 2.0)
"""Shortest and longest saved prompt: the model learns on prompts of 1 to 2 s."""


def mean(checkpoints: Sequence[Path]) -> dict[str, torch.Tensor]:
    """Of their weights; what is not a floating-point number is that of the last.

    Raises:
        UserError: their tensors differ in name or shape.
    """
    several = [read_tensors(checkpoint, "model") for checkpoint in checkpoints]
    shapes = [{name: value.shape for name, value in one.items()} for one in several]
    for checkpoint, one in zip(checkpoints, shapes, strict=True):
        if one != shapes[-1]:
            raise UserError(f"{checkpoint} has other tensors than {checkpoints[-1]}; give runs of one model")
    return {
        name: torch.stack([one[name].double() for one in several]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in several[-1].items()
    }


def export_half(runs: Sequence[Path], parts: str, out: Path) -> None:
    """One checkpoint in few bytes, without what only training needs; of several runs the mean."""
    checkpoints = [find_checkpoint(run) for run in runs]
    manifest = read_manifest(checkpoints[-1])
    config = saved_file(checkpoints[-1], "model.yaml").read_text(encoding="utf-8")
    if f"parts: {parts}" not in config:
        raise UserError(f"{checkpoints[-1]}: was not trained with --model.parts {parts}; give another run")
    tensors = shrunk(mean(checkpoints), parts=parts)
    with tempfile.TemporaryDirectory(dir=out.parent) as work:
        saved = save_checkpoint(
            RunFolder(Path(work)), replace(manifest, progress={}, files={}), config, {"model": tensors}, keep=1
        )
        os.replace(saved, out)


def clips(data: Path, wanted: Sequence[Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Name of a voice → the row of the dataset whose codes stand for it."""
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text(encoding="utf-8").splitlines()]
    found: dict[str, dict[str, Any]] = {}
    for voice in wanted:
        fitting = [row for row in rows if row["speaker"] == voice["speaker"]]
        if "id" in voice:
            fitting = [row for row in fitting if row["id"] == voice["id"]]
        else:
            fitting = [row for row in fitting if CLIP_SECONDS[0] <= row["seconds"] <= CLIP_SECONDS[1]]
        if not fitting:
            raise UserError(f"{data} has no clip for the voice '{voice['name']}' ({voice['speaker']})")
        found[voice["name"]] = max(fitting, key=lambda row: row["seconds"])
    return found


def export(ar: Sequence[Path], nar: Sequence[Path], data: Path, voices: Path, out: Path) -> int:
    """Write the box and give its size in bytes. Raises `UserError` where it is larger than it may be."""
    wanted = [json.loads(line) for line in voices.read_text(encoding="utf-8").splitlines() if line.strip()]
    chosen = clips(data, wanted)
    writing = out.with_name(f".{out.name}.writing")
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir(parents=True)
    try:
        export_half(ar, "ar", writing / "ar")
        export_half(nar, "nar", writing / "nar")
        codes = {name: read_file(data / row["location"])["codes"].to(torch.int16) for name, row in chosen.items()}
        save_file({name: value.contiguous() for name, value in codes.items()}, writing / "voices.safetensors")
        described = {
            "format_version": 1,
            "samplers": SAMPLERS,
            "durations": DURATIONS,
            "voices": [
                {"name": voice["name"], "sounds": voice["sounds"], "seconds": chosen[voice["name"]]["seconds"]}
                for voice in wanted
            ],
        }
        (writing / "voice.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        files = [path for path in writing.rglob("*") if path.is_file()]
        for path in files:
            path.chmod(0o644)  # safetensors writes for the owner alone, and a package is read by all
        size = sum(path.stat().st_size for path in files)
        if size > MOST_BYTES:
            raise UserError(f"the box has {size} bytes, and may have {MOST_BYTES}; train smaller halves")
        shutil.rmtree(out, ignore_errors=True)
        os.replace(writing, out)
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ar", type=Path, nargs="+", required=True)
    parser.add_argument("--nar", type=Path, nargs="+", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--voices", type=Path, default=Path(__file__).with_name("voices.jsonl"))
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args()
    size = export(given.ar, given.nar, given.data, given.voices, given.out)
    print(f"{given.out}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
