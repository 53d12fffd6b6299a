"""Forced alignment by CTC: the likeliest path of known tokens through the frames (Graves et al. 2006, §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float


def forced_path(log_probs: Float[np.ndarray, "T V"], tokens: Sequence[int], blank: int) -> list[tuple[int, int]] | None:
    """First frame and the frame after the last of each token; None where the frames are too few for the tokens.

    States are blank, token, blank, token, … blank; a blank between two different tokens may be skipped.
    """
    states = np.full(2 * len(tokens) + 1, blank)
    states[1::2] = tokens
    frames, count = len(log_probs), len(states)
    if not tokens or frames < len(tokens) + sum(a == b for a, b in pairwise(tokens)):
        return None
    skips = np.zeros(count, dtype=bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    best = np.full(count, -np.inf)
    best[:2] = log_probs[0, states[:2]]
    came = np.zeros((frames, count), dtype=np.int8)
    for frame in range(1, frames):
        one = np.concatenate([[-np.inf], best[:-1]])
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], best[:-2]]), -np.inf)
        choice = np.stack([best, one, two])
        came[frame] = choice.argmax(0)
        best = choice.max(0) + log_probs[frame, states]
    state = count - 1 if best[-1] >= best[-2] else count - 2
    if not np.isfinite(best[state]):
        return None
    path = [state]
    for frame in range(frames - 1, 0, -1):
        state -= int(came[frame, state])
        path.append(state)
    found = np.array(path[::-1])
    places = [np.flatnonzero(found == 2 * index + 1) for index in range(len(tokens))]
    return [(int(place[0]), int(place[-1]) + 1) for place in places]
