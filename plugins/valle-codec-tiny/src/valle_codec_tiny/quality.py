"""PESQ-wb and STOI of reconstructions from the first L levels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from valle_codec_tiny.features import SAMPLE_RATE
from valle_core.plugin import UserError

LEVELS = (1, 2, 4, 8)


def score(
    clips: Sequence[Float[Tensor, "N"]],
    reconstruct: Callable[[Float[Tensor, "N"], int], Float[Tensor, "N"]],
    levels: Sequence[int] = LEVELS,
) -> dict[int, dict[str, float]]:
    """Means over the clips, by number of levels; `reconstruct(clip, levels)` returns at least the clip's length."""
    try:
        from pesq import NoUtterancesError, pesq
        from pystoi import stoi
    except ImportError as error:
        raise UserError(f"{error.name} is missing. Install it with: pip install 'valle-codec-tiny[train]'") from error
    table: dict[int, dict[str, float]] = {}
    for number in levels:
        quality, intelligibility = [], []
        for clip in clips:
            reference = clip.numpy()
            answer = reconstruct(clip, number).numpy()[: len(reference)]
            try:
                quality.append(pesq(SAMPLE_RATE, reference, answer, "wb"))
            except NoUtterancesError:
                quality.append(1.0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                intelligibility.append(stoi(reference, answer, SAMPLE_RATE))
        table[number] = {"pesq": float(np.mean(quality)), "stoi": float(np.mean(intelligibility))}
    return table
