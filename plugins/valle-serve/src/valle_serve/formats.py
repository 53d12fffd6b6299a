"""Names of the audio formats, which the command line knows without loading an encoder."""

from __future__ import annotations

from typing import Literal

FormatName = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

RATE = 24_000
"""Hz of all that is sent."""
