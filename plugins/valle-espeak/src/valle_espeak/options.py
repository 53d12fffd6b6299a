"""Options of the frontend (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class EspeakOptions:
    """Options of the frontend `espeak`.

    Attributes:
        stress: keep stress marks, as separate symbols before the phoneme.
        punctuation: keep the punctuation marks `, . ; : ! ? … ¿ ¡ —`, as separate symbols after the word.
        normalise: write out numbers and abbreviations before espeak-ng reads them (it reads some wrongly), in en, fr,
            de, es, it, pt, ja, zh and ko.
        foreign: letters of a script that the language's voice cannot read: refuse them, or read them with a voice of
            their script (Chinese for 你好).
    """

    stress: bool = True
    punctuation: bool = True
    normalise: bool = True
    foreign: Literal["refuse", "voice"] = "refuse"

    def __post_init__(self) -> None:
        if self.foreign not in ("refuse", "voice"):
            raise UserError(f"foreign '{self.foreign}' is unknown. Choose refuse or voice")
