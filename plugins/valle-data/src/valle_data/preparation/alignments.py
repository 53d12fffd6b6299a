"""Phonemes and durations that a table gives: taken as they are, in place of the frontend's, stored as times."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from valle_core.types import Phonemes


@dataclass(frozen=True, slots=True)
class Aligned:
    """What a row says of its sounds.

    Attributes:
        symbols: of its text.
        durations: of each symbol, perhaps with one before the first and one after the last; empty where not said.
    """

    symbols: tuple[str, ...]
    durations: tuple[float, ...] = ()

    @property
    def mark(self) -> str:
        """Changes with what is said."""
        return f"phones={self.symbols}:{self.durations}"


def aligned(phones: Any, durations: Any) -> Aligned | None:
    """The columns `phones` and `durations` of a row; None where it has no phones.

    Phones are a list of symbols, or text of which each character is one. Durations are a list of numbers, or numbers
    with spaces between.

    Raises:
        ValueError: says what is wrong with them.
    """
    if phones is None:
        if durations is not None:
            raise ValueError("durations without phones")
        return None
    symbols = _symbols(phones)
    numbers = () if durations is None else _numbers(durations)
    if numbers and len(numbers) - len(symbols) not in (0, 2):
        raise ValueError(
            f"{len(numbers)} durations for {len(symbols)} phones: there should be {len(symbols)}, "
            f"or {len(symbols) + 2} with one before and one after"
        )
    return Aligned(symbols, numbers)


def _symbols(phones: Any) -> tuple[str, ...]:
    given = phones
    if isinstance(given, str) and given.startswith("["):
        given = _json(given)
    symbols = tuple(given) if isinstance(given, str | list) else ()
    if not symbols or not all(isinstance(one, str) and one for one in symbols):
        raise ValueError(f"phones must be text or a list of symbols, got {phones!r:.60}")
    if not any(_sounds(one) for one in symbols):
        raise ValueError(f"phones without a sound, found {phones!r:.60}")
    return symbols


def _numbers(durations: Any) -> tuple[float, ...]:
    given = durations
    if isinstance(given, str):
        given = _json(given) if given.startswith("[") else given.split()
    try:
        numbers = tuple(math.nan if isinstance(one, bool) else float(one) for one in given)
    except (TypeError, ValueError):
        numbers = (math.nan,)
    if not numbers or not all(0 <= one < math.inf for one in numbers):
        raise ValueError(f"durations must be numbers that are not negative, got {durations!r:.60}")
    return numbers


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _sounds(symbol: str) -> bool:
    return any(character.isalnum() for character in symbol)


def phonemes_of(symbols: Sequence[str], language: str) -> Phonemes:
    """The symbols as a frontend would give them: words are what spaces part, without marks at their ends."""
    words, start = [], 0
    for end in [*(place for place, symbol in enumerate(symbols) if symbol.isspace()), len(symbols)]:
        sounds = [place for place in range(start, end) if _sounds(symbols[place]) or symbols[place] in "ˈˌ"]
        if any(_sounds(symbols[place]) for place in sounds):
            words.append((sounds[0], sounds[-1] + 1))
        start = end + 1
    return Phonemes(symbols=tuple(symbols), words=tuple(words), language=language)


def times_of(given: Aligned, *, unit: float, shift: float, seconds: float) -> tuple[int, ...]:
    """[P + 1] milliseconds at which each symbol begins and the last one ends, within the audio.

    Args:
        given: with durations in units of `unit` seconds.
        shift: seconds that are added, those that were cut from the start of the audio subtracted.
        seconds: of the audio.
    """
    if not given.durations:
        return ()
    before = len(given.durations) > len(given.symbols)
    ends = list(accumulate(given.durations, initial=0.0))
    ends = ends[1:-1] if before else ends
    return tuple(round(1000 * min(max(end * unit + shift, 0.0), seconds)) for end in ends)
