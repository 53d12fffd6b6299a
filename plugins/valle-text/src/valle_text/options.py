"""Options of the frontend (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LANGUAGES = (
    *("en", "en-us", "en-gb", "fr", "fr-fr", "fr-be", "fr-ca", "fr-ch", "de", "de-at", "de-ch"),
    *("es", "es-es", "es-419", "es-mx", "it", "pt", "pt-pt", "pt-br", "ja", "zh", "cmn", "yue", "ko"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextOptions:
    """Options of the frontend `text`.

    Attributes:
        tokenizer: tokenizer file made by `valle train-tokenizer`; left out: split into `unit`.
        unit: symbols without a tokenizer: characters, or bytes (256 symbols for every script).
        lowercase: convert the text to lower case.
        normalise: write out numbers and abbreviations, in en, fr, de, es, it, pt, ja, zh and ko.
        languages: language tags to accept; text of any language can be read.
        trained: content of a tokenizer file, as datasets and checkpoints carry it; takes the place of `tokenizer`.
    """

    tokenizer: str = ""
    unit: Literal["characters", "bytes"] = "characters"
    lowercase: bool = True
    normalise: bool = True
    languages: tuple[str, ...] = LANGUAGES
    trained: str = ""
