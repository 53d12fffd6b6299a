"""Texts that the suite of alignments has said, and a walk through them to the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_core.sequence.alignment import Alignment, SpokenText

Build = Callable[[], Alignment]
SIZES: dict[str, Any] = {"d_model": 16, "symbols": ("<pad>", "<unk>", " ", *"abcdef."), "languages": 2}
"""What the factory is given beside the options."""

STOP = 8
"""Index of the stop token, behind eight codes."""
LONGEST = 2000
"""Frames after which a text that is still said counts as one without an end."""


def spoken(*, times: bool = True, rows: tuple[int, ...] = (0, 1, 2)) -> SpokenText:
    """Three texts: at level 0, at level 1, and one symbol at level 0; these rows of them."""
    texts = [[3, 4, 2, 5, 6], [7, 8, 9], [3]]
    begins = [[0.4, 2.0, 3.0, 3.5, 6.2, 8.6], [0.0, 2.5, 5.0, 7.0], [1.0, 3.0]]
    lengths, starts, levels, frames = (5, 3, 1), (4, 2, 6), (0, 1, 0), (9, 7, 4)
    P = max(lengths[row] for row in rows)
    return SpokenText(
        symbols=torch.tensor([texts[row] + [0] * (P - lengths[row]) for row in rows]),
        lengths=torch.tensor([lengths[row] for row in rows]),
        languages=torch.tensor([row % 2 for row in rows]),
        levels=torch.tensor([levels[row] for row in rows]),
        start=torch.tensor([starts[row] for row in rows]),
        frames=torch.tensor([frames[row] for row in rows]),
        times=torch.tensor([begins[row] + begins[row][-1:] * (P - lengths[row]) for row in rows]) if times else None,
    )


def made(build: Build) -> Alignment:
    """A fresh one in eval mode, with parameters that are not zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        alignment = build()
    assert isinstance(alignment, nn.Module), f"it is a {type(alignment).__name__}, not a torch.nn.Module"
    alignment.eval()
    return alignment


def states(rows: tuple[int, ...], frame: int) -> Float[Tensor, "R D"]:
    """The state of each row at a frame: its own, whatever the batch."""
    made = [torch.randn(16, generator=torch.Generator().manual_seed(100 * row + frame)) for row in rows]
    return torch.stack(made)


def walked(alignment: Alignment, rows: tuple[int, ...], **how: Any) -> tuple[list[int], list[Tensor], list[Tensor]]:
    """Frames of each row, its times, and what the walk added to each of its frames."""
    walk = alignment.walk(spoken(times=False, rows=rows), **how)
    here = torch.arange(len(rows))
    frames, added = [0] * len(rows), [[] for _ in rows]
    for frame in range(LONGEST):
        chance = torch.tensor([((37 * frame + 11 * row) % 100 + 0.5) / 100 for row in rows], dtype=torch.float64)
        logits = walk.answer(states(rows, frame), torch.zeros(len(rows), STOP + 1), here, chance)
        over = logits[:, STOP].isfinite()
        if bool((logits[:, :STOP].isfinite().any(1) == over).any()):
            raise AssertionError("a row has codes and stop to choose from at once, or neither")
        if bool(over.all()):
            break
        guided = walk.guide(here)
        for b in range(len(rows)):
            if not over[b]:
                frames[b] += 1
                added[b].append(guided[b])
    else:
        raise AssertionError(f"a text has not ended after {LONGEST} frames")
    for row, stays in enumerate(getattr(walk, "kept", lambda _: ())(frames)):
        if stays.tolist() != sorted(stays.tolist()) or not (int(stays.min()) >= 0 and int(stays.max()) < frames[row]):
            raise AssertionError(f"frames that stay are {stays.tolist()}, of {frames[row]}")
    return frames, walk.times(frames), [torch.stack(row) for row in added]
