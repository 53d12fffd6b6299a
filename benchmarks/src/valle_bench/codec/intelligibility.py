"""PESQ (ITU-T P.862.2, wide band) and STOI (Taal et al. 2011) of a sound against its reference."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from valle_bench.codec.optional import load
from valle_core.audio.wav import resample
from valle_core.plugin import UserError

_RATE = 16_000
_SHORTEST = 0.5  # seconds; STOI needs 30 frames of 12.8 ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Intelligibility:
    """Scores against a time-aligned reference.

    Attributes:
        pesq: mean opinion estimate, about 1.0 (bad) … 4.6 (equal); 1.0 where PESQ finds no speech in the reference.
        stoi: about 0 … 1.
    """

    pesq: float
    stoi: float


def compare(reference: Float[np.ndarray, "N"], degraded: Float[np.ndarray, "M"], sample_rate: int) -> Intelligibility:
    """Both sounds are taken at 16 kHz and cut to the shorter of the two; they must start together.

    Raises:
        UserError: pesq or pystoi is missing, or less than half a second is common to both.
    """
    pesq, pystoi = load("pesq", "PESQ"), load("pystoi", "STOI")
    length = min(len(reference), len(degraded))
    if length < _SHORTEST * sample_rate:
        raise UserError(f"PESQ and STOI need {_SHORTEST} s of audio, got {length / sample_rate:.2f} s")
    clean, answer = (
        resample(np.asarray(wav[:length], dtype=np.float32), sample_rate, _RATE) for wav in (reference, degraded)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pystoi warns where too little of the reference is speech; it then gives 1e-5
        stoi = float(pystoi.stoi(clean, answer, _RATE))
    try:
        opinion = float(pesq.pesq(_RATE, clean, answer, "wb"))
    except pesq.NoUtterancesError:
        opinion = 1.0
    return Intelligibility(pesq=opinion, stoi=stoi)
