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
        skip: patterns of names of layers that stay as they are, e.g. `layers.0.*` or `*.o_proj`.
        smallest: layers with fewer inputs or outputs stay as they are: they hold little and lose much.
        norm: "rms" divides each position by its root mean square before it is rounded, "none" does not. With "rms" a
            layer ignores the scale of its input; choose "none" where a norm stands before each layer anyway.
    """

    skip: tuple[str, ...] = ()
    smallest: int = 16
    norm: Norm = "rms"

    def __post_init__(self) -> None:
        if self.smallest < 1:
            raise UserError(f"smallest must be at least 1, got {self.smallest}")
