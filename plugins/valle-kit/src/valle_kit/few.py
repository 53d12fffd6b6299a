"""Layers in a row for few states at a time, as a push of a codec has them: by the compiled function where it is there.

Such a product is a reading of its weights, which PyTorch's libraries do at a third of the speed of memory.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_kit.compiled_steps import LINEAR

FEW = 4
"""Most states that are computed so; with more PyTorch's products are as fast."""


class Few:
    """What each of the modules makes of what the one before it gave; equal to PyTorch's but for roundings.

    Layer norms with scale and shift, linear layers with float32 weights and GELU (not as the first) are what the
    compiled function knows. Where it is not yet compiled on this machine (`valle compile`), nothing waits for it. An
    object is one thread's.
    """

    def __init__(self, *modules: nn.Module) -> None:
        self._modules = modules
        self._by_torch = find_spec("numba") is None
        self._made: Any = None

    def __call__(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B W"]:
        width = x.shape[-1]
        if 0 < x.numel() <= FEW * width and not self._by_torch and _plain(x):
            if self._made is None or not self._made.program.fits():
                self._made = self._runner(width)
            if self._made is not None:
                return self._made.few(x.reshape(-1, width)).view(*x.shape[:-1], -1)
        for module in self._modules:
            x = module(x)
        return x

    def _runner(self, width: int) -> Any:
        """The modules as a program, or None, once and for all, where torch must do it."""
        try:
            from valle_kit.stepping import kernel, layout
            from valle_kit.stepping.program import Program
            from valle_kit.stepping.runner import Runner
        except ImportError as error:  # numba refuses a numpy it does not know
            warnings.warn(f"frames are computed without the compiled function: {error}", stacklevel=3)
            self._by_torch = True
            return None
        if not (kernel.is_ready() and all(_known(module) for module in self._modules)):
            self._by_torch = True
            return None
        program = Program(width, FEW, torch.get_num_threads(), 0)
        at = program.h
        for place, module in enumerate(self._modules):
            if place:
                program.wait()
            if isinstance(module, nn.GELU):
                program.gate(layout.GELU if module.approximate == "none" else layout.GELU_TANH, at)
                continue
            into = program.buffer(f"after {place}", module.out_features if isinstance(module, nn.Linear) else width)
            if isinstance(module, nn.Linear):
                program.product(module, at, into)
            else:
                program.norm(at, module, into)
            at = into
        return Runner(program, at)


def _known(module: nn.Module) -> bool:
    if isinstance(module, nn.LayerNorm):
        fits = module.bias is not None and len(module.normalized_shape) == 1
    else:
        fits = isinstance(module, nn.GELU) or (type(module) in LINEAR and isinstance(module, nn.Linear))
    fits = fits and not (module._forward_hooks or module._forward_pre_hooks)
    return fits and all(one.dtype == torch.float32 and one.is_contiguous() for one in module.parameters())


def _plain(x: Tensor) -> bool:
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )
