"""Times of sounds that a synthesizer tells, dealt to the symbols that a frontend writes for the same text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from valle_core.api import CommandContext, UserError, build

Read = Callable[[str, str], Sequence[str]]
"""Text, language → symbols of a frontend."""

STRESS = "ˈˌ"
Row = Sequence[str | float]
"""Label, start and end in seconds; the label of a pause is empty."""


def durations_of(symbols: Sequence[str], spans: Sequence[Row]) -> list[float] | None:
    """Seconds of each symbol, one more before and one behind; None where the sounds are not the same.

    Stress marks and spaces take no time. A pause is that of the punctuation it stands at, else it lengthens the sound
    before it; what comes before the first sound stands before.
    """
    sounding = [place for place, symbol in enumerate(symbols) if symbol not in STRESS and _has_letter(symbol)]
    said = [str(label).lstrip(STRESS) for label, _, _ in spans if label]
    if [symbols[place] for place in sounding] != said:
        return None
    durations = [0.0] * (len(symbols) + 2)
    waiting, last, time = list(sounding), -1, 0.0

    def take(place: int, until: float) -> None:
        nonlocal time
        durations[place + 1] += max(until - time, 0.0)
        time = max(until, time)

    for label, start, end in spans:
        pause = _pause(symbols, last, waiting[0] if waiting else len(symbols))
        take(pause, float(start if label else end))
        if label:
            last = waiting.pop(0)
            take(last, float(end))
    return [round(value, 6) for value in durations]


def _pause(symbols: Sequence[str], last: int, following: int) -> int:
    """Whose a pause between two sounds is: that of a punctuation mark, else of the sound before."""
    between = range(last + 1, following)
    marks = [place for place in between if symbols[place] not in STRESS and not symbols[place].isspace()]
    return marks[0] if marks else last


def _has_letter(symbol: str) -> bool:
    return any(letter.isalpha() for letter in symbol)


def frontend_of(context: CommandContext, name: str) -> Read | None:
    """What reads a text as the frontend of this name does; None where it is not installed."""
    registry = context.registry
    if name not in registry.names("frontend") or registry.find("frontend", name).status != "ok":
        return None
    selected = registry.select("frontend", name)
    frontend = build(selected, selected.options_type()())

    def read(text: str, language: str) -> Sequence[str]:
        try:
            return frontend.phonemize(text, language).symbols
        except UserError:
            return ()

    return read
