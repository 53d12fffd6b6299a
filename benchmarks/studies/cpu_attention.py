"""Kernel `cpu` beside PyTorch's flash back end, as a model calls both: forward, with gradients, and decoding steps.

python benchmarks/studies/cpu_attention.py [--repeats 20] [--out benchmarks/results/cpu-attention.md]

The two take turns in one process and the median of each counts; with one thread (OMP_NUM_THREADS=1) it is processor
time, which other work on the machine changes little. `flash` runs inside the core's grouping of mixed rows,
as `--attention flash` does.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from valle_bench.machine import provenance
from valle_core.assemble.part import build
from valle_core.registry.registry import Registry
from valle_core.types import SequenceMask
from valle_kit.mixed_rows import MixedRows

HEADS, WIDTH = 8, 64


def kernel(name: str) -> MixedRows:
    """A kernel by name, wrapped as a model wraps it."""
    selected = Registry.open().select("attention", name)
    return MixedRows(build(selected, selected.options_type()()), selected.spec.capabilities)


def rows(T: int) -> Iterator[tuple[str, SequenceMask]]:
    """Batches of four rows: equal ones, ragged ones, and mixes as training has them."""
    equal, ragged = torch.full((4,), T), torch.tensor([T, T * 7 // 8, T * 3 // 4, T * 5 // 8])
    zeros = torch.zeros_like(equal)
    yield "causal", replace(SequenceMask.causal(equal), padded=False)
    yield "full", replace(SequenceMask.full(equal), padded=False)
    yield "causal, ragged", SequenceMask.causal(ragged)
    yield "full, ragged", SequenceMask.full(ragged)
    halves = ragged * torch.tensor([0, 1, 0, 1])
    yield "causal and full, ragged", SequenceMask(lengths=ragged, prefix=halves, query_start=zeros)
    yield "prefixes, ragged", SequenceMask(lengths=ragged, prefix=ragged // 3, query_start=zeros)
    mix = torch.stack([zeros[0], ragged[1], ragged[2] // 3, ragged[3] // 2])
    yield "causal, full, prefixes", SequenceMask(lengths=ragged, prefix=mix, query_start=zeros)


def steps(T: int) -> Iterator[tuple[str, SequenceMask]]:
    """One query of each row over T cached keys."""
    for name, lengths in (("one row", [T]), ("four rows", [T] * 4), ("four rows, ragged", [T, T // 2, T // 3, T // 4])):
        at = torch.tensor(lengths)
        yield name, replace(SequenceMask.causal(at, query_start=at - 1), padded=len(set(lengths)) > 1)


def compare(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each; they take turns."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 2):
        for name, run in runs.items():
            start = clock()
            run()
            if turn > 1:
                times[name].append(clock() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def call(kernel: MixedRows, inputs: tuple[Tensor, Tensor, Tensor], mask: SequenceMask) -> Tensor:
    """One call, with gradients where the inputs want them."""
    out = kernel(*inputs, mask)
    if out.requires_grad:
        torch.autograd.grad(out, inputs, torch.ones_like(out))
    return out.detach()


def measure(lengths: Sequence[int], repeats: int) -> Iterator[tuple[str, ...]]:
    """Lines of the table."""
    kernels = {name: kernel(name) for name in ("cpu", "flash")}
    whole = [(T, *case) for T in lengths for case in rows(T)]
    cases = [(what, *case) for what in ("forward", "forward and backward") for case in whole]
    cases += [("step", T, *case) for T in (1024, 4096, 16384) for case in steps(T)]
    for what, T, name, mask in cases:
        sizes = (1 if what == "step" else T, T, T)
        q, k, v = (torch.randn(len(mask.lengths), HEADS, t, WIDTH, requires_grad="backward" in what) for t in sizes)
        first, second = (call(made, (q, k, v), mask) for made in kernels.values())
        runs: dict[str, Callable[[], object]]
        runs = {each: partial(call, made, (q, k, v), mask) for each, made in kernels.items()}
        match = "yes" if (first - second).abs().max() < 1e-4 else "NO"
        took = compare(runs, repeats)
        ms = [f"{1e3 * seconds:.3g}" for seconds in took.values()]
        yield what, str(T), name, *ms, f"{took['flash'] / took['cpu']:.2f}", match


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--lengths", type=int, nargs="+", default=[256, 512, 1024, 2048])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    table = ["| what | T | rows | `cpu` ms | `flash` ms | ratio | match |", "|---|---|---|---|---|---|---|"]
    print(*table, sep="\n")
    for line in measure(options.lengths, options.repeats):
        table.append(f"| {' | '.join(line)} |")
        print(table[-1], flush=True)
    if options.out:
        threads = torch.get_num_threads()
        more = {
            **provenance(("torch", "numba")),
            "command": shlex.join(["python", *sys.argv]),
            "threads": threads,
            "clock": "processor time" if threads == 1 else "wall",
            "shapes": f"float32, {HEADS} heads of {WIDTH}; four rows, steps as named",
        }
        facts = "\n".join(f"* {name}: {value}" for name, value in more.items())
        page = "\n".join(("# Kernel `cpu` beside `flash`", "", *table, "", facts, ""))
        options.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
