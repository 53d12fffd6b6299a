"""Generations of FlashAttention: where each is imported from, and on which GPUs it runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """One generation.

    Attributes:
        name: "2", "3" or "4".
        module: has `flash_attn_varlen_func`.
        install: pip's name of the package.
        majors: compute capabilities (major) it has kernels for.
        widest: head width.
    """

    name: str
    module: str
    install: str
    majors: frozenset[int]
    widest: int


GENERATIONS = (
    Generation(name="4", module="flash_attn.cute", install="flash-attn-4", majors=frozenset({9, 10, 11}), widest=128),
    Generation(name="3", module="flash_attn_interface", install="flash-attn-3", majors=frozenset({8, 9}), widest=256),
    Generation(name="2", module="flash_attn", install="flash-attn", majors=frozenset({8, 9, 10, 11, 12}), widest=256),
)
"""Newest first. Generation 1 and GPUs before Ampere are not served."""


def choose(
    wanted: str, major: int, *, load: Callable[[str], ModuleType | Any | None] | None = None
) -> tuple[Generation, Any]:
    """The generation to run and its module.

    Raises:
        UserError: it is not installed, or has no kernels for the GPU; one line that says so for each that was asked.
    """
    passed: list[str] = []
    for generation in GENERATIONS:
        if wanted not in ("newest", generation.name):
            continue
        if major not in generation.majors:
            passed.append(f"{generation.name} has no kernels for compute capability {major}.x")
            continue
        module = (load or _load)(generation.module)
        if module is None:
            passed.append(f"{generation.name} is not installed (pip install {generation.install})")
            continue
        return generation, module
    raise UserError(f"attention: no FlashAttention can run here: {'; '.join(passed)}. Try: --attention sdpa")


def _load(name: str) -> ModuleType | None:
    """The module, or None where it is not there or has no such function (`flash_attn` alone may be generation 4)."""
    try:
        if find_spec(name) is None:
            return None
    except ModuleNotFoundError:
        return None
    module = importlib.import_module(name)
    return module if hasattr(module, "flash_attn_varlen_func") else None
