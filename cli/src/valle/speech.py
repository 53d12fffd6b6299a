"""What a speaker gives back: sound that can be kept, looked at, and played in a notebook."""

from __future__ import annotations

import wave
from base64 import b64encode
from dataclasses import dataclass, fields
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from valle.options import PathLike, named
from valle_core.audio.wav import write
from valle_core.synthesis.request import Request
from valle_core.synthesis.request import Speech as Answer


class SpeechWarning(UserWarning):
    """Something that a listener should know: a cut prompt, an unknown phoneme, a speech that ran into its bound."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Speech(Answer):
    """One text as it was said.

    A notebook plays it: `speech` alone in a cell shows an audio player.

    Attributes:
        text: that was said.
        language: its tag.
        seed: random seed it was said with.
        detected: what `language="auto"` found, as a line to show, or "".
        warnings: what the listener should know, one line each.
        wav: [N] in [−1, 1], a torch tensor; `samples` is the same as an array.
        sample_rate: Hz.
        codes: [F, Q] codec codes it was decoded from; they may be another text's `prompt`.
        symbols: phonemes that were said.
        stopped: False when it ran into `max_seconds` instead of ending by itself.
        unknown: phonemes the model has never seen, with counts.
        remarks: those of the warnings that are about the prompt.
        times: [P + 1] seconds at which each symbol begins and the last one ends; empty without an alignment.
    """

    text: str
    language: str
    seed: int
    detected: str = ""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Answer, request: Request, language: str, detected: str = "") -> Speech:
        """A synthesizer's answer to a request, with what was asked for."""
        kept = {field.name: getattr(answer, field.name) for field in fields(Answer)}
        return cls(
            **kept,
            text=request.text,
            language=language,
            seed=request.seed,
            detected=detected,
            warnings=tuple(answer.notes(request)),
        )

    @property
    def samples(self) -> NDArray[np.float32]:
        """[N] float32 in [−1, 1], at `sample_rate`."""
        return self.wav.numpy().astype(np.float32, copy=False)

    def save(self, path: PathLike) -> Path:
        """Write the sound as wav (16 bits), flac or ogg, by the ending, and return the path.

        The file appears whole or not at all; folders that are missing are made.

        Raises:
            UserError: another ending, or a place that cannot be written to.
        """
        target = named(path, "the file")
        write(target, self.samples, self.sample_rate)
        return target

    def spectrogram(self, path: PathLike) -> Path:
        """Draw the log-mel spectrogram (80 bands, every 10 ms) as a PNG, and return the path."""
        from valle_data.audio.spectrogram import draw

        target = named(path, "the picture")
        draw(target, {self.text: self.samples}, self.sample_rate)
        return target

    def __repr__(self) -> str:
        return f"Speech({self.text!r:.60}, {self.seconds:.2f} s at {self.sample_rate} Hz)"

    def _repr_html_(self) -> str:
        """An audio player with the text and the warnings, for notebooks."""
        source = f"data:audio/wav;base64,{b64encode(self._encoded()).decode('ascii')}"
        lines = [
            f"<figcaption>{escape(self.text)}</figcaption>",
            f'<audio controls preload="auto" aria-label="{escape(self.text)}" src="{source}"></audio>',
            *(f"<div>warning: {escape(line)}</div>" for line in self.warnings),
        ]
        return f"<figure>{''.join(lines)}</figure>"

    def _encoded(self) -> bytes:
        """A wav file of 16 bits."""
        encoded = BytesIO()
        with wave.open(encoded, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.sample_rate)
            file.writeframes((np.clip(self.samples, -1, 1) * 32767).round().astype("<i2").tobytes())
        return encoded.getvalue()
