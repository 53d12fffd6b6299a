"""The shapes of `bench attention`: presets, and what the user changes in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from valle_bench.attention.settings import Cell, Direction, Form

Preset = Literal["valle", "long", "fa", "decode", "packed"]
MIXES: dict[str, tuple[float, ...]] = {"causal": (0.0,), "window": (0.0,), "full": (1.0,), "mixed": (0.0, 1.0)}
"""Share of each row that is prefix, in turn. `mixed` is what a batch in training is: causal rows of the AR half, full
rows of the NAR half."""

PREFIX = 0.3
"""Of the form `prefix`: text and prompt, about."""

SHORTEST = 0.6
"""Rows of one bucket of training are from this share of the longest on."""

PACKED = (1.0, 0.85, 0.7, 0.55, 0.45, 0.35, 0.3, 0.2)
"""Shares of the longest row whose padded batch is 45 % padding."""

TOKENS, WIDTH = 32768, 2048
"""Of the benchmark of FlashAttention: B · T and H · Dh."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shapes:
    """A grid of cells: everything that is a sequence is crossed.

    Attributes:
        lengths: T, ascending.
        forms: of the mask.
        directions: what is timed.
        dtypes: of torch.
        head_widths: Dh.
        heads: H; 0 for `WIDTH` / Dh.
        kv_heads: Hk of which all are measured; 0 for H.
        batches: rows; 0 for `TOKENS` / T.
        shares: length of each row over T; () for even rows, one value for a fall from 1 to it.
        window: of the form "window".
    """

    lengths: tuple[int, ...]
    forms: tuple[Form, ...]
    directions: tuple[Direction, ...] = ("forward", "backward")
    dtypes: tuple[str, ...] = ("float32",)
    head_widths: tuple[int, ...] = (64,)
    heads: int = 4
    kv_heads: tuple[int, ...] = (0,)
    batches: tuple[int, ...] = (4,)
    shares: tuple[float, ...] = ()
    window: int = 256

    def cells(self) -> Iterator[Cell]:
        """Short rows first, so that the time of long ones can be foreseen."""
        for T in self.lengths:
            for dtype, width, form, kv, B, direction in self._crossed():
                heads = self.heads or WIDTH // width
                rows = max(1, TOKENS // T) if B == 0 else B
                sizes = row_lengths(T, rows, self.shares)
                shares = MIXES.get(form, (PREFIX,)) if form != "packed" else (0.0,)
                prefix = tuple(round(size * shares[row % len(shares)]) for row, size in enumerate(sizes))
                yield Cell(
                    form=form,
                    direction=direction,
                    size=T,
                    queries=1 if direction == "decode" else T,
                    lengths=sizes,
                    prefix=prefix,
                    heads=heads,
                    kv_heads=kv or heads,
                    head_width=width,
                    dtype=dtype,
                    window=self.window if form == "window" else None,
                )

    def _crossed(self) -> Iterator[tuple[str, int, Form, int, int, Direction]]:
        for dtype in self.dtypes:
            for width in self.head_widths:
                for form in self.forms:
                    for kv in self.kv_heads:
                        for B in self.batches:
                            for direction in self.directions:
                                yield dtype, width, form, kv, B, direction


def row_lengths(T: int, rows: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Lengths of the rows of a batch, the longest first."""
    if not shares:
        return (T,) * rows
    if len(shares) == 1:
        fall = [1.0 - (1.0 - shares[0]) * row / max(1, rows - 1) for row in range(rows)]
    else:
        fall = [shares[row % len(shares)] for row in range(rows)]
    return tuple(max(1, round(T * share)) for share in fall)


def shapes_of(preset: Preset, *, large: bool, quick: bool = False) -> Shapes:
    """The shapes of a preset.

    Args:
        preset: its name.
        large: for an accelerator: more rows and heads, in bfloat16.
        quick: two lengths and one form: a look only.
    """
    shapes = _PRESETS[preset]
    if large:
        grown = {"heads": shapes.heads and 16, "dtypes": ("bfloat16",)}
        shapes = replace(shapes, **grown, batches=tuple(4 * B for B in shapes.batches))
        if preset == "long":
            shapes = replace(shapes, lengths=(*shapes.lengths, 16384, 32768), batches=(1,))
        if preset == "decode":
            shapes = replace(shapes, batches=(1, 8, 32))
    if quick:
        shapes = replace(shapes, lengths=shapes.lengths[:1] + shapes.lengths[2:3], forms=shapes.forms[-1:],
                         batches=shapes.batches[:1], head_widths=shapes.head_widths[:1])  # fmt: skip
    return shapes


_PRESETS: dict[Preset, Shapes] = {
    "valle": Shapes(lengths=(256, 512, 1024, 2048), forms=("causal", "prefix", "mixed"), shares=(SHORTEST,)),
    "long": Shapes(lengths=(4096, 8192), forms=("causal", "full"), batches=(1,)),
    "fa": Shapes(
        lengths=(512, 1024, 2048, 4096, 8192, 16384), forms=("causal", "full"), head_widths=(64, 128), heads=0,
        batches=(0,),
    ),
    "decode": Shapes(
        lengths=(1024, 4096, 16384), forms=("causal",), directions=("decode",), kv_heads=(0, 2), batches=(1, 8),
        shares=(SHORTEST,),
    ),
    "packed": Shapes(lengths=(512, 1024, 2048), forms=("causal", "packed"), batches=(8,), shares=PACKED),
}  # fmt: skip
