"""Lets the shipped voice say the samples of the README: `docs/audio/NAME.wav` and their spectrograms.

python docs/samples.py    # files are committed; run again after the voice or its decoding changed

Nothing is chosen: each sentence is said once, with random seed 0, as `valle synth TEXT --voice NAME --seed 0` says it.
Another processor rounds differently, so its samples may differ in detail. README.md says what a recognizer writes down:
`valle transcribe FOLDER --out t.jsonl --recognizer whisper-tiny --language en`, the samples as FOLDER/VOICE/NAME.wav.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import valle

if TYPE_CHECKING:
    from valle_core.synthesis.request import Speech

DOCS = Path(__file__).parent
FLOOR, CEILING = -75, 0
PAPER, INK, COLOURS = "#ffffff", "#1b2733", 64


@dataclass(frozen=True, slots=True)
class Sample:
    """A sentence, and the saved voice that says it."""

    name: str
    voice: str
    text: str


SAMPLES = (
    Sample("ben", "ben", "The old sailor told his story, and nobody in the room believed a word of it."),
    Sample("clara", "clara", "Give it two seconds of a voice, and it will read any sentence you like."),
)


def main() -> None:
    """Say, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of audio/ and images/")
    out = parser.parse_args().out
    voice = valle.load()
    for sample in SAMPLES:
        speech = voice.speak(sample.text, voice=sample.voice, seed=0)
        for path in write(sample, speech, out):
            print(f"wrote {path} ({path.stat().st_size / 1000:.0f} kB)")


def write(sample: Sample, speech: Speech, out: Path) -> tuple[Path, Path]:
    """The sound as 16-bit wav, and its spectrogram. Returns both paths."""
    audio, image = out / "audio" / f"{sample.name}.wav", out / "images" / f"sample-{sample.name}.png"
    for path in (audio, image):
        path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(audio, speech.wav.numpy(), speech.sample_rate, subtype="PCM_16")
    drawn = io.BytesIO()
    drawing(sample, speech).savefig(drawn, dpi=110)
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(image, optimize=True)  # a third of the size
    return audio, image


def drawing(sample: Sample, speech: Speech) -> Figure:
    """Log-magnitude spectrogram, with the words where the model says them."""
    figure = Figure(figsize=(8.0, 2.6), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    levels = spectrum(speech.wav.numpy())
    axes.imshow(
        levels, origin="lower", aspect="auto", cmap="magma", vmin=FLOOR, vmax=CEILING,
        extent=(0, speech.seconds, 0, speech.sample_rate / 2000),
    )  # fmt: skip
    axes.set_ylabel("kHz", color=INK, fontsize=9)
    axes.set_xlabel("seconds", color=INK, fontsize=9)
    axes.set_title(f"{sample.voice}: “{sample.text}”", color=INK, fontsize=10, loc="left", pad=20)
    axes.tick_params(labelsize=8, colors=INK)
    for word in speech.words:
        axes.axvline(word.start, color="#ffffff", lw=0.5, alpha=0.5)
        middle = (word.start + word.end) / 2
        axes.annotate(
            word.symbols, (middle, 1.02), xycoords=("data", "axes fraction"), ha="center", fontsize=7, color=INK
        )
    return figure


def spectrum(wav: np.ndarray) -> np.ndarray:
    """Levels [frequencies, frames] in dB below the loudest: Hann windows of 32 ms every 5 ms at 16 kHz."""
    window, hop = 512, 80
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wav, window // 2), window)[::hop]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(window), axis=-1)).T
    return 20 * np.log10(np.maximum(magnitude / magnitude.max(), 1e-6))


if __name__ == "__main__":
    main()
