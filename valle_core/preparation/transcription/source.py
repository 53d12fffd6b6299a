"""What transcription takes from the recordings `valle prepare` finds: all that depends on how they are described."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from valle_core.audio.wav import load, read
from valle_core.preparation.recordings import Recording, Rejection, find_recordings


def find_all(source: Path) -> tuple[list[Recording], list[Rejection]]:
    """Recordings sorted by id, and files that fit no layout. Raises `UserError` where there is nothing."""
    return find_recordings(source)


def text_of(recording: Recording) -> str | Rejection:
    """The transcript that a recording has, on one line, "" where it has none, or why it cannot be read."""
    path = recording.audio.with_suffix(".txt")
    try:
        text = path.read_text(encoding="utf-8-sig") if recording.text is None else recording.text
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        return Rejection(id=recording.id, reason="bad-transcript", detail=f"'{path}' cannot be read ({error})")
    return " ".join(text.split())


def language_of(recording: Recording) -> str | Rejection | None:
    """The recording's own, else the field `language` of the `.json` beside it, None where neither says one."""
    if recording.language:
        return recording.language
    path = recording.audio.with_suffix(".json")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return Rejection(id=recording.id, reason="bad-facts", detail=f"'{path}' cannot be read ({error})")
    tag = stored.get("language") if isinstance(stored, dict) else None
    return tag if isinstance(tag, str) and tag else None


def sound_of(recording: Recording, sample_rate: int) -> Float[np.ndarray, "N"]:
    """Mono samples at `sample_rate`. Raises `UserError` for a file that cannot be read."""
    return load(recording.audio, sample_rate)


def own_sound_of(recording: Recording) -> tuple[Float[np.ndarray, "N"], int]:
    """Mono samples at the file's own rate, and that rate."""
    return read(recording.audio)


def audio_stamp(recording: Recording) -> str:
    """Changes with the audio alone: transcripts appear beside it."""
    try:
        state = recording.audio.stat()
    except OSError:
        return "-"
    return f"{state.st_size}:{state.st_mtime_ns}"


def span_of(recording: Recording) -> tuple[float | None, float | None]:
    """Seconds of the file from which to which the recording goes; None where it begins or ends with the file."""
    return None, None
