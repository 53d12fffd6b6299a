"""Options of the rewrites `bitlinear` and `bitlinear-packed` (imports no torch)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError

Norm = Literal["none", "rms"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BitLinearOptions:
    """Options of `--rewrite bitlinear` and `--rewrite bitlinear-packed`.

    Attributes:
        skip: name patterns of layers to leave as they are, e.g. `layers.0.*` or `*.o_proj`; may be repeated.
        smallest: minimum number of inputs and outputs of a layer to replace; smaller ones gain little and lose much.
        norm: normalise each position by its root mean square before rounding (rms), or not (none): with rms a layer
            ignores the scale of its input; choose none where a norm stands before each layer anyway.
    """

    skip: tuple[str, ...] = ()
    smallest: int = 16
    norm: Norm = "rms"

    def __post_init__(self) -> None:
        if self.smallest < 1:
            raise UserError(f"smallest must be at least 1, got {self.smallest}")
