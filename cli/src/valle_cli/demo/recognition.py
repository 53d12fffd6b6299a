"""A recognizer's verdict with a closed grammar: which of these sentences was said, if any (pocketsphinx)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from jaxtyping import Float

from valle_cli.demo.word_errors import wer, words
from valle_core.audio.wav import resample
from valle_core.plugin import UserError

_RATE = 16_000
_PEAK = 0.5
_DITHER = (
    1e-3  # of full scale; digital silence has no log energy and cost synthetic voices up to 40 % of their verdicts
)
_LONGEST = 30.0  # seconds handed to the recognizer
_SCALE = 1024.0  # pocketsphinx keeps acoustic log-likelihoods divided by 2¹⁰


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the recognizer made of a sound.

    Attributes:
        expected: the sentence that should have been said.
        heard: the sentence of the list that fits best, or None where none fits (as of noise and garbled speech).
        recognised: whether `heard` is `expected`.
        wer: word error rate of `heard` against `expected`; 1 where nothing was heard.
        fit: log-likelihood per second of the best sentence against sounds chosen freely, ≤ 0: about −120 … −280 for
            clean speech, to −400 through one level of a coarse codec, −inf where no sentence reached its end.
        margin: log-likelihood per second by which `heard` beats every other sentence; infinite where no other
            reached its end, 0 where nothing was heard.
    """

    expected: str
    heard: str | None
    recognised: bool
    wer: float
    fit: float
    margin: float


class ClosedGrammar:
    """Chooses among given sentences. Verdicts do not depend on what was judged before."""

    def __init__(self, sentences: Sequence[str], *, seed: int = 0, least_fit: float = -430.0) -> None:
        """
        Args:
            sentences: two or more, without repeats; case and punctuation are ignored.
            seed: decides the order of the sentences in the grammar.
            least_fit: sentences that fit worse are not heard. The default kept all of 192 sounds, spoken or
                through a codec with 8, 2 and 1 levels, and one of 48 cut into 0.1 s and shuffled.

        Raises:
            UserError: pocketsphinx is missing, or its dictionary lacks a word, or sentences repeat.
        """
        self.sentences = tuple(" ".join(words(sentence)) for sentence in sentences)
        self._least_fit = least_fit
        self._check()
        order = list(self.sentences)
        Random(seed).shuffle(order)
        self._order = tuple(order)

    def judge(self, wav: Float[np.ndarray, "N"], sample_rate: int, expected: str) -> Verdict:
        """Which sentence was said in `wav`, and was it `expected`?

        Raises:
            UserError: `expected` is not one of the sentences.
        """
        wanted = " ".join(words(expected))
        if wanted not in self.sentences:
            raise UserError(f"'{expected}' is not among the {len(self.sentences)} sentences of the grammar")
        pcm = self._prepared(wav, sample_rate)
        seconds = len(pcm) / 2 / _RATE
        decoder = _decoder()
        heard, likelihood = self._best(decoder, pcm, self._order)
        fit, margin = likelihood / seconds, 0.0
        if fit < self._least_fit:
            heard = None
        if heard is not None:
            rival, second = self._best(decoder, pcm, [other for other in self._order if other != heard])
            margin = math.inf if rival is None else (likelihood - second) / seconds
        return Verdict(
            expected=wanted,
            heard=heard,
            recognised=heard == wanted,
            wer=wer(wanted, heard or ""),
            fit=fit,
            margin=margin,
        )

    def _check(self) -> None:
        if len(set(self.sentences)) < max(2, len(self.sentences)) or not all(self.sentences):
            raise UserError("a closed grammar needs two or more sentences that differ and are not empty")
        decoder = _decoder()
        vocabulary = sorted({word for sentence in self.sentences for word in words(sentence)})
        unknown = [word for word in vocabulary if decoder.lookup_word(word) is None]
        if unknown:
            raise UserError(f"pocketsphinx's dictionary lacks {', '.join(unknown)}. Use other words")

    def _best(self, decoder: Any, pcm: bytes, sentences: Sequence[str]) -> tuple[str | None, float]:
        """The sentence and its log-likelihood; None and −inf where no sentence reached its end."""
        text = f"#JSGF V1.0;\ngrammar closed;\npublic <sentence> = {' | '.join(sentences)};\n"
        decoder.add_jsgf_string("closed", text)
        decoder.activate_search("closed")
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        if found is None or found.hypstr not in self.sentences:
            return None, -math.inf
        return found.hypstr, _SCALE * math.log(max(found.score, 1e-300))

    def _prepared(self, wav: Float[np.ndarray, "N"], sample_rate: int) -> bytes:
        """16-bit samples at 16 kHz of one loudness, with a little noise; the same for the same sound."""
        sound = np.nan_to_num(np.asarray(wav, dtype=np.float32))[: int(_LONGEST * sample_rate)]
        if len(sound) < 0.1 * sample_rate:
            sound = np.zeros(round(0.1 * sample_rate), dtype=np.float32)
        sound = resample(sound, sample_rate, _RATE)
        sound = sound * (_PEAK / max(float(np.abs(sound).max()), 1e-4))
        sound = sound + np.random.default_rng(0).normal(scale=_DITHER, size=len(sound))
        return (np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes()


def _decoder() -> Any:
    """A fresh recognizer (0.1 s): a used one starts the next sound from where the last one left its scoring."""
    try:
        import pocketsphinx
    except ModuleNotFoundError as error:
        raise UserError("the recognizer needs pocketsphinx. Install it with: pip install pocketsphinx") from error

    models = Path(pocketsphinx.get_model_path("en-us"))
    return pocketsphinx.Decoder(
        hmm=str(models / "en-us"),
        dict=str(models / "cmudict-en-us.dict"),
        lm=None,
        samprate=_RATE,
        cmn="batch",  # "live" would carry a mean from one sound to the next
        loglevel="FATAL",
    )
