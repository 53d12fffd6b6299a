"""Which scan runs: this package's, or mamba-ssm's kernels where they are installed and can serve the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor

from valle_core.plugin import UserError
from valle_mamba.block_scan import block_scan
from valle_mamba.convolution import causal_convolution
from valle_mamba.options import Engine as Wanted
from valle_mamba.selective_scan import selective_scan

MODULES = ("mamba_ssm", "causal_conv1d")
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """The choice, made from facts before anything runs.

    Attributes:
        wanted: the option.
        missing: modules of the kernels that cannot be imported.
    """

    wanted: Wanted
    missing: tuple[str, ...]

    @classmethod
    def of(cls, wanted: Wanted, arch: str) -> Engine:
        """What is installed. Raises `UserError` when kernels are asked for that are not there."""
        missing = tuple(module for module in MODULES if find_spec(module) is None)
        if wanted == "kernels" and missing:
            raise UserError(
                f"arch '{arch}': engine = 'kernels' needs {' and '.join(missing)}, not installed. "
                "Install with: pip install mamba-ssm causal-conv1d (CUDA), or leave engine at 'auto'"
            )
        return cls(wanted=wanted, missing=missing)

    def serves(self, x: Tensor, *, packed: bool, continued: bool) -> bool:
        """Whether the kernels take this call.

        Args:
            x: input of the scan.
            packed: a state has to be forgotten inside a row.
            continued: something is remembered at the start of the rows.

        Raises:
            UserError: kernels are asked for and x is not where they run.
        """
        if self.wanted == "torch" or self.missing:
            return False
        able = x.device.type == "cuda" and x.dtype in DTYPES
        if self.wanted == "kernels" and not able:
            raise UserError(
                f"engine = 'kernels' runs on CUDA in float32, bfloat16 or float16, not on {x.device.type} in "
                f"{str(x.dtype).removeprefix('torch.')}. Try engine = 'auto'"
            )
        return able and not packed and not continued

    def convolution(self, kernels: bool) -> Callable[..., Tensor]:
        """`causal_convolution`, ours or the kernel under its signature."""
        if kernels:
            from valle_mamba.kernels import convolution

            return convolution
        return causal_convolution

    def selective_scan(self, kernels: bool) -> Callable[..., tuple[Tensor, Tensor]]:
        """`selective_scan`, ours or the kernel under its signature."""
        if kernels:
            from valle_mamba import kernels as theirs

            return theirs.selective_scan
        return selective_scan

    def block_scan(self, kernels: bool) -> Callable[..., tuple[Tensor, Tensor]]:
        """`block_scan`, ours or the kernel under its signature."""
        if kernels:
            from valle_mamba import kernels as theirs

            return theirs.block_scan
        return block_scan
