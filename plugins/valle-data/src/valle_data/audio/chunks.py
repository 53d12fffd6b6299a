"""Audio files of any length, read and resampled chunk by chunk in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from valle_core.plugin import UserError
from valle_data.audio.channels import CANCELLED, Mixdown
from valle_data.audio.reading import check_peak

_BLOCK = 1 << 18


def read_chunks(
    path: Path, sample_rate: int, *, chunk: int, shortest: int = 0
) -> Iterator[tuple[int, Float[np.ndarray, "n"]]]:
    """(first sample, samples) of each chunk of a file, mono at `sample_rate`, in order.

    Every chunk has `chunk` samples but the last, which has up to `chunk + shortest`, so that none of several is
    shorter than `shortest`. A file that ends in the middle, though its header promises more, gives what is there.

    Raises:
        UserError: the file is missing, unreadable, empty, not audio, or holds values that are not finite or far above
            full scale; at its end: the channels cancel each other.
    """
    start = 0
    held: list[np.ndarray] = []
    length = 0
    for block in _blocks(Path(path), sample_rate):
        held.append(block)
        length += len(block)
        while length >= chunk + max(shortest, 1):
            joined = np.concatenate(held)
            yield start, joined[:chunk]
            held, length, start = [joined[chunk:]], length - chunk, start + chunk
    if length == 0:
        raise UserError(f"audio '{path}' holds no samples. Record or copy it again")
    yield start, np.concatenate(held)


def _blocks(path: Path, sample_rate: int) -> Iterator[Float[np.ndarray, "n"]]:
    """Mono samples at `sample_rate`, as they come."""
    import soundfile
    import soxr

    if not path.is_file():
        raise UserError(f"audio '{path}' is not a file. Check the path")
    try:
        with path.open("rb") as opened, soundfile.SoundFile(opened) as file:
            rate = file.samplerate
            if not 1000 <= rate <= 768_000:
                raise UserError(f"audio '{path}' claims a sample rate of {rate} Hz. Export it again")
            stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
            mix = Mixdown()
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                mono = mix(block)
                if not np.isfinite(mono).all():
                    raise UserError(
                        f"audio '{path}' holds values that are not finite (NaN or infinity). Export it again"
                    )
                check_peak(path, mix.peak)
                yield mono if rate == sample_rate else stream.resample_chunk(mono)
            if mix.kept < CANCELLED:
                raise UserError(f"the channels of audio '{path}' are in opposite phase. Export one of them")
            if rate != sample_rate:
                yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
    except PermissionError as error:
        raise UserError(f"audio '{path}' cannot be read: {error.strerror}. Fix its permissions") from error
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(". ")
        raise UserError(f"audio '{path}' is not readable as audio ({reason}). Convert it to wav or flac") from error
