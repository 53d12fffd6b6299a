"""The commands that valle-export announces (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, ReferenceSpec

EXPORT = CommandSpec(
    name="export",
    api=2,
    summary="Export a trained model as a folder that loads anywhere",
    run="valle_export.commands:export",
    schema="valle_export.commands:EXPORT_SCHEMA",
    examples=(
        "valle export runs/first --out exported",
        "valle export runs/first --out exported --dtype bfloat16 --licence apache-2.0",
        "valle export runs/first --out onnx --format onnx",
        "valle export runs/llama --out gguf --format gguf --dtype float16",
    ),
)
PUSH = CommandSpec(
    name="push",
    api=2,
    summary="Upload an exported model to the Hub of Hugging Face",
    run="valle_export.hub_commands:push_model",
    schema="valle_export.hub_commands:PUSH_SCHEMA",
    examples=("valle push exported anna/first-voice --private",),
)
PULL = CommandSpec(
    name="pull",
    api=2,
    summary="Download a model from the Hub of Hugging Face",
    run="valle_export.hub_commands:pull_model",
    schema="valle_export.hub_commands:PULL_SCHEMA",
    examples=("valle pull anna/first-voice --out voice", "valle pull anna/first-voice --out voice --revision v1"),
)
LOCK = CommandSpec(
    name="plugins lock",
    api=2,
    summary="Write or check the list of plugins, with versions, that a model needs",
    run="valle_export.commands:lock",
    schema="valle_export.commands:LOCK_SCHEMA",
    examples=(
        "valle plugins lock runs/first --out plugins.json",
        "valle plugins lock plugins.json --check",
        "valle plugins lock --out installed.json",
    ),
)

DECODE = ReferenceSpec(
    name="onnx-decode",
    api=1,
    summary="Greedy decoding of arch 'llama' against its step exported to ONNX, run by onnxruntime",
    bench="decode",
    title="ONNX",
    loads="valle_export.onnx.bench_decode:compare",
)
