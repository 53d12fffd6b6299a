"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, PluginSpec

LORA = PluginSpec(
    kind="rewrite",
    name="lora",
    api=1,
    summary="LoRA: thin matrices that are trained beside frozen linear layers of any backbone",
    factory="valle_lora.rewrite:build",
    options="valle_lora.options:LoraOptions",
    capabilities=frozenset({"trainable"}),
    paper="arXiv 2106.09685",
    memory="rank · (inputs + outputs) a layer",
    advisories=("Freeze the rest with --train-only '*.lora_*'; `valle adapter new` begins one on a trained model.",),
    expected_failures={"trains_as_declared": "B begins at zero, so A gets its first gradient at the second step"},
)

NEW = CommandSpec(
    name="adapter new",
    api=2,
    summary="Copy a trained model with a fresh adapter, to be trained",
    run="valle_lora.commands:new",
    schema="valle_lora.commands:NEW",
    examples=("valle adapter new runs/first --rank 8 --out start",),
    group="Adapters: few weights that change what a trained model does",
)
SAVE = CommandSpec(
    name="adapter save",
    api=2,
    summary="Save what was trained of a model by itself: its adapter, and what else changed",
    run="valle_lora.commands:save",
    schema="valle_lora.commands:SAVE",
    examples=("valle adapter save runs/mine --base runs/first --out mine.adapter",),
)
APPLY = CommandSpec(
    name="adapter apply",
    api=2,
    summary="Put saved adapters on a model, one or several, merged or not",
    run="valle_lora.commands:apply",
    schema="valle_lora.commands:APPLY",
    examples=("valle adapter apply runs/first --adapter mine.adapter --merge --out mine",),
)
