"""What this distribution offers: the codecs `tiny`, `small` and `mel-gl` and the command `valle train-codec`."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, PluginSpec

_SYNTHETIC = "Trained on synthetic (espeak-ng) speech only; how it treats human speech is unmeasured."

TINY = PluginSpec(
    kind="codec",
    name="tiny",
    api=1,
    summary="Built-in neural codec: 16 kHz, 50 Hz x 8 levels x 256, weights in the package",
    factory="valle_codec_tiny.codec:build",
    options="valle_codec_tiny.options:TinyOptions",
    memory="constant while streaming",
    weights="in the package",
    dtypes=("float32",),
    capabilities=frozenset({"streaming", "codebooks"}),
    licence="Apache-2.0 (code and weights)",
    advisories=(_SYNTHETIC,),
)

SMALL = PluginSpec(
    kind="codec",
    name="small",
    api=1,
    summary="Built-in neural codec that sounds natural: 16 kHz, 50 Hz x 8 levels x 1024, weights in the package",
    factory="valle_codec_tiny.codec:build_small",
    options="valle_codec_tiny.options:SmallOptions",
    memory="constant while streaming",
    weights="in the package",
    dtypes=("float32",),
    capabilities=frozenset({"streaming", "codebooks"}),
    licence="Apache-2.0 (code and weights)",
    advisories=("Trained on synthetic speech (Kokoro, hibari, espeak-ng); measured on two recorded people only.",),
)

MEL_GL = PluginSpec(
    kind="codec",
    name="mel-gl",
    api=1,
    summary="Baseline codec: k-means residual codes of log-mel frames, Griffin-Lim back to sound",
    factory="valle_codec_tiny.mel_gl:build",
    options="valle_codec_tiny.options:MelGriffinLimOptions",
    weights="in the package",
    dtypes=("float32",),
    capabilities=frozenset({"codebooks"}),
    licence="Apache-2.0 (code and weights)",
    advisories=(_SYNTHETIC, "A baseline: metallic sound. Prefer --codec tiny."),
)

TRAIN = CommandSpec(
    name="train-codec",
    api=2,
    summary="Train the built-in codecs on a folder of speech",
    run="valle_codec_tiny.commands:train_codec",
    schema="valle_codec_tiny.commands:SCHEMA",
    examples=("valle train-codec --corpus speech --out runs/codec --seed 1 --minutes 90",),
)
