"""What a recognizer makes of recordings of any length, many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from valle_core.plugin import UserError
from valle_data.preparation.encoding import batches_by_length
from valle_data.preparation.transcription.pauses import Window, windows
from valle_data.preparation.transcription.segments import moved, part, within
from valle_language.recognition import RecognizedSegment, Recognizer, TimedWord, Transcript

Wav = Float[np.ndarray, "N"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcription:
    """What is said in a recording.

    Attributes:
        segments: in order, in seconds of the recording.
        language: tag that was given, or the one that most of the speech is in.
        votes: seconds of speech by language, where it was detected.
    """

    segments: tuple[RecognizedSegment, ...]
    language: str
    votes: Mapping[str, float]


class Transcriber:
    """A recognizer with what it may do and where.

    Attributes:
        recognizer: on `device`.
        capabilities: words of its kind that it declares.
        batch_seconds: of audio in one batch, padding included.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        capabilities: frozenset[str],
        *,
        batch_seconds: float = 120.0,
        device: torch.device | None = None,
    ) -> None:
        self.recognizer = recognizer
        self.capabilities = capabilities
        self.batch_seconds = batch_seconds
        self._device = device or torch.device("cpu")

    def transcribe(self, wavs: Sequence[Wav], languages: Sequence[str | None]) -> list[Transcription]:
        """Each recording in its language; None lets the recognizer detect it, window by window."""
        rate = self.recognizer.sample_rate
        cuts = [windows(wav, rate, self.recognizer.max_seconds) for wav in wavs]
        rows = [
            (wav[one.start : one.end], tag) for wav, cut, tag in zip(wavs, cuts, languages, strict=True) for one in cut
        ]
        found: list[Transcript | None] = [None] * len(rows)
        for batch in self._batches([wav for wav, _ in rows]):
            with torch.no_grad():
                transcripts = self.recognizer.transcribe(
                    *self._padded([rows[row][0] for row in batch]), languages=[rows[row][1] for row in batch]
                )
            for row, transcript in zip(batch, transcripts, strict=True):
                found[row] = transcript
        transcripts = iter(found)
        return [
            _joined([(window, next(transcripts)) for window in cut], rate, tag, len(wav) / rate)  # type: ignore[misc]
            for wav, cut, tag in zip(wavs, cuts, languages, strict=True)
        ]

    def align(self, wavs: Sequence[Wav], texts: Sequence[str], languages: Sequence[str]) -> list[list[TimedWord] | str]:
        """The words of each text and when they are said, or why that cannot be told."""
        aligned: list[list[TimedWord] | str] = [""] * len(wavs)

        def call(rows: Sequence[int]) -> None:
            found = self.recognizer.align(
                *self._padded([wavs[row] for row in rows]),
                [texts[row] for row in rows],
                languages=[languages[row] for row in rows],
            )
            for row, words in zip(rows, found, strict=True):
                aligned[row] = list(words)

        with torch.no_grad():
            for batch in self._batches(wavs):
                try:
                    call(batch)
                except UserError:  # of one row; the others are aligned without it
                    for row in batch:
                        aligned[row] = _reason(lambda row=row: call([row])) or aligned[row]
        return aligned

    def _batches(self, wavs: Sequence[Wav]) -> list[list[int]]:
        bound = int(self.batch_seconds * self.recognizer.sample_rate)
        return [*batches_by_length([len(wav) for wav in wavs], bound)]

    def _padded(self, wavs: Sequence[Wav]) -> tuple[torch.Tensor, torch.Tensor]:
        lengths = torch.tensor([len(wav) for wav in wavs])
        batch = torch.zeros(len(wavs), int(lengths.max()))
        for row, wav in zip(batch, wavs, strict=True):
            row[: len(wav)] = torch.from_numpy(np.ascontiguousarray(wav))
        return batch.to(self._device), lengths.to(self._device)


def _reason(call: Callable[[], None]) -> str:
    try:
        call()
    except UserError as error:
        return str(error)
    return ""


def _joined(
    found: Sequence[tuple[Window, Transcript]], rate: int, language: str | None, seconds: float
) -> Transcription:
    """The windows of a recording as one: what each keeps, in the recording's time, apart and in order."""
    segments: list[RecognizedSegment] = []
    votes: dict[str, float] = {}
    for window, transcript in found:
        for one in transcript.segments:
            kept = _kept(moved(one, window.start / rate), window.keep_start / rate, window.keep_end / rate)
            if kept is None:
                continue
            segments.append(within(kept, segments[-1].end if segments else 0.0, seconds))
            votes[transcript.language] = votes.get(transcript.language, 0.0) + kept.end - kept.start
    tag = language or _winner(votes) or found[0][1].language
    return Transcription(segments=tuple(segments), language=tag, votes=votes if language is None else {})


def _kept(segment: RecognizedSegment, start: float, end: float) -> RecognizedSegment | None:
    """The words whose middle lies in start … end; of a segment without words all of it, by its own middle."""

    def inside(one: TimedWord | RecognizedSegment) -> bool:
        return start <= (one.start + one.end) / 2 < end

    if not segment.words:
        return segment if inside(segment) else None
    places = [index for index, word in enumerate(segment.words) if inside(word)]
    return part(segment, places[0], places[-1] + 1) if places else None


def _winner(votes: Mapping[str, float]) -> str:
    """The language with most seconds, the first by name of equals, "" of none."""
    return min(votes, key=lambda tag: (-votes[tag], tag), default="")
