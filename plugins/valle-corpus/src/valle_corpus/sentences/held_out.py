"""What belongs to the held-out part: a fixed function of a voice's name or a sentence."""

from __future__ import annotations

import hashlib


def is_held_out(key: str, *, share: int = 6) -> bool:
    """Whether a variant or sentence belongs to the held-out part: one in `share`, a fixed function of the key."""
    return hashlib.sha256(f"held-out {key}".encode()).digest()[0] % share == 0
