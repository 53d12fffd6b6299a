"""Options of the frontend `hibari` (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class HibariOptions:
    """Options of the frontend `hibari`.

    Attributes:
        punctuation: keep punctuation marks as symbols.
        stress: keep stress marks as symbols.
    """

    punctuation: bool = True
    stress: bool = True
