"""Some utterances of a dataset to listen to: decoded audio, and one page with players, texts and spectrograms."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path
from random import Random
from typing import Any

import torch

from valle_core.audio.wav import write
from valle_core.codes.identity import require_same
from valle_core.data.dataset import Dataset
from valle_core.data.record import IndexEntry
from valle_core.files import write_text
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_data.audio.spectrogram import draw

PAGE = "index.html"

_STYLE = """
body { font-family: sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #ccc; padding: 1rem 0; }
h2 { font-size: 1rem; margin: 0; } audio, img { display: block; max-width: 100%; margin-top: .5rem; }
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One decoded utterance.

    Attributes:
        row: its line of the index.
        phonemes: its symbols.
        wav, picture: files written.
    """

    row: IndexEntry
    phonemes: tuple[str, ...]
    wav: Path
    picture: Path

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        facts = {name: getattr(self.row, name) for name in ("id", "speaker", "language", "text", "seconds")}
        return {**facts, "wav": str(self.wav), "spectrogram": str(self.picture)}


def choose(dataset: Dataset, number: int, seed: int) -> list[str]:
    """At most `number` ids drawn by `seed`, sorted. Raises `UserError` for a number below 1."""
    if number < 1:
        raise UserError(f"the number of samples must be at least 1, got {number}")
    return sorted(Random(f"samples {seed}").sample(dataset.ids, min(number, len(dataset))))


def write_samples(
    dataset: Dataset, ids: list[str], codec: Codec, out: Path, *, device: torch.device, observers: Observers
) -> tuple[Path, list[Sample]]:
    """Decode these utterances into `out`: `1.wav`, `1.png`, … and a page that holds all of them in itself.

    All audio has passed the hook `after_audio` of `observers`.

    Raises:
        UserError: `codec` is another than the dataset's, a record is damaged, or `out` cannot be written to.
    """
    require_same(dataset.codec, codec.identity, f"dataset '{dataset.path}' holds codes of")
    samples = []
    for number, id in enumerate(ids, 1):
        record = dataset.record(id)
        frames = torch.tensor([len(record.codes)], device=device)
        wavs, lengths = codec.decode(record.codes.long()[None].to(device), frames)
        facts = {"utterance": id, "codec": codec.identity.name}
        processed = observers.after_audio(wavs[0, : int(lengths[0])].cpu(), codec.sample_rate, facts)
        wav = processed.numpy()
        sample = Sample(
            row=dataset.row(id), phonemes=record.phonemes, wav=out / f"{number}.wav", picture=out / f"{number}.png"
        )
        write(sample.wav, wav, codec.sample_rate)
        draw(sample.picture, {"log-mel spectrogram": wav}, codec.sample_rate)
        samples.append(sample)
    write_text(out / PAGE, _page(dataset, samples))
    return out / PAGE, samples


def _page(dataset: Dataset, samples: list[Sample]) -> str:
    title = escape(f"{len(samples)} of {len(dataset)} utterances of {dataset.path.resolve().name}")
    about = escape(f"Decoded from the stored codes of codec {dataset.codec.name}.")
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n<p>{about}</p>\n"
        + "\n".join(_section(sample) for sample in samples)
        + "\n</body>\n</html>\n"
    )


def _section(sample: Sample) -> str:
    row = sample.row
    facts = escape(f"{row.speaker} · {row.language} · {row.seconds:.2f} s")
    phonemes = escape(" ".join(sample.phonemes))
    return (
        f"<section><h2>{escape(row.id)}</h2><p>{escape(row.text)}</p><p><code>{phonemes}</code></p><p>{facts}</p>\n"
        f'<audio controls src="{_inside(sample.wav, "audio/wav")}"></audio>\n'
        f'<img alt="spectrogram of {escape(row.id)}" src="{_inside(sample.picture, "image/png")}"></section>'
    )


def _inside(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
