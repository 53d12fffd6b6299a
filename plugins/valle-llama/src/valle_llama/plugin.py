"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, PluginSpec, ReferenceSpec

SPEC = PluginSpec(
    kind="arch",
    name="llama",
    api=1,
    summary="LLaMA as in Hugging Face: RoPE, RMSNorm, SwiGLU, grouped-query attention; loads and saves HF weights",
    factory="valle_llama.factory:build",
    options="valle_llama.options:LlamaOptions",
    capabilities=frozenset({"packed", "prefix", "window", "tree", "rewind", "positions", "checkpointing", "compile"}),
    needs={"attention": frozenset({"causal", "full"})},
    paper="arXiv 2302.13971",
    memory="cache grows with the row",
    weights="a folder of transformers' LlamaModel",
)

TRANSFORMERS = ReferenceSpec(
    name="transformers-llama",
    api=1,
    summary="transformers' LlamaModel as a reference for arch 'llama'",
    bench="arch",
    part="llama",
    title="transformers LlamaModel",
    loads="valle_llama.reference:load",
)

TRAINER = ReferenceSpec(
    name="transformers-trainer",
    api=1,
    summary="transformers' Trainer over LlamaModel as a reference for training arch 'llama'",
    bench="train",
    part="llama",
    title="transformers Trainer",
    loads="valle_llama.trainer:load",
)

DECODE = ReferenceSpec(
    name="llama-decode",
    api=1,
    summary="Greedy decoding of arch 'llama' against LlamaForCausalLM.generate",
    bench="decode",
    title="llama",
    loads="valle_llama.bench_decode:compare",
)

EXPORT = CommandSpec(
    name="export-llama",
    api=2,
    summary="Write level 0 of a run as a folder of transformers' LlamaForCausalLM",
    run="valle_llama.one_vocabulary.commands:export_llama",
    schema="valle_llama.one_vocabulary.commands:EXPORT_SCHEMA",
    examples=(
        "valle export-llama runs/llama --out llama",
        "valle export-llama runs/llama --out llama --dtype bfloat16",
    ),
)

IMPORT = CommandSpec(
    name="import-llama",
    api=2,
    summary="Read a folder of LlamaForCausalLM written by `valle export-llama` as a run of level 0",
    run="valle_llama.one_vocabulary.commands:import_llama",
    schema="valle_llama.one_vocabulary.commands:IMPORT_SCHEMA",
    examples=("valle import-llama llama --out runs/again",),
)
