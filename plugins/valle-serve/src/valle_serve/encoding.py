"""From samples to bytes of a format, as they come: mp3, opus, aac, flac, wav and raw pcm, at 24 kHz."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Protocol, get_args

import av
import numpy as np
import soxr
from jaxtyping import Float

from valle_serve.formats import RATE, FormatName

MEDIA: dict[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Format → its media type."""

_CODED = {
    "mp3": ("mp3", "libmp3lame", "s16p", 96_000, {"write_xing": "0", "id3v2_version": "0"}),
    "opus": ("ogg", "libopus", "s16", 48_000, {"page_duration": "100000"}),
    "aac": ("adts", "aac", "fltp", 96_000, {}),
    "flac": ("flac", "flac", "s16", 0, {}),
}
"""Format → container, codec, sample format, bits per second, options of the container."""

_ENDLESS = 0xFFFFFFFF


class Encoder(Protocol):
    """One stream of a format."""

    def push(self, wav: Float[np.ndarray, "N"]) -> bytes:
        """What is ready of these samples in [−1, 1]; it may be empty."""
        ...

    def finish(self) -> bytes:
        """The rest."""
        ...


def encoder(name: FormatName, rate: int, samples: int | None = None) -> Encoder:
    """An encoder for samples of a rate.

    Args:
        name: of the format.
        rate: of what is pushed, Hz.
        samples: of the whole at that rate, where it is known; it is written into the head of a wav.
    """
    assert name in get_args(FormatName)
    if name == "pcm":
        return Raw(rate)
    if name == "wav":
        return Raw(rate, head=wav_head(None if samples is None else round(samples * RATE / rate)))
    return Coded(name, rate)


def wav_head(samples: int | None) -> bytes:
    """44 bytes before the samples of a mono wav of 16 bits; of None samples its length is open, as in a pipe."""
    size = _ENDLESS if samples is None else 2 * samples
    whole = _ENDLESS if samples is None else size + 36
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + form + struct.pack("<4sI", b"data", size)


class Rate:
    """Samples at another rate, as they come."""

    def __init__(self, rate: int) -> None:
        self._resampler = None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, dtype="float32")

    def __call__(self, wav: Float[np.ndarray, "N"], *, last: bool = False) -> Float[np.ndarray, "M"]:
        wav = np.clip(np.asarray(wav, np.float32), -1, 1)
        return wav if self._resampler is None else self._resampler.resample_chunk(wav, last=last)


def whole_numbers(wav: Float[np.ndarray, "N"]) -> np.ndarray:
    """16 bits."""
    return (np.clip(wav, -1, 1) * 32_767).round().astype("<i2")


class Raw:
    """Little-endian 16-bit samples behind a head."""

    def __init__(self, rate: int, head: bytes = b"") -> None:
        self._rate, self._head = Rate(rate), head

    def push(self, wav: Float[np.ndarray, "N"]) -> bytes:
        head, self._head = self._head, b""
        return head + whole_numbers(self._rate(wav)).tobytes()

    def finish(self) -> bytes:
        head, self._head = self._head, b""
        return head + whole_numbers(self._rate(np.zeros(0, np.float32), last=True)).tobytes()


class _Sink:
    """What a container writes to; it cannot be gone back in."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def take(self) -> bytes:
        found = bytes(self.written)
        self.written.clear()
        return found


class Coded:
    """A stream by one of FFmpeg's encoders, which come in the wheel of PyAV."""

    def __init__(self, name: str, rate: int) -> None:
        container, codec, layout, bits, options = _CODED[name]
        self._rate, self._sink, self._planes = Rate(rate), _Sink(), layout
        self._container = av.open(self._sink, "w", format=container, options=options)
        self._stream = self._container.add_stream(codec, rate=RATE)
        self._stream.layout = "mono"
        self._stream.format = layout
        if bits:
            self._stream.bit_rate = bits
        self._at = 0

    def push(self, wav: Float[np.ndarray, "N"]) -> bytes:
        return self._coded(self._rate(wav))

    def finish(self) -> bytes:
        self._coded(self._rate(np.zeros(0, np.float32), last=True), keep=True)
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()

    def _coded(self, wav: Float[np.ndarray, "N"], *, keep: bool = False) -> bytes:
        if len(wav):
            samples = wav.astype(np.float32) if self._planes == "fltp" else whole_numbers(wav)
            frame = av.AudioFrame.from_ndarray(samples[None], format=self._planes, layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, Fraction(1, RATE)
            self._at += len(wav)
            self._container.mux(self._stream.encode(frame))
        return b"" if keep else self._sink.take()
