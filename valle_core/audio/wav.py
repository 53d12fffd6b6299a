"""Reading, resampling and writing of audio files, always mono float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from valle_core.files import replacing
from valle_core.plugin import UserError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".opus")
"""Endings of the files that are looked for in a corpus."""

WRITABLE = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS")}
"""Endings that can be written, with the format and coding behind each."""

BLOCK = 1 << 20
"""Frames read at once: a damaged header may promise terabytes, and memory follows what is really there."""


class TooShort(UserError):
    """The audio lasts less than asked for; `seconds` is how long."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class TooLong(UserError):
    """The audio lasts more than asked for; `seconds` is how long, by its header."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Missing(UserError):
    """There is no such file."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file as a `soundfile.SoundFile`, whose errors become one line for the user while it is open.

    Raises:
        UserError: the file is unreadable, empty or not audio; `Missing` where it is not there.
    """
    import soundfile

    try:
        if path.is_dir():
            raise UserError(f"audio '{path}' is a folder. Name a file ({', '.join(SUFFIXES)})")
        if path.stat().st_size == 0:
            raise UserError(f"audio '{path}' is empty (0 bytes). Record or copy it again")
        with path.open("rb") as raw, soundfile.SoundFile(raw.fileno(), closefd=False) as file:
            if not 1000 <= file.samplerate <= 768_000:
                raise UserError(f"sample rate of audio '{path}' must be in [1000, 768000] Hz, got {file.samplerate}")
            yield file
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Missing(f"audio '{path}' does not exist. Check the path") from error
    except PermissionError as error:
        raise UserError(f"audio '{path}' cannot be read: {error.strerror}. Change its permissions") from error
    except OSError as error:
        raise UserError(f"audio '{path}' cannot be read: {error.strerror}. Check its disk") from error
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(". ") or "damaged or cut off"
        raise UserError(f"audio '{path}' is not readable as audio ({reason}). Convert it to wav or flac") from error


def read(
    path: Path, *, min_seconds: float = 0.0, max_seconds: float | None = None
) -> tuple[Float[np.ndarray, "N"], int]:
    """Samples in about [−1, 1], averaged over the channels, and the rate in Hz.

    It trusts what it reads; `valle_data.audio.reading` looks harder at what a model is to learn from.
    Audio longer than `max_seconds` is refused by its header, before its samples are read.

    Raises:
        UserError: as `opened`, or it holds values that are not finite; `TooShort` or `TooLong` where its duration is
            outside the bounds.
    """
    path, blocks = Path(path), [np.zeros(0, np.float32)]
    with opened(path) as file:
        rate = int(file.samplerate)
        check_longest(path, file.frames / rate, max_seconds)
        while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
            blocks.append(block.mean(axis=1, dtype=np.float32))
    wav = np.concatenate(blocks)
    check_length(path, wav, rate, min_seconds, max_seconds)
    check_finite(path, wav)
    return wav, rate


def load(
    path: Path, sample_rate: int, *, min_seconds: float = 0.0, max_seconds: float | None = None
) -> Float[np.ndarray, "N"]:
    """What `read` gives, at `sample_rate`."""
    return resample(*read(path, min_seconds=min_seconds, max_seconds=max_seconds), sample_rate)


def check_longest(path: Path, seconds: float, max_seconds: float | None) -> None:
    """Raises `TooLong`."""
    if max_seconds is not None and seconds > max_seconds:
        reason = f"audio '{path}' lasts {seconds:.1f} s, more than {max_seconds:g} s. Cut it into pieces"
        raise TooLong(reason, seconds)


def check_length(
    path: Path, wav: Float[np.ndarray, "N"], rate: int, min_seconds: float, max_seconds: float | None
) -> None:
    """Raises `UserError` where there are no samples, `TooShort` or `TooLong` where there are too few or too many."""
    if not len(wav):
        raise UserError(f"audio '{path}' holds no samples. Record or copy it again")
    seconds = len(wav) / rate
    if seconds < min_seconds:
        reason = f"audio '{path}' lasts {seconds:.2f} s, less than {min_seconds:g} s. Give a longer recording"
        raise TooShort(reason, seconds)
    check_longest(path, seconds, max_seconds)


def check_finite(path: Path, *values: Float[np.ndarray, "..."] | float) -> None:
    """Raises `UserError`."""
    if not all(np.isfinite(value).all() for value in values):
        raise UserError(f"audio '{path}' holds values that are not finite (NaN or infinity). Export it again")


def resample(wav: Float[np.ndarray, "N"], rate: int, target: int) -> Float[np.ndarray, "M"]:
    """The same sound at `target` Hz (soxr, high quality); unchanged where the rates agree."""
    if rate == target:
        return wav
    import soxr

    return soxr.resample(wav, rate, target, quality="HQ").astype(np.float32, copy=False)


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
