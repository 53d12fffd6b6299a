"""The contract of alignments: a text that is said frame by frame instead of being attended to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_core.interfaces import Search


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenText:
    """The texts of a batch of rows that have no text segment, for an `Alignment`, which says them frame by frame.

    Attributes:
        symbols: [B, P] phoneme ids, right-padded with 0.
        lengths: [B] symbols of each row.
        languages: [B] index of each row's language.
        levels: [B] level each row answers, −1 for a masked level 0. At level 0 the position before a frame answers it,
            else its own.
        start: [B] position of the first frame of the response.
        frames: [B] frames of the response.
        times: [B, P + 1] as in `TaskInputs`, right-padded with the row's last; None where nothing was said yet.
        conditioned: [B] False where the model gets nothing of the alignment (`TaskSequence.without`); None: all do.
    """

    symbols: Int[Tensor, "B P"]
    lengths: Int[Tensor, "B"]
    languages: Int[Tensor, "B"]
    levels: Int[Tensor, "B"]
    start: Int[Tensor, "B"]
    frames: Int[Tensor, "B"]
    times: Float[Tensor, "B P_plus_1"] | None = None
    conditioned: Bool[Tensor, "B"] | None = None


class Guided(NamedTuple):
    """What is added to the embeddings of a batch, and what the losses need of the frames answered at level 0."""

    x: Float[Tensor, "B T D"]
    targets: Tensor | None


@runtime_checkable
class Walk(Protocol):
    """The texts of a batch while they are said; rows are those of the batch it began with, and may leave it."""

    def answer(
        self,
        h: Float[Tensor, "R D"],
        logits: Float[Tensor, "R V"],
        rows: Int[Tensor, "R"],
        chance: Float[Tensor, "R"],
    ) -> Float[Tensor, "R V"]:
        """Take the states that answer the next frame and give its logits back: the last of them, stop, is −inf while
        there is something left to say, and all others are where there is nothing. `chance` is a number in (0, 1) for
        each row, from its random seed and the frame: all that may be drawn from."""
        ...

    def guide(self, rows: Int[Tensor, "R"]) -> Float[Tensor, "R D"]:
        """What is added to the embedding of the frame just chosen."""
        ...

    def times(self, frames: Sequence[int]) -> list[Float[Tensor, "P_plus_1"]]:
        """As in `TaskInputs`, for every row, of which `frames` were said; what was not said begins where they end.

        A walk at another pace may have `kept(frames)`: for every row the frames that stay, in order, any of them more
        than once. Its times are those of the frames that stay.
        """
        ...


@runtime_checkable
class Alignment(Protocol):
    """Says the text of a row frame by frame, in place of a segment that the backbone attends to; an `nn.Module`.

    Factory: `(options, *, d_model: int, symbols: Sequence[str], languages: int) → Alignment`, with the symbol map.
    Each row gives what it gives alone; a text says itself to its end, in the order of its symbols. In eval mode
    nothing is drawn. `rows`, where it has any, names its tensors whose first rows are of "symbols" or "languages".
    """

    def guide(self, text: SpokenText, length: int) -> Guided:
        """For rows of `length` positions, padding included: what belongs to the frame that a position answers, zeros
        at others. Without times only the position that answers the first frame is known."""
        ...

    def losses(self, h: Float[Tensor, "K D"], targets: Tensor) -> Mapping[str, Float[Tensor, ""]]:
        """Losses, by name, of the finished states that answer level 0, with the targets of `guide`."""
        ...

    def walk(self, text: SpokenText, *, speed: float = 1.0, steady: bool = False) -> Walk:
        """A walk through these texts at `speed` times the usual; a `steady` one uses no chance."""
        ...


@runtime_checkable
class KnowsDurations(Protocol):
    """An alignment that says how long a text usually lasts before any of it is said; what each may have, and none owes.

    A masked level 0 needs it, as its answers are of known lengths.
    """

    def durations(self, text: SpokenText, *, speed: float = 1.0) -> tuple[list[Float[Tensor, "P_plus_1"]], list[int]]:
        """For each row: when it usually says each symbol, as `Walk.times`, at `speed` times the usual; and its frames,
        at least one, with those of a silence behind the text."""
        ...


@runtime_checkable
class Branching(Protocol):
    """An alignment that says every beginning a search follows; capability "branching"."""

    def along(self, walk: Walk, search: Search) -> Search:
        """The same search, whose beginnings each have a place in the text, as they would alone. `walk` has answered the
        first frame; it is asked for the rows of the batch that its beginnings are of, and afterwards `times` are of the
        answers found."""
        ...
