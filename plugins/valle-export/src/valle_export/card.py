"""The model card: README.md with the fields that the Hub reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from valle_core.api import write_text
from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.kinds import is_of
from valle_export.lock import PluginLock
from valle_export.options import ExportOptions
from valle_export.source import Source

LIBRARY = "valle"


def write_card(path: Path, source: Source, options: ExportOptions, lock: PluginLock) -> None:
    """Write the card of an exported model."""
    head = yaml.safe_dump(front_matter(source, options, lock), sort_keys=False, allow_unicode=True)
    write_text(path, f"---\n{head}---\n\n{body(source, lock)}")


def front_matter(source: Source, options: ExportOptions, lock: PluginLock) -> dict[str, Any]:
    """What the Hub reads of a card: library, task, tags, languages, licence and figures."""
    manifest = source.manifest
    parts = {plugin.kind: plugin.bare for plugin in lock.plugins}
    tags = [LIBRARY, "text-to-speech", "voice-cloning", "neural-codec-language-model"]
    tags += [f"{kind}:{parts[kind]}" for kind in ("arch", "codec", "frontend", "alignment") if kind in parts]
    found: dict[str, Any] = {
        "library_name": LIBRARY,
        "pipeline_tag": "text-to-speech",
        "tags": tags,
        "language": sorted({tag.partition("-")[0] for tag in manifest.languages}),
    }
    if options.licence:
        found["license"] = options.licence
    if measured := figures(source):
        metrics = [{"type": name, "value": value, "name": name.replace("_", " ")} for name, value in measured.items()]
        found["model-index"] = [
            {
                "name": parts.get("arch", LIBRARY),
                "results": [
                    {
                        "task": {"type": "text-to-speech"},
                        "dataset": {"name": "its training data", "type": "valle"},
                        "metrics": metrics,
                    }
                ],
            }
        ]
    return found


def figures(source: Source) -> dict[str, float]:
    """Loss, accuracies and text gain of the newest line of the run's metrics up to the checkpoint."""
    if source.run is None:
        return {}
    last: dict[str, Any] = {}
    try:
        for text in read_bytes(source.run.metrics).splitlines():
            line = loads(text)
            if is_of(line.get("step"), int) and line["step"] <= source.manifest.step:
                last |= line
    except (OSError, ValueError, AttributeError):  # the line that a run is writing; a card can do without
        pass
    names = [name for name in last if name in ("loss", "text_gain") or name.startswith(("loss_", "accuracy_"))]
    return {name: round(float(last[name]), 4) for name in names if is_of(last[name], float)}


def body(source: Source, lock: PluginLock) -> str:
    """What a reader wants to know: how it is used, what it is made of, what it needs."""
    manifest = source.manifest
    codec = manifest.codec
    rows = "".join(
        f"| {one.kind} | `{one.bare}` | {one.distribution} | {one.version} | {one.api} |\n" for one in lock.plugins
    )
    values = sum(tensor.numel() for tensor in source.tensors.values())
    return f"""\
# A codec language model for text-to-speech

Made with [valle](https://github.com/valle-tts/valle), {manifest.step} steps of training, {values / 1e6:.2f} million \
parameters, languages {", ".join(manifest.languages)}. It speaks in codes of `{codec.name}` ({codec.sample_rate} Hz, \
{codec.sample_rate / codec.hop:g} frames/s).

```
valle plugins lock . --check
valle synth "the boat sails tonight" --model . --prompt voice.wav --out speech.wav
```

Loading it runs no code of this folder: weights are safetensors, everything else is JSON and YAML that names plugins, \
which must be installed:

| kind | plugin | distribution | version | API |
|---|---|---|---|---|
{rows}"""
