"""The kernel `auto`."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Hashable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.registry.loading import one_line
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_inputs import check_fit
from valle_kit.auto_attention.candidates import Candidate, candidates, form_of
from valle_kit.auto_attention.kept import place, read, write
from valle_kit.auto_attention.options import AutoOptions

REPEATS = 3


def build(options: AutoOptions) -> AutoKernel:
    """Factory of `auto`."""
    return AutoKernel(options, say=say)


def say(line: str) -> None:
    """A line for the user, beside what the command prints."""
    sys.stderr.write(line + "\n")


class AutoKernel:
    """Satisfies `valle_core.interfaces.AttentionKernel`: hands each call to the kernel chosen for its situation.

    A kernel that refuses a call or fails is passed over, and the next is asked. What was chosen is said once for each
    situation.
    """

    def __init__(self, options: AutoOptions, *, say: Callable[[str], None]) -> None:
        self._measure, self._say = options.measure, say
        self._known: dict[tuple[str, torch.dtype], tuple[list[Candidate], dict[str, str]]] = {}
        self._chosen: dict[Hashable, Candidate] = {}

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        check_fit(q, k, v, mask)
        key = _key(q, k, v, mask)
        chosen = self._chosen.get(key)
        if chosen is None:
            chosen = self._chosen[key] = self._choose(_situation(q, k, v, mask), q, k, v, mask)
        return chosen.kernel(q, k, v, mask, scale=scale)

    def _choose(self, situation: str, q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask) -> Candidate:
        at = (q.device.type, q.dtype)
        if at not in self._known:
            self._known[at] = candidates(*at)
        found, out = self._known[at]
        out = dict(out)
        took = read(place()).get(situation, {}) if self._measure else {}
        able: list[Candidate] = []
        for one in found:
            try:
                if one.name not in took:
                    _run(one, q, k, v, mask)
            except UserError as error:
                out[one.name] = str(error).partition(". Try:")[0]
                continue
            except Exception as error:  # another's code, and another kernel may do it
                out[one.name] = f"failed: {one_line(error)}"
                continue
            able.append(one)
            if not self._measure:
                break
        if not able:
            raise UserError(f"attention 'auto' finds no kernel for {situation}: {_listed(out)}")
        if self._measure and not set(took) >= {one.name for one in able}:
            took = {one.name: _timed(one, q, k, v, mask) for one in able}
            write(place(), {**read(place()), situation: took})
        best = min(able, key=lambda one: took[one.name]) if took else able[0]
        for one in found:
            if one.name != best.name and one.name not in out:
                times = took[one.name] / took[best.name] if one.name in took else 0.0
                out[one.name] = f"takes {times:.2f} times as long" if times else "comes later"
        self._say(f"attention auto: {best.name} for {situation}. Passed over: {_listed(out)}")
        return best


def _key(q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask) -> Hashable:
    """What `_situation` says, for every call: without words, and without asking a GPU for its name."""
    form = None if isinstance(mask, PackedMask) else (mask.form, mask.window is None, mask.tree is None)
    return q.device, q.dtype, q.shape[3], _bits(k), form, "one" if q.shape[2] == 1 else _learns(q, k, v)


def _situation(q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask) -> str:
    """Device, dtype, head width, range of lengths, form of the mask, and whether gradients are wanted."""
    what = "one query" if q.shape[2] == 1 else "training" if _learns(q, k, v) else "whole rows"
    dtype = str(q.dtype).removeprefix("torch.")
    device = torch.cuda.get_device_name(q.device) if q.is_cuda else q.device.type
    return f"{device}, {dtype}, heads of {q.shape[3]}, up to {1 << _bits(k)} keys, {form_of(mask)}, {what}"


def _bits(k: Tensor) -> int:
    return max(0, k.shape[2] - 1).bit_length()


def _learns(q: Tensor, k: Tensor, v: Tensor) -> bool:
    return torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)


def _run(one: Candidate, q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask) -> None:
    """One call, with gradients where they are wanted; leaves none behind."""
    inputs = [x.detach().requires_grad_(x.requires_grad) for x in (q, k, v)]
    out = one.kernel(*inputs, mask)
    wanted = [x for x in inputs if x.requires_grad]
    if out.requires_grad and wanted:
        torch.autograd.grad(out, wanted, torch.ones_like(out), allow_unused=True)


def _timed(one: Candidate, q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask) -> float:
    seconds = []
    for _ in range(REPEATS):
        if q.is_cuda:
            torch.cuda.synchronize(q.device)
        start = time.perf_counter()
        _run(one, q, k, v, mask)
        if q.is_cuda:
            torch.cuda.synchronize(q.device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _listed(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{name} ({reason})" for name, reason in reasons.items()) or "none"
