"""Spectrograms as small PNG files, written here so that a page needs no plotting library."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import torch
from jaxtyping import Float, UInt8

from valle_language.measuring import Sound

RATE, SIZE, HOP, HIGHEST = 16_000, 512, 256, 8000
RANGE = 70.0
"""Decibels below the loudest that are shown."""

BANDS = 96
"""Rows of a picture, equally spaced in mel."""

COLOURS = ((13, 8, 35), (90, 20, 110), (190, 55, 85), (248, 140, 45), (252, 250, 190))
"""From silent to loud."""


def spectrogram(sound: Sound) -> bytes:
    """A PNG of the power of a sound at 16 kHz over time and mel frequency; one pixel is 16 ms."""
    wav = torch.nn.functional.pad(sound.wav, (0, max(0, SIZE - len(sound.wav))))
    power = torch.stft(wav, SIZE, HOP, window=torch.hann_window(SIZE), return_complex=True).abs().square()
    decibels = 10 * (_bands() @ power).clamp(min=1e-10).log10()
    level = ((decibels - decibels.max()) / RANGE + 1).clamp(0, 1).flip(0).numpy()
    stops = np.linspace(0, 1, len(COLOURS))
    channels = [np.interp(level, stops, [colour[part] for colour in COLOURS]) for part in range(3)]
    return png(np.stack(channels, axis=-1).round().astype(np.uint8))


def _bands() -> Float[torch.Tensor, "M K"]:
    """Triangles of equal area."""
    mel = torch.linspace(0, 2595 * np.log10(1 + HIGHEST / 700), BANDS + 2)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    bins = torch.linspace(0, RATE / 2, SIZE // 2 + 1)
    up = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    down = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    rows = torch.minimum(up, down).clamp(min=0)
    nearest = (hertz[1:-1, None] - bins).abs().argmin(1)  # a low band may lie between two bins
    rows[torch.arange(BANDS), nearest] = rows[torch.arange(BANDS), nearest].clamp(min=0.1)
    return rows / rows.sum(1, keepdim=True)


def png(pixels: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """The image as PNG (ISO 15948): 8 bits a channel, no filter."""
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
