"""What `fused` says about itself (imports no torch)."""

from __future__ import annotations

import os

from valle_core.plugin import PluginSpec, Requirement

INTERPRETER = "TRITON_INTERPRET"
"""Environment variable of Triton: with 1, kernels run on the CPU, in Python. Read once, when they are imported."""


INTERPRETED = os.environ.get(INTERPRETER) == "1"
ADVICE = "It runs in Triton's interpreter, slowly." if INTERPRETED else f"{INTERPRETER}=1 runs it slowly on the CPU."

FUSED = PluginSpec(
    kind="attention",
    name="fused",
    api=1,
    summary="Flash attention in Triton, forward and backward, for every mask but trees.",
    factory="valle_attention_fused.kernel:build",
    options="valle_attention_fused.options:FusedOptions",
    devices=("cpu",) if INTERPRETED else ("cuda",),
    capabilities=frozenset({"mixed", "prefix", "packed", "window"}),
    requires=(Requirement(module="triton", hint="pip install triton"),),
    paper="after arXiv 2307.08691",
    memory="linear in the row",
    advisories=(ADVICE,),
)
