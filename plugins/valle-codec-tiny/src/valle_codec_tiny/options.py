"""Options of the built-in codecs (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class TinyOptions:
    """Options of the codec `tiny`.

    Attributes:
        weights: a file made by `valle train-codec` (of `--codec small` too); empty for the weights in the package;
            `random` for untrained ones (tests only).
    """

    weights: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallOptions:
    """Options of the codec `small`.

    Attributes:
        weights: a file made by `valle train-codec --codec small`; empty for the weights in the package; `random` for
            untrained ones (tests only).
    """

    weights: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MelGriffinLimOptions:
    """Options of the codec `mel-gl`.

    Attributes:
        weights: codebooks made by `valle train-codec --codec mel-gl`; empty for those in the package.
        iterations: rounds of Griffin-Lim.
    """

    weights: str = ""
    iterations: int = 32
