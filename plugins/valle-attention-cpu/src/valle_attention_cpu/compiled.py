"""The compiled functions as addresses of C functions `void f(int64_t *job)`, kept on disk by numba."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

from numba import cfunc, types
from numba.core.ccallback import CFunc

from valle_attention_cpu.backward import backward
from valle_attention_cpu.forward import forward
from valle_attention_cpu.steps import step
from valle_kit import addresses

Name = Literal["forward", "backward", "step"]


@cache
def address(name: Name) -> int:
    """Compiles for some ten seconds where the machine has not done so before."""
    return int(_compiled(name).address or 0)


@cache
def _compiled(name: Name) -> CFunc:
    function = {"forward": _forward, "backward": _backward, "step": _step}[name](_stamp())
    signature = types.void(types.int64)
    try:
        return cfunc(signature, cache=True)(function)
    except RuntimeError:  # nowhere to keep it
        return cfunc(signature)(function)


def _stamp() -> int:
    """A number of the source compiled: numba itself would notice changes of this file alone."""
    digest = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.glob("*.py")), Path(addresses.__file__)):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:4], "big")


# What a function closes over is part of the name under which numba keeps it.
def _forward(stamp: int) -> Callable:
    def attention_forward(header):
        if stamp >= 0:
            forward(header)

    return attention_forward


def _backward(stamp: int) -> Callable:
    def attention_backward(header):
        if stamp >= 0:
            backward(header)

    return attention_backward


def _step(stamp: int) -> Callable:
    def attention_step(header):
        if stamp >= 0:
            step(header)

    return attention_step
