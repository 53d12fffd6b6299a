"""What a plugin brings so that `valle bench arch` can put a backbone beside the library it replaces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from valle_core.interfaces import Backbone
from valle_core.plugin import UserError
from valle_core.registry.hooks import BenchCase, Observers


@runtime_checkable
class PeerDecoder(Protocol):
    """A peer that remembers what it has read.

    Attributes:
        nbytes: bytes of what it remembers.
    """

    @property
    def nbytes(self) -> int: ...

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Read the next T ≥ 1 positions of every row; their finished states."""
        ...


@runtime_checkable
class PeerModel(Protocol):
    """A peer's model over the weights of a backbone, set as its own users would set it for speed.

    One whose weights are not all parameters also says `weights_nbytes`.
    """

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states (after the final norm) of causal rows without padding; it can be differentiated."""
        ...

    def parameters(self) -> Iterable[nn.Parameter]:
        """What a training step gives gradients to."""
        ...

    def decoder(self, batch: int, max_length: int) -> PeerDecoder | None:
        """An empty memory for rows of at most `max_length` positions; None where the peer cannot decode."""
        ...


@runtime_checkable
class PeerCase(BenchCase, Protocol):
    """A case with `bench = "arch"`, given through the hook `bench_cases`.

    Attributes:
        arch: name of the backbone it stands beside, e.g. `"retnet"`.
    """

    arch: str

    def load(self, backbone: Backbone) -> PeerModel:
        """The peer on the very weights of `backbone`, in float32 on its device.

        Raises:
            UserError: the library is missing (with the line that installs it), or cannot have these sizes.
        """
        ...


def peers_of(observers: Observers, arch: str) -> list[PeerCase]:
    """The peers of one backbone, in the order of their plugins.

    Raises:
        UserError: a case of `bench arch` that names no arch or cannot be loaded.
    """
    found = [case for cases in observers.call("bench_cases") for case in cases if case.bench == "arch"]
    for case in found:
        if not isinstance(case, PeerCase):
            raise UserError(
                f"case '{case.name}' of 'bench arch' is no peer: it needs `arch` and a method load(backbone)"
            )
    return [case for case in found if case.arch == arch]
