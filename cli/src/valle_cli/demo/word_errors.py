"""Word error rate."""

from __future__ import annotations

import re


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; apostrophes inside words stay."""
    return [word.strip("'") for word in re.findall(r"[\w']+", text.lower().replace("’", "'")) if word.strip("'")]


def wer(reference: str, hypothesis: str) -> float:
    """Least substitutions, insertions and deletions that turn the reference into the hypothesis, per reference word.

    May exceed 1. With an empty reference it is 0 for an empty hypothesis, else the number of its words.
    """
    expected, recognized = words(reference), words(hypothesis)
    row = list(range(len(recognized) + 1))  # edits from an empty reference
    for index, word in enumerate(expected, start=1):
        diagonal, row[0] = row[0], index
        for place, other in enumerate(recognized, start=1):
            kept = diagonal + (word != other)
            diagonal, row[place] = row[place], min(kept, row[place] + 1, row[place - 1] + 1)
    return row[-1] / max(1, len(expected))
