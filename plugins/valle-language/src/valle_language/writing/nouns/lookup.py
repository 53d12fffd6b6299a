"""Finding the gender of a noun: by list, else by the longest ending that is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def listed(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


def gender_of(
    forms: Sequence[str], masculine: Collection[str], feminine: Collection[str], endings: Mapping[str, str]
) -> str:
    """`m`, `f` or "" of the first form (as written, singular, …) that a list or an ending knows."""
    for form in forms:
        if form in masculine:
            return "m"
        if form in feminine:
            return "f"
    for form in forms:
        for size in range(min(len(form) - 1, 6), 0, -1):
            if form[-size:] in endings:
                return endings[form[-size:]]
    return ""
