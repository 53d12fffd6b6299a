"""Names of judges: versions of packages and hashes of weights, and sound that a judge can take."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jaxtyping import Float

from valle_language.measuring import Sound

FAINTEST = 1e-3
"""Largest sample of a sound that is silence: −60 dB of full scale."""


def named(*packages: str) -> dict[str, str]:
    """Versions of distributions."""
    return {package: version(package) for package in packages}


def weights_hash(files: Sequence[Path]) -> str:
    """16 hexadecimal digits of all the files together."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def audible(sound: Sound, seconds: float) -> Float[np.ndarray, "N"] | None:
    """Finite samples in [−1, 1]; None where they are fewer than `seconds` or silent."""
    wav = np.nan_to_num(sound.wav.detach().cpu().float().numpy().copy()).clip(-1, 1)
    return wav if sound.seconds >= seconds and float(np.abs(wav).max(initial=0.0)) >= FAINTEST else None
