"""More voices from the same recordings: read faster or slower, so that pitch and formants move together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the options read ids by `source_of`, and help must not wait for torch
    from valle_data.preparation.recordings import Recording


def with_made_voices(recordings: Iterable[Recording], factors: Sequence[float]) -> Iterator[Recording]:
    """Each recording, and where there are factors itself once more, read at one of them, as another speaker.

    The factor is dealt by the id, so that it does not depend on what else there is, and every speaker becomes about as
    many new ones as there are factors.
    """
    for recording in recordings:
        yield recording
        if factors:
            draw = int.from_bytes(hashlib.sha256(recording.id.encode()).digest()[:4])
            yield made_voice(recording, factors[draw % len(factors)])


def made_voice(recording: Recording, factor: float) -> Recording:
    """The recording read `factor` times as fast, with an id and a speaker of its own."""
    mark = f"@{factor:g}"
    return replace(recording, id=f"{recording.id}{mark}", speaker=f"{recording.speaker}{mark}", factor=factor)


def source_of(id: str, speaker: str) -> str:
    """The id of the recording that a made voice reads; empty where it is no made voice."""
    source, at, factor = id.rpartition("@")
    return source if at and speaker.endswith(f"@{factor}") else ""
