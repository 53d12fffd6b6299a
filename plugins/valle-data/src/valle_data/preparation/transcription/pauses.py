"""Where audio may be cut: long recordings become windows that begin and end in pauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from valle_kit.pauses import HOP, levels, place_to_cut

_OVERLAP = 1.0  # seconds shared by two windows where there is no pause to cut in
_LATEST_THIRD = 1 / 3  # of a window, in which its end is looked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A stretch that is transcribed at once.

    Attributes:
        start, end: samples that are transcribed.
        keep_start, keep_end: samples whose words count; windows of a recording keep each sample once.
    """

    start: int
    end: int
    keep_start: int
    keep_end: int


def windows(wav: Float[np.ndarray, "N"], rate: int, longest: float | None) -> list[Window]:
    """The whole, or stretches of at most `longest` seconds.

    A window ends in the middle of the quietest pause of its last third. Where there is none it ends at the quietest
    place, and it and its neighbour overlap by a second each, so that a word on the border is whole in one of them.
    """
    most = len(wav) if longest is None else int(longest * rate)
    if len(wav) <= most:
        return [Window(start=0, end=len(wav), keep_start=0, keep_end=len(wav))]
    quiet_to_loud = levels(wav, rate)
    hop = round(HOP * rate)
    overlap = min(int(_OVERLAP * rate), most // 10)
    found: list[Window] = []
    start, keep = 0, 0
    while len(wav) - start > most:
        latest = start + most - overlap
        earliest = max(latest - int(most * _LATEST_THIRD), keep + 1)
        at, quiet = place_to_cut(quiet_to_loud[earliest // hop : latest // hop])
        place = earliest // hop * hop + at * hop
        end = place if quiet else min(place + overlap, start + most)
        found.append(Window(start=start, end=end, keep_start=keep, keep_end=place))
        start, keep = (place, place) if quiet else (max(place - overlap, 0), place)
    return [*found, Window(start=start, end=len(wav), keep_start=keep, keep_end=len(wav))]
