"""A corpus as people send it: many formats, rates, channels and names, and ten files that cannot be used."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from valle_testing.fakes.audio import tone_speech

_FORMATS = (
    ("wav", "PCM_U8", 8_000, 1), ("wav", "PCM_16", 16_000, 1), ("flac", "PCM_16", 22_050, 2),
    ("wav", "PCM_24", 44_100, 2), ("ogg", "VORBIS", 24_000, 1), ("wav", "FLOAT", 48_000, 7),
    ("mp3", "MPEG_LAYER_III", 44_100, 2), ("flac", "PCM_24", 16_000, 7), ("wav", "PCM_32", 11_025, 1),
    ("mp3", "MPEG_LAYER_III", 16_000, 1), ("wav", "DOUBLE", 32_000, 2),
)  # fmt: skip
_SPEAKERS = ("train/anna", "train/Ґалина Ñúñez", "train/音声", "held-out/bob", "held-out/eve")
_TEXT = "a red door opens and the boat sails over green water while seven birds sing in an old tree"
_LONG_NAME = "x" * 250  # with `.json`, all that most file systems allow
MAX_SECONDS = 5.0
"""Bound for which the one recording that is too long is too long."""


def mixed_corpus(folder: Path, *, count: int = 200, seed: int = 0) -> dict[str, str]:
    """Write `folder/{group}/{speaker}/*` with `.txt` beside: `count` good recordings and ten bad ones
    (one of them has the name of a good one).

    Returns:
        The reason for which each bad one must be left out, by its id in the report.
    """
    rng, words = Random(f"mixed corpus {seed}"), _TEXT.split()
    for number, speaker, (suffix, subtype, rate, channels) in zip(
        range(count - 1), cycle(_SPEAKERS), cycle(_FORMATS), strict=False
    ):
        name = {0: _LONG_NAME, 1: "größe – 声 001", 2: "with.dots.in it"}.get(number, f"{number:04d}")
        text = " ".join(rng.choice(words) for _ in range(rng.randint(3, 5)))
        mono = tone_speech(text, speaker=number, sample_rate=rate, letter_seconds=0.05)
        path = folder / speaker / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.repeat(mono[:, None], channels, axis=1), rate, format=suffix.upper(), subtype=subtype)
        path.with_name(f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")
    return _bad_ones(folder / _SPEAKERS[0])


def _bad_ones(speaker: Path) -> dict[str, str]:
    good = tone_speech("the boat sails")
    wavs = {
        "bad not finite.wav": np.full(16_000, np.nan, dtype=np.float32),
        "bad too short.wav": good[:800],
        "bad too long.wav": np.tile(good, 9),
        "bad no transcript.wav": good,
        "bad empty transcript.wav": good,
        "bad transcript bytes.wav": good,
        "bad cut.mp3": good,
        "bad twin.flac": good,
        "bad twin.wav": good,
    }
    for name, wav in wavs.items():
        subtype = {".wav": "FLOAT", ".flac": "PCM_16", ".mp3": "MPEG_LAYER_III"}[Path(name).suffix]
        soundfile.write(speaker / name, wav, 16_000, subtype=subtype)
    whole = (speaker / "bad cut.mp3").read_bytes()
    (speaker / "bad cut.mp3").write_bytes(whole[: len(whole) // 2])  # its header promises the other half
    (speaker / "bad text.wav").write_text("this is not audio\n")
    (speaker / "bad no bytes.flac").touch()
    for name in {Path(name).stem for name in (*wavs, "bad text.wav", "bad no bytes.flac")} - {"bad no transcript"}:
        content = {"bad empty transcript": b" \n", "bad transcript bytes": b"\xff\xfe boat"}.get(
            name, b"the boat sails"
        )
        (speaker / f"{name}.txt").write_bytes(content)
    reasons = {
        "bad not finite": "bad-audio",
        "bad too short": "too-short",
        "bad too long": "too-long",
        "bad no transcript": "no-transcript",
        "bad empty transcript": "empty-transcript",
        "bad transcript bytes": "bad-transcript",
        "bad cut": "bad-audio",
        "bad text": "bad-audio",
        "bad no bytes": "bad-audio",
        "bad twin.wav": "same-name",
    }
    folder = "/".join(speaker.parts[-2:])
    return {f"{folder}/{name}": reason for name, reason in reasons.items()}
