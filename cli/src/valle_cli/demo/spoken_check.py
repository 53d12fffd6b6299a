"""Does a model say what it was asked to? A recognizer's verdict beside the controls that make it worth something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch

from valle_cli.demo.recognition import SentenceRecognizer, Verdict
from valle_core.interfaces import Codec
from valle_core.synthesis.request import Request, Speech
from valle_core.synthesis.synthesizer import Synthesizer
from valle_data.audio.reading import load
from valle_data.speakers import voice_similarity


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One way of making the sentences, judged against the sentences.

    Attributes:
        name: what was done.
        must: whether the sentences have to be recognised, or have to be not.
        verdicts: one per sentence.
    """

    name: str
    must: bool
    verdicts: tuple[Verdict, ...]

    @property
    def recognised(self) -> int:
        """Sentences that were recognised."""
        return sum(verdict.recognised for verdict in self.verdicts)

    @property
    def wer(self) -> float:
        """Mean word error rate."""
        return float(np.mean([verdict.wer for verdict in self.verdicts]))

    @property
    def passed(self) -> bool:
        """At least three quarters recognised where they must be; at most one in eight where they must not."""
        share = self.recognised / len(self.verdicts)
        return share >= 0.75 if self.must else share <= 0.125


def judge(name: str, wavs: Sequence[np.ndarray], rate: int, recognizer: SentenceRecognizer, *, must: bool) -> Trial:
    """Verdicts on one recording per sentence the recognizer knows, in their order."""
    verdicts = tuple(
        recognizer.judge(wav, rate, sentence) for wav, sentence in zip(wavs, recognizer.sentences, strict=True)
    )
    return Trial(name=name, must=must, verdicts=verdicts)


def say_all(
    synthesizer: Synthesizer, texts: Sequence[str], prompt: Path, *, seed: int, max_seconds: float = 4.0
) -> list[Speech]:
    """All texts in the voice of one prompt, as one batch."""
    return synthesizer(
        [
            Request(text=text, prompt=prompt, seed=seed + index, max_seconds=max_seconds)
            for index, text in enumerate(texts)
        ]
    )


def shuffle_words(sentences: Sequence[str], seed: int) -> list[str]:
    """Each sentence made of words of all of them, as many as it had: the same words and sounds, no sentence."""
    rng = Random(f"shuffled words {seed}")
    words = [word for sentence in sentences for word in sentence.split()]
    rng.shuffle(words)
    taken, shuffled = 0, []
    for sentence in sentences:
        count = len(sentence.split())
        shuffled.append(" ".join(words[taken : taken + count]))
        taken += count
    return shuffled


@torch.inference_mode()
def through_codec(paths: Sequence[Path], codec: Codec, levels: int, *, device: torch.device) -> list[np.ndarray]:
    """Recordings encoded and decoded by the first `levels` levels of a codec that lives on `device`."""
    wavs = []
    for path in paths:
        wav = torch.from_numpy(load(path, codec.sample_rate))[None].to(device)
        codes, frames = codec.encode(wav, torch.tensor([wav.shape[1]], device=device))
        back, lengths = codec.decode(codes[:, :, :levels], frames)
        wavs.append(back[0, : int(lengths[0])].cpu().numpy())
    return wavs


def mean_similarity(speeches: Sequence[Speech], reference: Path) -> float:
    """How alike the voices are to a recording, 0 … 1 (see `voice_similarity`)."""
    rate = speeches[0].sample_rate
    wav = load(reference, rate)
    return float(np.mean([voice_similarity(speech.wav.numpy(), wav, rate) for speech in speeches]))
