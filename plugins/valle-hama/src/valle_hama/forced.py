"""Forced alignment by CTC: the likeliest path of known sounds through the frames (Graves et al. 2006, §4.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float


def forced_path(
    sounds: Float[np.ndarray, "T N"], blank: Float[np.ndarray, "T"], repeats: Bool[np.ndarray, "N"] | Sequence[bool]
) -> list[tuple[int, int]] | None:
    """First frame and the frame after the last of each sound; None where the frames are too few for the sounds.

    States are blank, sound, blank, sound, … blank; a blank between two different sounds may be skipped.

    Args:
        sounds: log-probability of each sound of the text in each frame.
        blank: log-probability of none.
        repeats: whether a sound is that before it, so that only a blank tells the two apart.
    """
    frames, number = sounds.shape
    repeats = np.asarray(repeats, dtype=bool)
    if not number or frames < number + int(repeats.sum()):
        return None
    count = 2 * number + 1
    scores = np.empty((frames, count))
    scores[:, ::2], scores[:, 1::2] = blank[:, None], sounds
    skips = np.zeros(count, dtype=bool)
    skips[3::2] = ~repeats[1:]
    best = np.full(count, -np.inf)
    best[:2] = scores[0, :2]
    came = np.zeros((frames, count), dtype=np.int8)
    choice = np.full((3, count), -np.inf)
    for frame in range(1, frames):
        choice[0] = best
        choice[1, 1:] = best[:-1]
        choice[2, 2:] = np.where(skips[2:], best[:-2], -np.inf)
        came[frame] = choice.argmax(0)
        best = choice.max(0) + scores[frame]
    state = count - 1 if best[-1] >= best[-2] else count - 2
    if not np.isfinite(best[state]):
        return None
    path = np.empty(frames, dtype=np.intp)
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state -= int(came[frame, state])
    first = np.searchsorted(path, 2 * np.arange(number) + 1, side="left")
    after = np.searchsorted(path, 2 * np.arange(number) + 1, side="right")
    return [(int(start), int(end)) for start, end in zip(first, after, strict=True)]
