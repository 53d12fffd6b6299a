"""Reference implementations: what a `ReferenceSpec` loads, and which of those installed stand beside a part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.plugin import ReferenceSpec, UserError
from valle_core.registry.loading import one_line
from valle_core.registry.registry import Registry


@runtime_checkable
class ReferenceDecoder(Protocol):
    """A reference that remembers what it has read.

    Attributes:
        nbytes: bytes of what it remembers.
    """

    @property
    def nbytes(self) -> int: ...

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Read the next T ≥ 1 positions of every row; their finished states."""
        ...


@runtime_checkable
class ReferenceModel(Protocol):
    """A reference model over the weights of a backbone, set as its own users would set it for speed.

    One whose weights are not all parameters also says `weights_nbytes`.
    """

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states (after the final norm) of causal rows without padding; it can be differentiated."""
        ...

    def parameters(self) -> Iterable[nn.Parameter]:
        """What a training step gives gradients to."""
        ...

    def decoder(self, batch: int, max_length: int) -> ReferenceDecoder | None:
        """An empty memory for rows of at most `max_length` positions; None where it cannot decode."""
        ...


@runtime_checkable
class ReferenceTrainer(Protocol):
    """Another library's trainer, over the weights of a backbone, a table of tokens and a head.

    A row is the tokens of its positions and what is predicted there, −100 where nothing is.

    Attributes:
        settings: ways in which its own users would set it, by name.
    """

    @property
    def settings(self) -> Sequence[str]: ...

    def follow(self, batches: Sequence[Sequence[tuple[Tensor, Tensor]]], *, rate: float) -> Sequence[float]:
        """The losses of steps over these batches, in this order."""
        ...

    def train(
        self, rows: Sequence[tuple[Tensor, Tensor]], *, setting: str, batch: int, steps: int, rate: float
    ) -> Sequence[tuple[float, int, int]]:
        """For each step when it ended (seconds), how many of its positions are of rows, and how many there were."""
        ...


@runtime_checkable
class ReferenceCodec(Protocol):
    """A reference codec over the weights of one of ours, set as its own users would set it for speed, not compiled."""

    def encode(self, wav: Float[Tensor, "B N"]) -> Int[Tensor, "B F Q"]:
        """Codes of rows of equal length, F = ⌈N / hop⌉."""
        ...

    def decode(self, codes: Int[Tensor, "B F Q"]) -> Float[Tensor, "B N"]:
        """About F · hop samples; what is missing or beyond is not compared."""
        ...


@runtime_checkable
class ReferenceSampler(Protocol):
    """A reference logits processor with the options of one of ours."""

    def __call__(self, history: Int[Tensor, "B L"], logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Processed logits of rows that have all chosen L tokens."""
        ...


def references_of(registry: Registry, bench: str, part: str = "") -> list[ReferenceSpec]:
    """The installed references of a benchmark that stand beside one part, in the order of their names.

    Those whose modules are missing are among them: `load` says what to install.

    Args:
        registry: where they are found.
        bench: word after `valle bench`.
        part: name of the part; "" for benchmarks that bring both implementations.

    Raises:
        UserError: one cannot be used; its distribution and the reason are named.
    """
    found = []
    for entry in registry.entries("reference"):
        if entry.status in ("disabled", "not-installed"):
            continue
        if not isinstance(entry.spec, ReferenceSpec):
            raise UserError(f"reference '{entry.name}' ({entry.owner}) is {entry.status}: {entry.why}")
        if entry.spec.bench == bench and entry.spec.part == part:
            found.append(entry.spec)
    return found


def load_references(
    found: Iterable[ReferenceSpec], *given: Any, only: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """What they load by title, and for each title "" or why it is not among them.

    Args:
        found: those of the benchmark.
        given: what each gets, e.g. our part.
        only: title of the one that is wanted; "" for all.
    """
    loaded: dict[str, Any] = {}
    notes: dict[str, str] = {}
    for one in found:
        if only not in ("", one.title):
            continue
        try:
            loaded[one.title] = one.load(*given)
            notes[one.title] = ""
        except UserError as error:
            notes[one.title] = str(error)
        except Exception as error:  # another's code must not end the run
            notes[one.title] = f"cannot be loaded: {one_line(error)}"
    return loaded, notes
