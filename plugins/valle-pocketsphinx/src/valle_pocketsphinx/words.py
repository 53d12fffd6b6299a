"""Written text ↔ words of the pronouncing dictionary."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from valle_core.plugin import UserError
from valle_language.recognition import TimedWord


@dataclass(frozen=True, slots=True)
class Token:
    """A word as written, with the words that are said for it.

    Attributes:
        written: without spaces.
        words: of the dictionary, e.g. `("well", "known")` of `well-known,`; none of a mark that stands alone.
    """

    written: str
    words: tuple[str, ...]


def tokens(text: str) -> list[Token]:
    """The text split at spaces; case and punctuation are not said, apostrophes inside words stay."""
    return [Token(written, _words(written)) for written in text.split()]


def _words(written: str) -> tuple[str, ...]:
    found = re.findall(r"[\w'.]+", written.lower().replace("’", "'"))
    return tuple(word for one in found if (word := one.strip("'._")))


def require_known(text_tokens: Sequence[Token], text: str, known: Callable[[str], bool]) -> None:
    """Raises `UserError` naming the words that the dictionary lacks, or for a text without words."""
    if not any(token.words for token in text_tokens):
        raise UserError(f"text {text!r} has no words. Give a text with words")
    lacking = [word for token in text_tokens for word in token.words if not known(word)]
    if lacking:
        names = ", ".join(f"'{word}'" for word in dict.fromkeys(lacking))
        raise UserError(
            f"pocketsphinx's dictionary lacks {names} of {text!r}. Write it otherwise (numbers as words), "
            "or choose another recognizer"
        )


def placed(text_tokens: Sequence[Token], times: Sequence[TimedWord]) -> tuple[TimedWord, ...]:
    """The written words with the times of the words said for them; a mark alone has the moment it stands at."""
    rest, found = iter(times), []
    moment = times[0].start if times else 0.0
    for token in text_tokens:
        mine = [next(rest) for _ in token.words]
        start, end = (mine[0].start, mine[-1].end) if mine else (moment, moment)
        sure = [one.probability for one in mine if one.probability is not None]
        found.append(TimedWord(text=token.written, start=start, end=end, probability=min(sure, default=None)))
        moment = end
    return tuple(found)
