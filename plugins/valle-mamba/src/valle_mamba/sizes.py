"""Everything that decides the shapes and the functions of the two networks, and what makes it impossible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from valle_core.plugin import UserError
from valle_mamba.options import Mamba2Options, MambaOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class MambaSizes:
    """Sizes of `mamba`, every default filled in; names as in `MambaOptions`.

    Attributes:
        d_inner: width of the scan, expand · d_model.
    """

    d_model: int
    n_layers: int
    d_state: int
    d_conv: int
    expand: int
    dt_rank: int
    conv_bias: bool
    bias: bool
    norm_eps: float
    max_length: int | None

    arch = "mamba"

    @property
    def d_inner(self) -> int:
        return self.expand * self.d_model

    @property
    def conv_width(self) -> int:
        """Channels that pass through the convolution."""
        return self.d_inner

    @property
    def state_shape(self) -> tuple[int, ...]:
        """What one layer remembers of a row beside the convolution's inputs: [N, d_inner]."""
        return (self.d_state, self.d_inner)

    def __post_init__(self) -> None:
        _positive(self, ("d_model", "n_layers", "d_state", "d_conv", "expand", "dt_rank", "norm_eps", "max_length"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mamba2Sizes:
    """Sizes of `mamba2`, every default filled in; names as in `Mamba2Options`.

    Attributes:
        d_inner: width of the scan, expand · d_model.
        n_heads: d_inner / head_dim.
        dt_limit: smallest and largest step size.
    """

    d_model: int
    n_layers: int
    d_state: int
    d_conv: int
    expand: int
    head_dim: int
    n_groups: int
    conv_bias: bool
    bias: bool
    norm_eps: float
    max_length: int | None
    dt_limit: tuple[float, float] = (0.0, float("inf"))

    arch = "mamba2"

    @property
    def d_inner(self) -> int:
        return self.expand * self.d_model

    @property
    def n_heads(self) -> int:
        return self.d_inner // self.head_dim

    @property
    def conv_width(self) -> int:
        """Channels that pass through the convolution: x, B and C."""
        return self.d_inner + 2 * self.n_groups * self.d_state

    @property
    def state_shape(self) -> tuple[int, ...]:
        """What one layer remembers of a row beside the convolution's inputs: [groups, N, d_inner / groups]."""
        return (self.n_groups, self.d_state, self.d_inner // self.n_groups)

    def __post_init__(self) -> None:
        _positive(
            self,
            ("d_model", "n_layers", "d_state", "d_conv", "expand", "head_dim", "n_groups", "norm_eps", "max_length"),
        )
        if self.d_inner % self.head_dim:
            fits = [n for n in (8, 16, 32, 64, 128) if self.d_inner % n == 0] or [self.d_inner]
            raise _refuse(self, "head_dim", f"must divide expand · d_model = {self.d_inner}, e.g. {fits}")
        if self.n_heads % self.n_groups:
            raise _refuse(self, "n_groups", f"must divide the number of heads, {self.n_heads}")
        low, high = self.dt_limit
        if not 0 <= low <= high:
            raise _refuse(self, "dt_limit", "must be two numbers with 0 ≤ smallest ≤ largest")


Sizes = MambaSizes | Mamba2Sizes


def mamba_sizes(options: MambaOptions) -> MambaSizes:
    """The sizes the options ask for. Raises `UserError` for sizes no Mamba can have."""
    rank = -(-options.d_model // 16) if options.dt_rank is None else options.dt_rank
    return MambaSizes(
        d_model=options.d_model,
        n_layers=options.n_layers,
        d_state=options.d_state,
        d_conv=options.d_conv,
        expand=options.expand,
        dt_rank=rank,
        conv_bias=options.conv_bias,
        bias=options.bias,
        norm_eps=options.norm_eps,
        max_length=options.max_length,
    )


def mamba2_sizes(options: Mamba2Options) -> Mamba2Sizes:
    """The sizes the options ask for. Raises `UserError` for sizes no Mamba-2 can have."""
    return Mamba2Sizes(
        d_model=options.d_model,
        n_layers=options.n_layers,
        d_state=options.d_state,
        d_conv=options.d_conv,
        expand=options.expand,
        head_dim=options.head_dim,
        n_groups=options.n_groups,
        conv_bias=options.conv_bias,
        bias=options.bias,
        norm_eps=options.norm_eps,
        max_length=options.max_length,
    )


def _positive(sizes: Sizes, names: Iterable[str]) -> None:
    for name in names:
        value = getattr(sizes, name)
        if value is None:
            continue
        if name == "norm_eps" and not value > 0:
            raise _refuse(sizes, name, "must be above 0")
        if name != "norm_eps" and value < 1:
            raise _refuse(sizes, name, "must be at least 1")


def _refuse(sizes: Sizes, name: str, reason: str) -> UserError:
    return UserError(f"arch '{sizes.arch}': {name} {reason}, got {getattr(sizes, name)}")
