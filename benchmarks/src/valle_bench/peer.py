"""What a plugin brings so that `valle bench arch` and `bench codec` can put its part beside the library it replaces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.interfaces import Backbone, Codec
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


@runtime_checkable
class CodecPeer(Protocol):
    """A peer's codec over the weights of one of ours, set as its own users would set it for speed, not compiled."""

    def encode(self, wav: Float[Tensor, "B N"]) -> Int[Tensor, "B F Q"]:
        """Codes of rows of equal length, F = ⌈N / hop⌉."""
        ...

    def decode(self, codes: Int[Tensor, "B F Q"]) -> Float[Tensor, "B N"]:
        """About F · hop samples; what is missing or beyond is not compared."""
        ...


@runtime_checkable
class CodecPeerCase(BenchCase, Protocol):
    """A case with `bench = "codec"`, given through the hook `bench_cases`.

    Attributes:
        codec: name of the codec it stands beside, e.g. `"encodec"`.
    """

    codec: str

    def load(self, codec: Codec) -> CodecPeer:
        """The peer on the very weights of `codec`, in float32 on its device.

        Raises:
            UserError: the library is missing (with the line that installs it), or cannot have these weights.
        """
        ...


def peers_of(observers: Observers, arch: str) -> list[PeerCase]:
    """The peers of one backbone, in the order of their plugins.

    Raises:
        UserError: a case of `bench arch` that names no arch or cannot be loaded.
    """
    return [case for case in _cases(observers, "arch", PeerCase, "backbone") if case.arch == arch]


def codec_peers_of(observers: Observers, codec: str) -> list[CodecPeerCase]:
    """The peers of one codec, in the order of their plugins.

    Raises:
        UserError: a case of `bench codec` that names no codec or cannot be loaded.
    """
    return [case for case in _cases(observers, "codec", CodecPeerCase, "codec") if case.codec == codec]


_Case = TypeVar("_Case")


def _cases(observers: Observers, bench: str, contract: type[_Case], part: str) -> list[_Case]:
    """The cases that say `bench`."""
    found: list[_Case] = []
    for case in observers.collect("bench_cases"):
        if getattr(case, "bench", None) != bench:
            continue
        if not isinstance(case, contract):
            name = getattr(case, "name", type(case).__name__)
            needs = f"`{bench}` and a method load({part})"
            raise UserError(f"case '{name}' of 'bench {bench}' is no peer: it needs {needs}")
        found.append(case)
    return found
