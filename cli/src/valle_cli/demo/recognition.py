"""Which of a list of sentences was said, if any: the verdict of a recognizer that knows nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from valle_cli.demo.word_errors import wer, words
from valle_core.assemble.part import build
from valle_core.audio.wav import resample
from valle_core.config.resolve import resolve
from valle_core.config.schema import Schema, Slot
from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_language.recognition import Recognizer

_LANGUAGE = "en-us"
_LONGEST = 30.0  # seconds of a sound that are transcribed
_PAUSE = 10.0  # seconds: a sentence is judged whole, whatever pauses it was said with


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the recognizer made of a sound.

    Attributes:
        expected: the sentence that should have been said.
        hypothesis: the sentence of the list that fits best, or None where none fits (as of noise and garbled speech).
        recognised: whether `hypothesis` is `expected`.
        wer: word error rate of `hypothesis` against `expected`; 1 where nothing was recognized.
    """

    expected: str
    hypothesis: str | None
    recognised: bool
    wer: float


class SentenceRecognizer:
    """Chooses among the sentences of a file, one per line. Verdicts do not depend on what was judged before."""

    def __init__(self, file: Path, registry: Registry | None = None) -> None:
        """Raises `UserError` where the plugin is missing, or the file cannot be used (see its option `sentences`)."""
        registry = registry or Registry.open()
        options = {"name": "pocketsphinx", "sentences": str(file), "pause": _PAUSE}
        resolved = resolve(Schema(slots=(Slot("recognizer", "recognizer", options),)), registry)
        (selected,) = preflight(registry, resolved.choices())["recognizer"]
        part = resolved.part("recognizer")
        self._recognizer: Recognizer = build(selected, part.options, device=torch.device("cpu"))
        self.sentences = tuple(_plain(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip())

    def judge(self, wav: Float[np.ndarray, "N"], sample_rate: int, expected: str) -> Verdict:
        """Which sentence was said in `wav`, and was it `expected`?

        Raises:
            UserError: `expected` is not one of the sentences.
        """
        wanted = _plain(expected)
        if wanted not in self.sentences:
            raise UserError(f"'{expected}' is not among the {len(self.sentences)} sentences of the recognizer")
        sound = np.asarray(wav, dtype=np.float32)[: int(_LONGEST * sample_rate)]
        rows = torch.from_numpy(resample(sound, sample_rate, self._recognizer.sample_rate))[None]
        lengths = torch.tensor([rows.shape[1]])
        (found,) = self._recognizer.transcribe(rows, lengths, languages=[_LANGUAGE])
        hypothesis = _plain(" ".join(segment.text for segment in found.segments))
        return Verdict(
            expected=wanted,
            hypothesis=hypothesis or None,
            recognised=hypothesis == wanted,
            wer=wer(wanted, hypothesis) if hypothesis else 1.0,
        )


def _plain(sentence: str) -> str:
    return " ".join(words(sentence))
