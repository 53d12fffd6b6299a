"""PESQ-wb and STOI of reconstructions from the first L levels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float
from torch import Tensor

from valle_codec_tiny.features import SAMPLE_RATE
from valle_core.plugin import UserError

LEVELS = (1, 2, 4, 8)


def has_pesq() -> bool:
    """Whether PESQ is installed; it is compiled when it is, so it is left to those who want it."""
    return find_spec("pesq") is not None


def score(
    clips: Sequence[Float[Tensor, "N"]],
    reconstruct: Callable[[Float[Tensor, "N"], int], Float[Tensor, "N"]],
    levels: Sequence[int] = LEVELS,
) -> dict[int, dict[str, float]]:
    """Mean `stoi`, and `pesq` where it is installed, over the clips, by number of levels.

    `reconstruct(clip, levels)` returns at least the clip's length.
    """
    if find_spec("pystoi") is None:
        raise UserError("pystoi is missing. Install it with: pip install pystoi")
    from pystoi import stoi

    measure = _pesq if has_pesq() else None
    table: dict[int, dict[str, float]] = {}
    for number in levels:
        pairs = [(clip.numpy(), reconstruct(clip, number).numpy()[: len(clip)]) for clip in clips]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table[number] = {"stoi": float(np.mean([stoi(clean, answer, SAMPLE_RATE) for clean, answer in pairs]))}
        if measure:
            table[number]["pesq"] = float(np.mean([measure(clean, answer) for clean, answer in pairs]))
    return table


def _pesq(clean: np.ndarray, answer: np.ndarray) -> float:
    from pesq import NoUtterancesError, pesq

    try:
        return pesq(SAMPLE_RATE, clean, answer, "wb")
    except NoUtterancesError:
        return 1.0
