"""Whether a file of audio is whole, by its container's own marks, where libsndfile reads on without a word."""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

_PAGE = 27 + 255 + 255 * 255  # bytes of the largest page of Ogg
_CHUNK = re.compile(rb"[\x20-\x7e]{4}")
_UNKNOWN = 0x7FFF0000  # lengths from here on are those of writers that did not know them
_KBPS = {  # of layer III, by whether it is MPEG 1 (ISO 11172-3) or 2 (13818-3)
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def why_not_whole(file: BinaryIO) -> str:
    """What is missing of a file, as the end of a sentence; empty where nothing is known to be."""
    file.seek(0)
    magic = file.read(12)
    if magic[:4] == b"OggS":
        return _ogg(file)
    if magic[:4] == b"RIFF" and magic[8:] == b"WAVE":
        return _wav(file)
    if magic[:3] == b"ID3" or (len(magic) > 2 and magic[0] == 0xFF and magic[1] & 0xE6 == 0xE2):
        return _mp3(file, magic)
    return ""


def _ogg(file: BinaryIO) -> str:
    """The last page of a stream is marked as such (RFC 3533, section 6)."""
    size = file.seek(0, 2)
    start = file.seek(max(size - _PAGE, 0))
    tail = file.read()
    at = tail.rfind(b"OggS\0")
    if at < 0 or len(tail) < at + 27 or len(tail) < at + 27 + tail[at + 26]:
        return "it ends inside of a page of Ogg"
    segments = tail[at + 26]
    length = 27 + segments + sum(tail[at + 27 : at + 27 + segments])
    if start + at + length > size:
        return "it ends inside of a page of Ogg"
    return "" if tail[at + 5] & 4 else "its last page of Ogg is not marked as the last"


def _wav(file: BinaryIO) -> str:
    """What lies behind the chunk `data` are chunks, too; a length of 0 before other bytes was never filled in."""
    size, at, bytes_per_second = file.seek(0, 2), 12, 0
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"fmt " and length >= 16:
            bytes_per_second = struct.unpack("<8xI", file.read(12))[0]
        if name == b"data":
            return _behind(file, at + 8, length, size, bytes_per_second)
        at += 8 + length + length % 2
    return ""


def _behind(file: BinaryIO, at: int, length: int, size: int, bytes_per_second: int) -> str:
    """What is wrong with the bytes behind the samples of a wav."""
    rest = size - at - length
    if length >= _UNKNOWN or rest <= max(bytes_per_second // 10, 8):
        return ""
    file.seek(at + length + length % 2)
    head = file.read(8)
    if head.startswith((b"ID3", b"TAG", b"APETAGEX")):
        return ""
    if _CHUNK.match(head) and struct.unpack("<I", head[4:])[0] <= rest:
        return ""
    if not (head + file.read(1 << 16)).strip(b"\0"):
        return ""
    why = f"its header says {length} bytes of sound, but {rest} more lie behind them"
    return f"{why}: the recorder was stopped before it wrote the length" if length == 0 else why


def _mp3(file: BinaryIO, magic: bytes) -> str:
    """Every frame says how long it is; the last one must be whole."""
    at = 0
    if magic[:3] == b"ID3":
        at = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(magic[6:10], (21, 14, 7, 0), strict=True))
    size = file.seek(0, 2)
    file.seek(at)
    content = file.read(1 << 26)
    place, frames = 0, 0
    while length := _frame(content[place : place + 4]):
        place, frames = place + length, frames + 1
    missing = at + place - size
    return "it ends inside of a frame of MP3" if frames > 1 and missing > 0 else ""


def _frame(head: bytes) -> int:
    """Bytes of the frame of layer III that begins so; 0 where none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, rate, kbps = head[1] >> 3 & 3, head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or rate == 3 or kbps in (0, 15):
        return 0
    per_frame = 144_000 if version == 3 else 72_000
    return per_frame * _KBPS[version == 3][kbps] // _RATES[version][rate] + (head[2] >> 1 & 1)
