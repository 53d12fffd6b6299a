"""Adapters put on a model about to speak (`valle synth --adapter A --adapter B=0.5`), merged where that is exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from valle_core.api import LoadedModel, UserError
from valle_lora.adapters import Saved, add, fingerprint, merge_all, read


def speak_with(halves: Sequence[LoadedModel], given: Sequence[str]) -> None:
    """Put adapters, in their order, on the halves that they were trained on.

    Those that act at all levels of their half are merged into its weights.

    Args:
        halves: levels 0 and ≥ 1; they may be the same model.
        given: `FOLDER` or `FOLDER=SCALE` of each.

    Raises:
        UserError: one is damaged, of other weights, or changes a tensor that another changes too.
    """
    models = {id(half.model): half for half in halves}
    for half in models.values():
        if (dtype := next(half.model.parameters()).dtype) != torch.float32:
            raise UserError(f"adapters are put on weights of float32, got {dtype}; leave --dtype out, or merge them")
    marks = {fingerprint(half.model): half for half in models.values()}
    changed: dict[str, dict[str, Path]] = {mark: {} for mark in marks}
    for folder, scale in map(folder_and_scale, given):
        saved = read(folder)
        add(_half_of(saved, folder, marks), saved, scale, folder, changed[saved.base])
    for half in models.values():
        merge_all(half)


def folder_and_scale(given: str) -> tuple[Path, float]:
    """Raises `UserError` for a scale that is no number."""
    folder, equals, scale = given.rpartition("=")
    if not equals or Path(given).is_dir():
        return Path(given), 1.0
    try:
        number = float(scale)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"--adapter {given}: the scale must be a number, as in {folder}=0.5, got {scale!r}")
    return Path(folder), number


def _half_of(saved: Saved, folder: Path, marks: dict[str, LoadedModel]) -> LoadedModel:
    if saved.base not in marks:
        there = " and ".join(str(half.path) for half in marks.values())
        raise UserError(f"{folder} was trained on other weights than those of {there}, on a model of {saved.arch}")
    return marks[saved.base]
