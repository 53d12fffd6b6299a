"""Recordings of noise to mix speech with: six kinds, made from a random seed, so that nothing has to be recorded.

    python benchmarks/studies/made_noise.py noises --seed 1
    valle prepare-noise noises --out noise --codec small

White, pink and brown noise, the hum of mains with its harmonics, a fan (low noise that beats with its blades) and rain
(clicks at random over faint hiss). Each file has its own level, colour and rate, at 16 kHz.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from valle_core.audio.wav import write

RATE = 16_000
Wave = Float[np.ndarray, "N"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--files", type=int, default=10, help="of each kind")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each file")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    samples = int(given.seconds * RATE)
    for kind, make in KINDS.items():
        for number in range(given.files):
            rng = np.random.default_rng([given.seed, *kind.encode(), number])
            wave = make(rng, samples)
            wave *= rng.uniform(0.05, 0.2) / max(np.sqrt(np.mean(wave**2)), 1e-9)
            write(given.out / kind / f"{number:02}.wav", np.clip(wave, -1, 1).astype(np.float32), RATE)


def coloured(rng: np.random.Generator, samples: int, slope: float) -> Wave:
    """Noise whose amplitude falls with frequency to the power of `slope`, from 40 Hz up."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / RATE)
    return np.fft.irfft(spectrum * np.maximum(frequency, 40.0) ** -slope * (frequency > 40), samples)


def white(rng: np.random.Generator, samples: int) -> Wave:
    return coloured(rng, samples, rng.uniform(0, 0.2))


def pink(rng: np.random.Generator, samples: int) -> Wave:
    return coloured(rng, samples, rng.uniform(0.4, 0.6))


def brown(rng: np.random.Generator, samples: int) -> Wave:
    return coloured(rng, samples, rng.uniform(0.9, 1.1))


def hum(rng: np.random.Generator, samples: int) -> Wave:
    time, base = np.arange(samples) / RATE, rng.choice([50.0, 60.0, 100.0, 120.0])
    tones = (
        rng.uniform(0.2, 1) / number * np.sin(2 * np.pi * (base * number * time + rng.uniform()))
        for number in range(1, 13)
    )
    return np.sum([*tones], axis=0) + 0.02 * rng.standard_normal(samples)


def fan(rng: np.random.Generator, samples: int) -> Wave:
    time = np.arange(samples) / RATE
    beat = 1 + rng.uniform(0.3, 0.8) * np.sin(2 * np.pi * (rng.uniform(4, 20) * time + rng.uniform()))
    sound = coloured(rng, samples, rng.uniform(0.6, 0.9))
    return beat * sound / np.sqrt(np.mean(sound**2))


def rain(rng: np.random.Generator, samples: int) -> Wave:
    drops = (rng.uniform(size=samples) < rng.uniform(30, 200) / RATE) * rng.standard_normal(samples)
    decay = np.exp(-np.arange(200) / rng.uniform(10, 50))
    return np.convolve(drops, decay * rng.standard_normal(200))[:samples] + 0.02 * rng.standard_normal(samples)


KINDS: dict[str, Callable[[np.random.Generator, int], Wave]] = {
    "white": white,
    "pink": pink,
    "brown": brown,
    "hum": hum,
    "fan": fan,
    "rain": rain,
}

if __name__ == "__main__":
    main()
