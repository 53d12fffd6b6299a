"""Reading, checking, resampling and writing of audio files, always mono float32."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float

from valle_core.files import replacing
from valle_core.plugin import UserError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
"""Endings of the files that are looked for in a corpus."""

WRITABLE = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS")}
"""Endings that can be written, with the format and coding behind each."""

_BLOCK = 1 << 20


class TooShort(UserError):
    """The audio lasts less than asked for."""


class TooLong(UserError):
    """The audio lasts more than asked for."""


def read(
    path: Path, *, min_seconds: float = 0.0, max_seconds: float | None = None
) -> tuple[Float[np.ndarray, "N"], int]:
    """Samples in about [−1, 1], averaged over channels, and their rate in Hz.

    Audio longer than `max_seconds` is refused by its header, before its samples are read.

    Raises:
        UserError: the file is missing, unreadable, empty, not audio, or holds values that are not finite;
            `TooShort` or `TooLong` where its duration is outside the bounds.
    """
    import soundfile

    path = Path(path)
    if not path.exists():
        raise UserError(f"audio '{path}' does not exist. Check the path")
    if path.is_dir():
        raise UserError(f"audio '{path}' is a folder. Name a file ({', '.join(SUFFIXES)})")
    try:
        if path.stat().st_size == 0:
            raise UserError(f"audio '{path}' is empty (0 bytes). Record or copy it again")
        with path.open("rb") as opened, soundfile.SoundFile(opened) as file:
            rate = file.samplerate
            if not 1000 <= rate <= 768_000:
                raise UserError(f"audio '{path}' claims a sample rate of {rate} Hz. Export it again")
            _check_longest(path, file.frames / rate, max_seconds)
            blocks = []  # a damaged header may promise terabytes, so memory follows what is really there
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                blocks.append(block.mean(axis=1, dtype=np.float32))
    except PermissionError as error:
        raise UserError(f"audio '{path}' cannot be read: {error.strerror}. Mend its permissions") from error
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(". ")
        raise UserError(f"audio '{path}' is not readable as audio ({reason}). Convert it to wav or flac") from error
    if not blocks:
        raise UserError(f"audio '{path}' holds no samples. Record or copy it again")
    mono = np.concatenate(blocks)
    seconds = len(mono) / rate
    if seconds < min_seconds:
        raise TooShort(f"audio '{path}' lasts {seconds:.2f} s, less than {min_seconds:g} s. Give a longer recording")
    _check_longest(path, seconds, max_seconds)
    if not np.isfinite(mono).all():
        raise UserError(f"audio '{path}' holds values that are not finite (NaN or infinity). Export it again")
    return mono, int(rate)


def resample(wav: Float[np.ndarray, "N"], rate: int, target: int) -> Float[np.ndarray, "M"]:
    """The same sound at `target` Hz (soxr, high quality); unchanged where the rates agree."""
    if rate == target:
        return wav
    import soxr

    return soxr.resample(wav, rate, target, quality="HQ").astype(np.float32, copy=False)


def load(
    path: Path, sample_rate: int, *, min_seconds: float = 0.0, max_seconds: float | None = None
) -> Float[np.ndarray, "N"]:
    """Mono samples of a file at `sample_rate`, of a length within the bounds.

    Raises:
        UserError: as `read`.
    """
    wav, rate = read(path, min_seconds=min_seconds, max_seconds=max_seconds)
    return resample(wav, rate, sample_rate)


def _check_longest(path: Path, seconds: float, max_seconds: float | None) -> None:
    if max_seconds is not None and seconds > max_seconds:
        raise TooLong(f"audio '{path}' lasts {seconds:.1f} s, more than {max_seconds:g} s. Cut it into pieces")


def write(path: Path, wav: Float[np.ndarray, "N"], rate: int) -> None:
    """Write mono audio as wav, flac or ogg by the ending; the file appears whole or not at all. Clips to [−1, 1].

    Raises:
        UserError: an unknown ending, values that are not finite, or a place that cannot be written to.
    """
    import soundfile

    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise UserError(f"cannot write audio as '{path.name}'. Choose one of {', '.join(WRITABLE)}")
    wav = np.asarray(wav, dtype=np.float32)
    if not np.isfinite(wav).all():
        raise UserError(f"refusing to write '{path}': the audio holds values that are not finite")
    kind, subtype = WRITABLE[path.suffix.lower()]
    encoded = BytesIO()  # libsndfile's own writing would print a traceback from its callback when the disk is full
    try:
        soundfile.write(encoded, np.clip(wav, -1.0, 1.0), rate, format=kind, subtype=subtype)
    except soundfile.LibsndfileError as error:
        raise UserError(f"cannot write '{path}': {error.error_string}. Choose another format") from error
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.getvalue())
