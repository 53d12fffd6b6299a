"""PESQ and STOI: a sound against the recording it was made from, sample by sample."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float

from valle_core.plugin import UserError
from valle_eval.metrics.options import NoOptions
from valle_eval.metrics.weights import audible, named
from valle_language.measuring import Clip, Figure, Score

SHORTEST = 0.5
"""Seconds: PESQ needs a quarter of one, STOI thirty frames of speech."""

APART = 0.1
"""Seconds by which two durations may differ; beyond, the sound was not made from it."""


def build_pesq(options: NoOptions, *, device: torch.device) -> Pesq:
    """Factory of the metric `pesq`."""
    return Pesq()


def build_stoi(options: NoOptions, *, device: torch.device) -> Stoi:
    """Factory of the metric `stoi`."""
    return Stoi()


def _pair(clip: Clip, name: str) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]] | None:
    """Source and sound of one length; None where they are too short, silent, or not of one length."""
    if clip.source is None:
        raise UserError(f"metric '{name}' needs the recording a sound was made from. Give a column `source`")
    source, sound = audible(clip.source, SHORTEST), audible(clip.sound, SHORTEST)
    if source is None or sound is None or abs(clip.source.seconds - clip.sound.seconds) > APART:
        return None
    length = min(len(source), len(sound))
    return source[:length], sound[:length]


class Pesq:
    """A `valle_language.measuring.Metric`."""

    sample_rate = 16_000
    figures: Sequence[Figure] = (Figure(name="pesq", better="higher", summary="PESQ wideband, 1 to 4.64"),)

    def identity(self) -> Mapping[str, str]:
        """The package."""
        return {**named("pesq"), "mode": "wb"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing where PESQ finds no utterance."""
        from pesq import PesqError, pesq

        pair = _pair(clip, "pesq")
        if pair is None:
            return {}
        try:
            value = float(pesq(self.sample_rate, *pair, "wb"))
        except PesqError:
            return {}
        return {"pesq": Score(amount=value)} if np.isfinite(value) else {}


class Stoi:
    """A `valle_language.measuring.Metric`."""

    sample_rate = 10_000
    figures: Sequence[Figure] = (Figure(name="stoi", better="higher", summary="STOI, 0 to 1", digits=3),)

    def identity(self) -> Mapping[str, str]:
        """The package."""
        return {**named("pystoi"), "extended": "no"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing where there are too few frames of speech."""
        from pystoi import stoi

        pair = _pair(clip, "stoi")
        if pair is None:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                value = float(stoi(*pair, self.sample_rate))
            except RuntimeWarning:
                return {}
        return {"stoi": Score(amount=value)} if np.isfinite(value) else {}
