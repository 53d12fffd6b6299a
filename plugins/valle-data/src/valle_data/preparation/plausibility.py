"""Whether a transcript can be what a recording says, by letters a second.

Measured on 500 English sentences of the corpus for training (68 voices): 9 … 22 letters for each second that is not
silence, half of them below 16; the limits keep a factor of 1.6 and more from what was seen.
"""

from __future__ import annotations

from valle_core.plugin import UserError

_EDGES = 0.1  # seconds added to what is not silence, for the quiet beginnings and ends of words
_SYLLABLE = 3  # letters that a character of a syllabary, or an ideograph, counts as
_SYLLABLES = ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0x20000, 0x3FFFF))


class TooFast(UserError):
    """More text than can be said in the time; `rate` is letters a second."""

    def __init__(self, message: str, rate: float) -> None:
        super().__init__(message)
        self.rate = rate


class TooSlow(UserError):
    """Hardly any text for the time; `rate` is letters a second."""

    def __init__(self, message: str, rate: float) -> None:
        super().__init__(message)
        self.rate = rate


def letters(text: str, *, digit: int) -> int:
    """Letters of a text: an ideograph or a syllable counts three, a figure `digit`, marks and spaces nothing."""
    count = 0
    for one in text:
        if one.isalnum():
            code = ord(one)
            is_syllable = code > 0x3000 and any(first <= code <= last for first, last in _SYLLABLES)
            count += digit if one.isnumeric() and not is_syllable else _SYLLABLE if is_syllable else 1
    return count


def check_rate(text: str, *, seconds: float, active: float, least: float, most: float) -> None:
    """Refuse a text that the sound cannot be.

    Args:
        text: the transcript; one without letters is not judged here.
        seconds: of the audio.
        active: seconds of it that are louder than silence.
        least: letters a second of the whole, where each figure counts as a short word.
        most: letters a second of what is not silence, where each figure counts as one letter.

    Raises:
        TooFast, TooSlow: the rate is outside of `least` … `most`.
    """
    few, many = letters(text, digit=1), letters(text, digit=3)
    if not many:
        return
    if (rate := few / (active + _EDGES)) > most:
        raise TooFast(
            f"{few} letters of text in {active:.2f} s of sound are {rate:.0f} a second, more than {most:g}: another "
            "recording's text, or a wrong sample rate",
            rate,
        )
    if (rate := many / seconds) < least:
        raise TooSlow(
            f"{many} letters of text in {seconds:.1f} s are {rate:.2f} a second, fewer than {least:g}: a part of the "
            "text is missing, or the recording is mostly silence (--trim-silence)",
            rate,
        )
