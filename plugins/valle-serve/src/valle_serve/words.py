"""Words as the text writes them, with the times at which the model said them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

from valle_core.api import Word
from valle_serve.interface import SpokenWord


def placed_words(text: str, spoken: Sequence[Word], count: Callable[[str], int]) -> list[SpokenWord]:
    """The words of a text between spaces, each from the beginning of its first spoken word to the end of its last.

    Args:
        text: of one piece.
        spoken: by the model: `10:30` is two of them, a lone dash none.
        count: as how many a written word is spoken alone.
    """
    written = text.split()
    if not spoken or not written:
        return []
    counts = [1] * len(written)
    if len(written) != len(spoken):
        counts = [count(word) for word in written]
    if sum(counts) != len(spoken):
        counts = _by_letters(written, len(spoken))
    return list(_joined(written, counts, spoken))


def _joined(written: Sequence[str], counts: Sequence[int], spoken: Sequence[Word]) -> Iterator[SpokenWord]:
    ends = list(accumulate(counts))
    for word, count, end in zip(written, counts, ends, strict=True):
        if count:
            yield SpokenWord(word, spoken[end - count].start, spoken[end - 1].end)


def _by_letters(written: Sequence[str], total: int) -> list[int]:
    """Shares of the spoken words by length, where it cannot be told which is which."""
    letters = list(accumulate(map(len, written)))
    edges = [0, *(round(total * at / letters[-1]) for at in letters)]
    return [after - before for before, after in pairwise(edges)]
