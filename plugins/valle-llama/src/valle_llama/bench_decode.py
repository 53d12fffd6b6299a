"""Decoding speed beside `LlamaForCausalLM.generate`: equal weights, equal prompt, greedy tokens compared first."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from valle_core.interfaces import AttentionKernel
from valle_kit.decode_rates import in_turns
from valle_llama.bench_ways import (
    VOCABULARY,
    Size,
    TorchAttention,
    Way,
    backbone_of,
    generate,
    invariant,
    llama_of,
    logits_after,
    ours,
    weights_of,
)

SIZES = (Size(d_model=256, n_layers=4), Size(d_model=512, n_layers=8), Size(d_model=1024, n_layers=12))
TOGETHER = 16
"""Rows of the batch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One setting of one side at one size. Float32 states, CPU.

    Attributes:
        size: of the model.
        setting: whose loop, with which cache or path.
        compiled: how machine code was made for this model ("" for none).
        match: greedy tokens equal those of generate's dynamic cache, of the first row in a batch.
        tokens_per_s: new tokens per second after the prompt has been read, of all rows.
        call_s: seconds of the whole call, prompt included.
        ratio: tokens_per_s over that of generate's best setting of this batch that is not compiled.
        roofline: tokens per second if each weight were read once per step at the best rate measured.
        share: tokens_per_s / roofline.
        batch: rows at once.
        gain: tokens_per_s over that of the same setting alone.
        logits: largest difference from the reference's logits behind the same tokens, in their standard deviations.
        invariant: whether a row has the same bits alone and in a batch; None where that was not looked at.
    """

    size: str
    setting: str
    compiled: str
    match: bool
    tokens_per_s: float
    call_s: float
    ratio: float
    roofline: float
    share: float
    batch: int = 1
    gain: float = 1.0
    logits: float = 0.0
    invariant: bool | None = None


def compare(
    attention: AttentionKernel | None = None,
    *,
    part: str = "",
    sizes: Sequence[Size] = SIZES,
    new_tokens: int = 100,
    prompt_tokens: int = 200,
    repeats: int = 5,
    threads: int = 2,
    compiled: bool = False,
) -> list[Measurement]:
    """All settings at all sizes; the settings take turns in every repeat and the median counts.

    Whatever is compiled is compiled before anything is timed.

    Args:
        attention: kernel of our backbone's general path; torch's own when not given.
        part: the one size that is wanted, as `compare.parts` names it; "" for all.
        compiled: also let generate compile itself, where there is a C++ compiler (minutes).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [
            row
            for size in sizes
            if part in ("", str(size))
            for row in _compare_one(
                size, attention or TorchAttention(), new_tokens, prompt_tokens, repeats, compiled=compiled
            )
        ]
    finally:
        torch.set_num_threads(before)


compare.parts = tuple(map(str, SIZES))


def read_rate(nbytes: int, tries: int = 20) -> float:
    """Best bytes per second at which torch's threads read a float32 matrix of this size (sum and matrix-vector)."""
    matrix = torch.ones(nbytes // 4096, 1024)
    vector, row = torch.ones(1024), torch.ones(1, 1024)
    ways = (lambda: matrix.sum(), lambda: torch.mv(matrix, vector), lambda: F.linear(row, matrix))
    return matrix.nbytes / min(_seconds(way) for _ in range(tries) for way in ways)


def _compare_one(
    size: Size, attention: AttentionKernel, new: int, prompt: int, repeats: int, *, compiled: bool
) -> list[Measurement]:
    model = llama_of(size, prompt + new)
    tokens = torch.randint(VOCABULARY, (TOGETHER, prompt))
    ways = _ways(model, size, attention, tokens, compiled=compiled)
    tokens_of = [way.run(new) for way in ways]  # also the warm-up
    timed = in_turns([way.run for way in ways], new, repeats)
    rates = [way.batch * one.tokens_per_s for way, one in zip(ways, timed, strict=True)]
    shown = torch.cat([tokens[:1], tokens_of[0][:1]], 1)
    return _rows(model, size, ways, rates, [one.call_s for one in timed], tokens_of, shown, prompt)


def _ways(model: Any, size: Size, attention: AttentionKernel, tokens: Tensor, *, compiled: bool) -> list[Way]:
    """Each alone, then in a batch."""
    one, paths = tokens[:1], ["layers"] + (["fused", "int8"] if find_spec("numba") else [])
    caches = ["dynamic", "static"] + (["compiled"] if compiled and shutil.which("g++") else [])
    named = {"dynamic": "dynamic cache", "static": "static cache", "compiled": "static cache"}
    titles = {"layers": "valle, layers", "fused": "valle, fused step", "int8": "valle, fused step, int8"}
    backbones = {path: backbone_of(model, size, attention, path) for path in paths}
    theirs = [
        Way(
            setting=f"generate, {named[cache]}",
            run=generate(model, one, cache),
            compiled="torch.compile" if cache == "compiled" else "",
        )
        for cache in caches
    ]
    mine = [
        Way(
            setting=titles[path],
            run=ours(model, backbones[path], rows),
            batch=len(rows),
            compiled="" if path == "layers" else "numba",
            backbone=backbones[path],
        )
        for rows in (one, tokens)
        for path in paths
    ]
    at_once = Way(setting="generate, dynamic cache", run=generate(model, tokens, "dynamic"), batch=len(tokens))
    return [*theirs, *mine, at_once]


def _rows(
    model: Any,
    size: Size,
    ways: Sequence[Way],
    rates: Sequence[float],
    calls: Sequence[float],
    tokens_of: Sequence[Tensor],
    shown: Tensor,
    prompt: int,
) -> list[Measurement]:
    expected, known = tokens_of[0][0], weights_of(model)
    usual = sum(weight.nbytes for weight in known.values())
    speed, head = read_rate(usual), model.lm_head.weight.nbytes
    with torch.inference_mode():
        want = model(shown).logits[:, -1]
    best: dict[int, float] = {}
    for way, rate in zip(ways, rates, strict=True):
        if way.setting.startswith("generate") and not way.compiled:
            best[way.batch] = max(rate, best.get(way.batch, 0.0))
    alone = {(way.setting, way.compiled): rate for way, rate in zip(ways, rates, strict=True) if way.batch == 1}
    rows = []
    for way, rate, call, found in zip(ways, rates, calls, tokens_of, strict=True):
        roofline = way.batch * speed / (way.moved + head if way.moved else usual)
        away = 0.0
        if way.backbone is not None:
            away = float((logits_after(model, way.backbone, shown, prompt) - want).abs().max() / want.std())
        rows.append(
            Measurement(
                size=str(size),
                setting=way.setting,
                compiled=way.compiled,
                match=torch.equal(found[0], expected),
                tokens_per_s=rate,
                call_s=call,
                ratio=rate / best[way.batch],
                roofline=roofline,
                share=rate / roofline,
                batch=way.batch,
                gain=rate / alone[way.setting, way.compiled],
                logits=away,
                invariant=None if way.backbone is None else invariant(way.backbone),
            )
        )
    return rows


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
