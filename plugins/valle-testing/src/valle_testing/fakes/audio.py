"""A quick codec, frontend and corpus with known facts, for tests that need no weights and no espeak-ng."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.audio.wav import write
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity, Phonemes

_LEVELS, _CODES = 4, 32
_FLOOR_DB, _STEP_DB = -62.0, 2.0
_LOWEST_HZ, _OCTAVES = 60.0, 6.0


class FakeCodec:
    """One sine per frame: level 0 its pitch, level 1 its loudness, levels 2 and 3 refine pitch and loudness.

    16 kHz, hop 320, Q = 4, V = 32. A pure function of the samples of a frame, so padding and batching change
    nothing. The codebooks sum to (decibels, log₂ Hz). A tone from 60 Hz to 3.8 kHz survives encode → decode within
    1 % in pitch and 0.5 dB in loudness; code 0 of level 1 is silence, and then all levels are 0.
    """

    sample_rate = 16_000
    hop = 320
    frame_rate = 50.0
    num_levels = _LEVELS
    codebook_size = _CODES
    lookahead_frames = 0

    def __init__(self, *, name: str = "fake", device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self.identity = CodecIdentity(
            name=name,
            sample_rate=self.sample_rate,
            hop=self.hop,
            num_levels=_LEVELS,
            codebook_size=_CODES,
            weights_hash="0123456789abcdef",
        )
        self.codebooks: Float[Tensor, "Q V d"] = _codebooks().to(self.device)
        size = 4 * self.hop
        self._window = torch.hann_window(self.hop, dtype=torch.float64, device=self.device)
        self._frequencies = torch.fft.rfftfreq(size, 1 / self.sample_rate, dtype=torch.float64, device=self.device)

    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """See `Codec.encode`."""
        B, N = wav.shape
        F = -(-N // self.hop)
        if F == 0:
            return torch.zeros(B, 0, _LEVELS, dtype=torch.long, device=wav.device), lengths * 0
        valid = torch.arange(F * self.hop, device=wav.device) < lengths[:, None]
        x = torch.nn.functional.pad(wav, (0, F * self.hop - N)).double().where(valid, 0.0)
        x = x.view(B, F, self.hop)
        decibels = 10 * torch.log10(2 * x.square().mean(-1) + 1e-12)
        octaves = torch.log2(self._pitch(x) / _LOWEST_HZ)
        codes = torch.empty(B, F, _LEVELS, dtype=torch.long, device=wav.device)
        for coarse, fine, value, step in ((1, 3, decibels - _FLOOR_DB, _STEP_DB), (0, 2, octaves, _OCTAVES / _CODES)):
            value = value.clamp(0, step * _CODES - 1e-9)
            codes[..., coarse] = (value / step).long()
            codes[..., fine] = ((value / step - codes[..., coarse]) * _CODES).long().clamp(0, _CODES - 1)
        frames = (lengths + self.hop - 1) // self.hop
        inside = torch.arange(F, device=wav.device)[None, :, None] < frames[:, None, None]
        audible = (codes[..., 1] > 0)[..., None]
        return codes.where(inside & audible, 0), frames

    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """See `Codec.decode`."""
        wav, _ = self._sing(codes, torch.zeros(codes.shape[0], 1, dtype=torch.float64, device=codes.device))
        lengths = frames * self.hop
        valid = torch.arange(wav.shape[1], device=wav.device) < lengths[:, None]
        return wav.where(valid, 0.0), lengths

    def stream(self, batch: int = 1) -> _FakeStream:
        """See `Codec.stream`."""
        return _FakeStream(self, batch)

    def _pitch(self, x: Float[Tensor, "B F N"]) -> Float[Tensor, "B F"]:
        """Frequency of the loudest spectral peak, refined by a parabola through its neighbours."""
        spectrum = torch.fft.rfft(x * self._window, n=4 * self.hop).abs() + 1e-9
        spectrum = spectrum.log()
        low = int(torch.searchsorted(self._frequencies, _LOWEST_HZ))
        high = int(torch.searchsorted(self._frequencies, _LOWEST_HZ * 2**_OCTAVES))
        peak = spectrum[..., low:high].argmax(-1, keepdim=True) + low
        left, middle, right = (spectrum.gather(-1, peak + shift).squeeze(-1) for shift in (-1, 0, 1))
        curve = left - 2 * middle + right
        shift = torch.where(curve < -1e-9, 0.5 * (left - right) / curve.clamp(max=-1e-9), 0.0).clamp(-0.5, 0.5)
        hertz = (peak.squeeze(-1) + shift) * (self.sample_rate / (4 * self.hop))
        return hertz.clamp(_LOWEST_HZ, _LOWEST_HZ * 2**_OCTAVES)

    def _sing(self, codes: Tensor, phase: Float[Tensor, "B 1"]) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B 1"]]:
        """Samples of frames that follow on `phase` (in turns), and the phase after them."""
        L = codes.shape[-1]
        if codes.numel() and (int(codes.min()) < 0 or int(codes.max()) >= _CODES):
            raise UserError(f"codes of codec 'fake' must be in [0, {_CODES - 1}], got {int(codes.max())}")
        quantised = torch.stack([self.codebooks[q][codes[..., q]].double() for q in range(L)]).sum(0)
        quantised = quantised + self._centre(L, codes.device)
        loudness = torch.where(codes[..., min(L, 2) - 1] > 0, 10 ** (quantised[..., 0] / 20), 0.0)
        hertz = 2 ** quantised[..., 1]
        turns = (hertz / self.sample_rate).repeat_interleave(self.hop, dim=1).cumsum(1) + phase
        wav = (turns * (2 * math.pi)).sin() * loudness.repeat_interleave(self.hop, dim=1)
        return wav.float().clamp(-1, 1), (turns[:, -1:] % 1.0 if turns.shape[1] else phase)

    def _centre(self, L: int, device: torch.device) -> Float[Tensor, "2"]:
        """Half a step of the finest level present, for each of loudness and pitch."""
        decibels = _STEP_DB / 2 / (_CODES if L > 3 else 1)
        octaves = _OCTAVES / _CODES / 2 / (_CODES if L > 2 else 1)
        if L < 2:
            decibels = -12.0  # no loudness given
        return torch.tensor([decibels, octaves], dtype=torch.float64, device=device)


class _FakeStream:
    """Carries the phase of each row's sine."""

    def __init__(self, codec: FakeCodec, batch: int) -> None:
        self._codec = codec
        self._phase = torch.zeros(batch, 1, dtype=torch.float64, device=codec.device)

    def push(self, codes: Int[Tensor, "B F Q"]) -> Float[Tensor, "B N"]:
        wav, self._phase = self._codec._sing(codes, self._phase)
        return wav

    def flush(self) -> Float[Tensor, "B N"]:
        return torch.zeros(self._phase.shape[0], 0, device=self._phase.device)


def _codebooks() -> Float[Tensor, "Q V d"]:
    """(decibels, log₂ Hz) of the lower edge of each code's cell; the levels sum."""
    steps = torch.arange(_CODES, dtype=torch.float32)
    books = torch.zeros(_LEVELS, _CODES, 2)
    books[0, :, 1] = math.log2(_LOWEST_HZ) + steps * (_OCTAVES / _CODES)
    books[1, :, 0] = _FLOOR_DB + steps * _STEP_DB
    books[2, :, 1] = steps * (_OCTAVES / _CODES**2)
    books[3, :, 0] = steps * (_STEP_DB / _CODES)
    return books


class FakeFrontend:
    """One symbol per letter, the words kept apart by `" "`; languages `xx` and `yy`."""

    def __init__(self) -> None:
        self.calls = 0

    def phonemize(self, text: str, language: str) -> Phonemes:
        """See `Frontend.phonemize`; `calls` counts them."""
        self.calls += 1
        if language not in self.languages():
            raise UserError(f"language '{language}' is unknown to the fake frontend. Choose one of xx, yy")
        symbols: list[str] = []
        words = []
        for word in text.lower().split():
            letters = [letter for letter in word if letter.isalnum()]
            if letters:
                symbols.extend([" "] if symbols else [])
                words.append((len(symbols), len(symbols) + len(letters)))
                symbols.extend(letters)
        if not symbols:
            raise UserError(f"text '{text}' has no words. Give a text with words")
        return Phonemes(symbols=tuple(symbols), words=tuple(words), language=language)

    def symbols(self) -> Sequence[str]:
        """See `Frontend.symbols`: unknown, so a dataset collects its own."""
        return ()

    def languages(self) -> Sequence[str]:
        """See `Frontend.languages`."""
        return ("xx", "yy")


def tone_speech(text: str, *, speaker: int = 0, sample_rate: int = 16_000, letter_seconds: float = 0.06) -> np.ndarray:
    """`text` sung as one tone per letter (a space is silence); speakers differ in pitch and loudness."""
    samples = round(letter_seconds * sample_rate)
    time = np.arange(samples) / sample_rate
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.005)
    pieces = []
    for letter in text.lower():
        hertz = 250.0 * 2 ** ((ord(letter) - ord("a")) / 10 + 0.31 * (speaker % 5))
        loudness = (0.5, 0.25, 0.35)[speaker % 3] if letter.isalpha() else 0.0
        pieces.append(loudness * fade * np.sin(2 * math.pi * hertz * time))
    return np.concatenate(pieces).astype(np.float32)


def tone_corpus(
    folder: Path,
    *,
    speakers: int = 2,
    utterances: int = 3,
    letters: int = 8,
    seed: int = 0,
    group: str = "train",
    sample_rate: int = 16_000,
) -> list[str]:
    """Write `folder/{group}/{speaker}/{number}.{wav,txt,json}` of `tone_speech`; the ids, sorted.

    Every letter of a transcript is audible, so a model can learn the corpus. The `.json` names the language.
    """
    rng = Random(f"tone corpus {seed}")
    ids = []
    for speaker in range(speakers):
        for number in range(utterances):
            id = f"{group}/s{speaker}/{number:03d}"
            text = "".join(rng.choice("abcdefgh") for _ in range(letters + rng.randint(0, letters)))
            text = f"{text[: letters // 2]} {text[letters // 2 :]}"
            path = Path(folder) / f"{id}.wav"
            wav = tone_speech(text, speaker=speaker, sample_rate=sample_rate)
            write(path, wav, sample_rate)
            path.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
            path.with_suffix(".json").write_text(json.dumps({"language": "xx"}) + "\n", encoding="utf-8")
            ids.append(id)
    return sorted(ids)
