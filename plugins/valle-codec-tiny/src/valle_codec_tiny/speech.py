"""Speech for training and evaluating the codecs: a folder `{group}/{speaker}/*.wav`, held in memory."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_codec_tiny.features import SAMPLE_RATE
from valle_codec_tiny.phones import STEP, UNKNOWN, PhoneLabels
from valle_core.plugin import UserError


def read_wav(path: Path) -> np.ndarray:
    """[N] int16 of a mono 16-bit file at `SAMPLE_RATE`."""
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            frames = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read '{path}': {why}. Give 16-bit mono wav files at {SAMPLE_RATE} Hz") from error
    if form != (SAMPLE_RATE, 1, 2):
        raise UserError(
            f"'{path}' has {form[0]} Hz, {form[1]} channels, {8 * form[2]} bit. Give {SAMPLE_RATE} Hz mono 16-bit "
            f"(valle corpus --sample-rate {SAMPLE_RATE})"
        )
    return np.frombuffer(frames, dtype="<i2")


def find_group(corpus: Path, group: str) -> list[Path]:
    """The group's files in a fixed order."""
    files = sorted((corpus / group).glob("*/*.wav"))
    if not files:
        raise UserError(f"no {group}/SPEAKER/*.wav under '{corpus}'. Make one with: valle corpus --out {corpus}")
    return files


class Crops:
    """Random pieces of the training group with random loudness, a pure function of the generator.

    Args:
        labels: phones of the recordings with their times, for `sounds_of`.
    """

    def __init__(self, corpus: Path, samples: int, labels: PhoneLabels | None = None) -> None:
        read = [(path, read_wav(path)) for path in find_group(corpus, "train")]
        named = [(path, piece) for path, piece in read if len(piece) > samples]
        pieces = [piece for _, piece in named]
        if not pieces:
            raise UserError(f"no file under '{corpus}/train' is longer than {samples / SAMPLE_RATE:.1f} s")
        self.samples = samples
        self.audio = torch.from_numpy(np.concatenate(pieces))
        lengths = torch.tensor([len(piece) for piece in pieces])
        self.starts = lengths.cumsum(0) - lengths
        self.room = lengths - samples
        self.chances = lengths.double() / lengths.sum()
        self.labels = None
        if labels is not None:
            self.labels = [labels.labels.get(path.relative_to(corpus).as_posix()) for path, _ in named]

    @property
    def minutes(self) -> float:
        return len(self.audio) / SAMPLE_RATE / 60

    def draw(self, count: int, generator: torch.Generator) -> Float[Tensor, "B N"]:
        """`count` crops, −12 … +3 dB."""
        return self.draw_known(count, generator)[0]

    def draw_known(
        self, count: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"], Int[Tensor, "B"]]:
        """The same with the recording of each crop and the sample at which it begins."""
        which = torch.multinomial(self.chances, count, replacement=True, generator=generator)
        place = (torch.rand(count, generator=generator) * self.room[which]).long() + self.starts[which]
        gain = 10 ** ((torch.rand(count, generator=generator) * 15 - 12) / 20) / 32768
        crops = torch.stack([self.audio[start : start + self.samples] for start in place.tolist()])
        return (crops.float() * gain[:, None]).clamp(-1, 1), which, place - self.starts[which]

    def sounds_of(self, which: Int[Tensor, "B"], start: Int[Tensor, "B"], frames: int, hop: int) -> Int[Tensor, "B F"]:
        """The sound in the middle of each frame of the crops; `UNKNOWN` where there is no label."""
        middles = start[:, None] + torch.arange(frames) * hop + hop // 2
        sounds = torch.full((len(which), frames), UNKNOWN)
        for row, recording in enumerate(which.tolist()):
            labels = self.labels[recording] if self.labels else None
            if labels is not None:
                sounds[row] = labels[(middles[row] // STEP).clamp(max=len(labels) - 1)]
        return sounds


def held_out(corpus: Path, count: int) -> list[Float[Tensor, "N"]]:
    """`count` held-out utterances spread evenly over the speakers (all of them for 0)."""
    files = sorted(find_group(corpus, "held-out"), key=lambda path: (path.name, path.parent.name))
    return [torch.from_numpy(read_wav(path).astype(np.float32) / 32768) for path in files[: count or None]]
