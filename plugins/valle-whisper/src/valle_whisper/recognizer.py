"""The recognizer `whisper`: batches of rows → transcripts with word times, and alignment of known text."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.codes.identity import hash_tensors
from valle_core.plugin import UserError
from valle_kit.codes.rows import check_wav
from valle_language.recognition import RecognizedSegment, TimedWord, Transcript
from valle_whisper.alignment import attend, token_frames
from valle_whisper.decoding import FALLBACK, Decoder, Outcome, compression_ratio, pad_frames
from valle_whisper.features import LOUDNESS_HOP_SECONDS, log_mel, loudness, mel_filters
from valle_whisper.languages import UNSPACED, accepted, tag_of, whisper_code
from valle_whisper.options import WhisperOptions
from valle_whisper.parts import Parts
from valle_whisper.segments import SECONDS_PER_STEP, Stretch, islands, milliseconds, sound_bounds, split_window, within
from valle_whisper.weights import load, with_visible_attention
from valle_whisper.words import Spelling, Written

_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class _Row:
    """A row under way: `done` seconds are transcribed; `parts` are what silences leave of it, the first under way."""

    wav: Float[Tensor, "n"]
    loudness: Float[np.ndarray, "t"]
    seconds: float
    code: str | None
    parts: list[tuple[float, float]]
    done: float = 0.0
    mel: Float[Tensor, "M T"] | None = None
    segments: list[RecognizedSegment] = field(default_factory=list)

    def levels(self, start: float, end: float) -> Float[np.ndarray, "t"]:
        """Loudness of a stretch."""
        return self.loudness[round(start / LOUDNESS_HOP_SECONDS) : round(end / LOUDNESS_HOP_SECONDS + 0.5)]


class WhisperRecognizer:
    """A `valle_language.recognition.Recognizer`."""

    def __init__(self, parts: Parts, options: WhisperOptions, device: torch.device) -> None:
        self.options, self.device, self.sound = options, device, parts.sound
        self.sample_rate: int = parts.sound.sample_rate
        self.max_seconds: float | None = float(parts.sound.seconds)
        with_visible_attention(parts.model).to(device, getattr(torch, options.dtype))  # pyright: ignore
        self.decoder = Decoder(parts, beams=options.beams)
        self.spelling = Spelling(parts.tokenizer)
        self._filters = mel_filters(parts.sound).to(device)

    def languages(self) -> Sequence[str]:
        """The model's languages, with usual regions."""
        return list(accepted(self.decoder.languages or ("en",)))

    def identity(self) -> Mapping[str, str]:
        """See `valle_language.recognition.KnowsItself`."""
        return {"weights": hash_tensors(self.decoder.model.state_dict()), "transformers": version("transformers")}

    @torch.inference_mode()
    def transcribe(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], *, languages: Sequence[str | None]
    ) -> Sequence[Transcript]:
        """What was said in each row.

        Raises:
            UserError: a language the model does not have, a row beyond the window, or audio that is none.
        """
        self._check_count(wav, languages=languages)
        codes = [None if tag is None else self._code(tag) for tag in languages]
        rows = [self._row(part, code) for part, code in zip(self._parts(wav, lengths), codes, strict=True)]
        for start in range(0, len(rows), self.options.batch):
            pending = rows[start : start + self.options.batch]
            while pending := [row for row in pending if self._more(row)]:
                self._hear_windows(pending)
        return [
            Transcript(segments=tuple(row.segments), language=tag_of(self._detected(row)) if tag is None else tag)
            for row, tag in zip(rows, languages, strict=True)
        ]

    @torch.inference_mode()
    def align(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], texts: Sequence[str], *, languages: Sequence[str]
    ) -> Sequence[Sequence[TimedWord]]:
        """Where each word of `texts` was said, by forced decoding.

        Raises:
            UserError: as `transcribe`; a text without words or beyond the model's room; a silent row.
        """
        self._check_count(wav, languages=languages, texts=texts)
        codes = [self._code(tag) for tag in languages]
        spelt = [self._spelt(text, code) for text, code in zip(texts, codes, strict=True)]
        found = []
        for index, (part, code) in enumerate(zip(self._parts(wav, lengths), codes, strict=True)):
            row = self._row(part, code)
            if self._silent(row.loudness):
                raise UserError(f"row {index + 1} is silent, so no word has a place in it. Leave it out")
            states = self.decoder.encode(self._mel(part)[None])
            timed = self._timed(states, code, *spelt[index], seconds=row.seconds)
            found.append(within(timed, *sound_bounds(row.loudness, row.seconds)))
        return found

    def _detected(self, row: _Row) -> str:
        """The row's language; of a silent one, what the network would guess."""
        return row.code or self.decoder.detect(self.decoder.encode(self._mel(row.wav)[None]))[1][0]

    def _hear_windows(self, rows: Sequence[_Row]) -> None:
        """Decode the next window of each row."""
        states = self.decoder.encode(torch.stack([self._window(row) for row in rows]))
        silences, codes = self.decoder.detect(states)
        for row, code in zip(rows, codes, strict=True):
            row.code = row.code or code
        outcomes = self.decoder.decode(states, [row.code or "en" for row in rows])
        for index, row in enumerate(rows):
            state = states[index : index + 1]
            outcome = self._reliable(state, row.code or "en", outcomes[index], silences[index])
            left = row.parts[0][1] - row.done
            if outcome is None:
                row.done += left
                continue
            stretches, done = split_window(outcome.tokens, first=self.decoder.timestamps, seconds=left)
            kept = [part for part in stretches if part.end > part.start and self.spelling.text(part.tokens)]
            row.segments += self._segments(row, state, kept)
            row.done += done

    def _reliable(self, state: Tensor, code: str, outcome: Outcome, silence: float) -> Outcome | None:
        """The outcome, one of a further try, or None for silence and loops (arXiv 2212.04356 §4.5)."""
        limits = self.options
        for attempt, temperature in enumerate((0.0, *(FALLBACK if limits.fallback else ()))):
            if temperature:
                outcome = self.decoder.decode(state, [code], temperature=temperature, seed=limits.seed + attempt)[0]
            unlikely = outcome.logprob < limits.logprob
            if unlikely and silence > limits.no_speech:
                return None
            text = self.spelling.text([token for token in outcome.tokens if token < self.decoder.end])
            loops = bool(text) and 0 < limits.compression < compression_ratio(text)
            if not loops and not (unlikely and limits.fallback):
                return outcome
        if loops:
            _LOG.warning("left out a window that repeats itself: %s …", text[:60])
            return None
        return outcome

    def _segments(self, row: _Row, state: Tensor, stretches: Sequence[Stretch]) -> list[RecognizedSegment]:
        """The stretches of a window with their words timed, in seconds of the row."""
        code = row.code or "en"
        tokens = [token for part in stretches for token in part.tokens]
        begin, end = row.parts[0]
        low, high = (begin + bound for bound in sound_bounds(row.levels(begin, end), end - begin))
        segments, first = [], 0
        last = row.segments[-1].end if row.segments else 0.0
        frames = self._frames(state, code, tokens, end - row.done) if tokens else ((), ())
        for part in stretches:
            written = [
                Written(text=word.text, first=word.first + first, last=word.last + first)
                for word in self.spelling.words(part.tokens, unspaced=code in UNSPACED)
            ]
            first += len(part.tokens)
            start = min(max(row.done + part.start, low, last), high)
            stop = max(min(row.done + part.end, high), start)
            words = within(_timed(written, *frames, offset=row.done), start, stop)
            last = milliseconds(stop)
            segments.append(
                RecognizedSegment(
                    text=self.spelling.text(part.tokens),
                    start=words[0].start,
                    end=last,
                    words=tuple(words),
                )
            )
        return segments

    def _timed(
        self, states: Tensor, code: str, tokens: Sequence[int], written: Sequence[Written], *, seconds: float
    ) -> list[TimedWord]:
        return _timed(written, *self._frames(states, code, tokens, seconds))

    def _frames(
        self, states: Tensor, code: str, tokens: Sequence[int], seconds: float
    ) -> tuple[Sequence[int], Sequence[float]]:
        """Where each token begins and the last ends, in states of 20 ms; the probability of each."""
        prompt = self.decoder.prompt(code)
        forced = [*prompt, self.decoder.no_timestamps, *tokens, self.decoder.end]
        logits, weights = attend(self.decoder.model, states, forced, self.decoder.heads)
        count = max(int(seconds / SECONDS_PER_STEP + 1e-6), 1)
        weights = weights[..., :count]  # what the row holds; each token's weights then sum to 1 again
        weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-10)
        chances = logits[len(prompt) : -2, : self.decoder.end].softmax(-1)
        likely = chances[torch.arange(len(tokens)), torch.tensor(list(tokens))].tolist()
        return token_frames(weights, skip=len(prompt)).tolist(), likely

    def _spelt(self, text: str, code: str) -> tuple[list[int], list[Written]]:
        """The tokens of a text, and which of them write each of its words."""
        words = text.split()
        if not words:
            raise UserError(f"text {text!r} has no words to align. Give its transcript")
        tokens: list[int] = []
        written = []
        for place, word in enumerate(words):
            spelt = self.spelling.tokens(word, spaced=place > 0 or code not in UNSPACED)
            if not spelt or max(spelt) >= self.decoder.end:
                raise UserError(f"word '{word}' is one of Whisper's special tokens. Leave it out of the text")
            written.append(Written(text=word, first=len(tokens), last=len(tokens) + len(spelt) - 1))
            tokens += spelt
        room = self.decoder.room - len(self.decoder.prompt(code)) - 2
        if len(tokens) > room:
            raise UserError(
                f"a text of {len(tokens)} tokens is too long to align, {room} fit. Cut the audio and the text"
            )
        return tokens, written

    def _code(self, tag: str) -> str:
        return whisper_code(tag, self.decoder.languages or ("en",))

    def _check_count(self, wav: Tensor, **lists: Sequence[object]) -> None:
        for name, given in lists.items():
            if len(given) != len(wav):
                raise UserError(f"{len(given)} {name} for {len(wav)} rows of audio. Give one for each row")

    def _parts(self, wav: Tensor, lengths: Tensor) -> list[Tensor]:
        """The rows at their own lengths, on the device."""
        if wav.ndim == 2 and lengths.shape == wav.shape[:1]:  # what is behind a row's end is nobody's business
            behind = torch.arange(wav.shape[1], device=wav.device) >= lengths.to(wav.device)[:, None]
            wav = wav.masked_fill(behind, 0)
        checked = check_wav(wav, lengths)
        longest = int(lengths.max()) if len(lengths) else 0
        if longest > self.sound.samples:
            raise UserError(
                f"{longest / self.sample_rate:.2f} s of audio in a row, Whisper takes {self.sound.seconds} s at once. "
                "Cut it into slices"
            )
        return [row[:length].to(self.device) for row, length in zip(checked, lengths.tolist(), strict=True)]

    def _row(self, part: Float[Tensor, "n"], code: str | None) -> _Row:
        levels, seconds = loudness(part, self.sample_rate), len(part) / self.sample_rate
        parts = islands(levels, seconds, silence=self.options.silence)
        return _Row(wav=part, loudness=levels, seconds=seconds, code=code, parts=parts)

    def _mel(self, part: Float[Tensor, "n"]) -> Float[Tensor, "M T"]:
        return log_mel(part, self.sound, self._filters)

    def _window(self, row: _Row) -> Float[Tensor, "M T"]:
        """The spectrogram of a row's part from where it is transcribed."""
        begin, end = row.parts[0]
        if row.mel is None:
            row.mel = self._mel(row.wav[round(begin * self.sample_rate) : round(end * self.sample_rate)])
        first = round((row.done - begin) * self.sample_rate / self.sound.hop)
        return pad_frames(row.mel[:, first:], self.sound.frames)

    def _silent(self, levels: Float[np.ndarray, "t"]) -> bool:
        return not len(levels) or float(levels.max()) < self.options.silence

    def _more(self, row: _Row) -> bool:
        """Whether anything is left to transcribe; goes on to the next part where one is done."""
        while row.parts:
            begin, end = row.parts[0]
            row.done = max(row.done, begin)
            if end - row.done >= SECONDS_PER_STEP and not self._silent(row.levels(row.done, end)):
                return True
            row.parts.pop(0)
            row.mel = None
        return False


def _timed(
    written: Sequence[Written], starts: Sequence[int], likely: Sequence[float], *, offset: float = 0.0
) -> list[TimedWord]:
    """Words from where their tokens begin to where the next begins; as likely as their tokens on average."""
    return [
        TimedWord(
            text=word.text,
            start=offset + starts[word.first] * SECONDS_PER_STEP,
            end=offset + starts[word.last + 1] * SECONDS_PER_STEP,
            probability=float(np.mean(likely[word.first : word.last + 1])),
        )
        for word in written
    ]


def build(options: WhisperOptions, *, device: torch.device) -> WhisperRecognizer:
    """Factory of the registry entry `whisper`.

    Raises:
        UserError: no weights, or a half precision without a GPU.
    """
    if options.dtype != "float32" and torch.device(device).type == "cpu":
        raise UserError(f"recognizer 'whisper' computes in float32 on the CPU, not {options.dtype}. Give --device cuda")
    return WhisperRecognizer(load(options), options, torch.device(device))
