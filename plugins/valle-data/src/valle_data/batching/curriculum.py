"""Short utterances first: which may be in an epoch, by how far training has come."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from jaxtyping import Float, Int

from valle_core.data.options import BatchOptions
from valle_core.plugin import UserError

STAGES = 10
"""An epoch lasts at most this part of the curriculum, so that the longest utterance grows at least so often."""


def allowed(
    seconds: Float[np.ndarray, "n"], options: BatchOptions, batches: int
) -> tuple[Int[np.ndarray, "k"], int | None]:
    """Places of the utterances that an epoch may hold after so many batches, and how many batches it may have.

    With c = `options.curriculum` and s = `options.curriculum_seconds`, utterances of at most
    s + (longest - s) * batches / c seconds; from c batches on all of them, and no bound (None).
    """
    if batches >= options.curriculum:
        return np.arange(len(seconds)), None
    longest = float(seconds.max())
    limit = options.curriculum_seconds + (longest - options.curriculum_seconds) * batches / options.curriculum
    left = options.curriculum - batches
    return np.flatnonzero(seconds <= limit), min(-(-options.curriculum // STAGES), left)


def refuse_start(seconds: Float[np.ndarray, "n"], options: BatchOptions, world: int) -> None:
    """Raises `UserError` where a curriculum begins with fewer utterances than processes."""
    first = int((seconds <= options.curriculum_seconds).sum())
    if options.curriculum and first < world:
        raise UserError(
            f"a curriculum from {options.curriculum_seconds:g} s begins with {first} of {len(seconds)} utterances, "
            f"{world} or more are needed (the shortest lasts {float(seconds.min()):.2f} s). "
            f"Raise --batching.curriculum-seconds"
        )


def described(options: BatchOptions) -> str:
    """Equal for equal batches; options that do nothing are left out, as runs from before they existed have it."""
    idle = () if options.curriculum else ("curriculum", "curriculum_seconds")
    settings = (f"{one.name}={getattr(options, one.name)!r}" for one in fields(options) if one.name not in idle)
    return f"{type(options).__name__}({', '.join(settings)})"
