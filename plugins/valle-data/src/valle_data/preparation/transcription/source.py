"""What transcription takes from the recordings `valle prepare` finds: all that depends on how they are described."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from valle_data.audio.reading import load, read
from valle_data.preparation.finding import find_recordings
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording, Rejection, facts, transcript


def find_all(source: Path) -> tuple[list[Recording], list[Rejection]]:
    """Recordings sorted by id, and files that fit no layout. Raises `UserError` where there is nothing."""
    found = find_recordings(PrepareOptions(source=source))
    return found.recordings, found.rejected


def text_of(recording: Recording) -> str | Rejection:
    """The transcript that a recording has, on one line, "" where it has none, or why it cannot be read."""
    text = transcript(recording)
    missing = isinstance(text, Rejection) and text.reason in ("no-transcript", "empty-transcript")
    return "" if missing else text


def language_of(recording: Recording) -> str | Rejection | None:
    """The recording's own, else the field `language` of the `.json` beside it, None where neither says one."""
    if recording.language:
        return recording.language
    beside = facts(recording)
    return beside if isinstance(beside, Rejection) else beside.get("language") or None


def sound_of(recording: Recording, sample_rate: int) -> Float[np.ndarray, "N"]:
    """Mono samples at `sample_rate`. Raises `UserError` for a file that cannot be read."""
    start, end = span_of(recording)
    return load(recording.audio, sample_rate, start=start, end=end, channels=recording.channels)


def own_sound_of(recording: Recording) -> tuple[Float[np.ndarray, "N"], int]:
    """Mono samples at the file's own rate, and that rate."""
    start, end = span_of(recording)
    return read(recording.audio, start=start, end=end, channels=recording.channels)


def audio_stamp(recording: Recording) -> str:
    """Changes with the audio and the part of it that is meant; transcripts appear beside it."""
    part = (*span_of(recording), *recording.channels)
    marks = "" if part == (None, None) else f" {part}"
    try:
        state = recording.audio.stat()
    except OSError:
        return f"-{marks}"
    return f"{state.st_size}:{state.st_mtime_ns}{marks}"


def span_of(recording: Recording) -> tuple[float | None, float | None]:
    """Seconds of the file from which to which the recording goes; None where it begins or ends with the file."""
    return recording.start, recording.end
