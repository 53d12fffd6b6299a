"""Options of the frontend (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class EspeakOptions:
    """Options of the frontend `espeak`.

    Attributes:
        stress: keep stress marks, as symbols of their own before the phoneme.
        punctuation: keep the marks `, . ; : ! ? … ¿ ¡ —`, as symbols of their own after the word.
        normalise: write out numbers and abbreviations before espeak-ng reads them (it reads some wrongly); for
            en, fr, de, es, it, pt, ja, zh, ko.
    """

    stress: bool = True
    punctuation: bool = True
    normalise: bool = True
