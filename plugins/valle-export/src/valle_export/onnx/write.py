"""Writes the format `onnx`: graphs, what a runtime must know, and a script that runs them.

step.onnx      the next code of level 0, with the cache as input and output
levels.onnx    the codes of a level ≥ 1
codec.onnx     codes → sound
speech.json    symbols, ranges of the table, order of a row
speak.py       `valle_export.onnx.runtime`: runs them with numpy and onnxruntime alone
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from valle_core.api import CommandContext, LoadedModel, Resolved, UserError, open_stored_codec, write_text
from valle_core.sequence.layout import CONTINUING, ORDERS
from valle_core.sequence.pack import pack
from valle_core.types import TaskInputs
from valle_export.folder import loaded_model
from valle_export.lock import lock_of, write_lock
from valle_export.onnx import runtime
from valle_export.onnx.exporting import export_graph
from valle_export.onnx.graphs import DecodingStep, HasGraph, OtherLevel, attention_stack
from valle_export.options import ExportOptions


def write(context: CommandContext, options: ExportOptions, folder: Path) -> dict[str, Any]:
    """A `valle_export.formats.Write`."""
    if options.dtype != "float32":
        raise UserError(f"format onnx computes in float32; leave --dtype {options.dtype} out")
    loaded = loaded_model(options, context.registry)
    model: Any = loaded.model
    if model.alignment is not None:
        raise UserError(
            f"{options.run} reads its text with an alignment, which format onnx cannot export; "
            "train with --alignment none"
        )
    about = described(loaded)
    check_rows(about, loaded)
    graphs = [name for name, written in (
        ("step.onnx", model.parts != "nar" and write_step(model, about, folder)),
        ("levels.onnx", model.parts != "ar" and about["num_levels"] > 1 and write_levels(model, about, folder)),
        ("codec.onnx", write_codec(context, loaded, about, folder)),
    ) if written]  # fmt: skip
    write_text(folder / "speech.json", json.dumps(about, ensure_ascii=False, indent=1) + "\n")
    shutil.copyfile(runtime.__file__, folder / "speak.py")
    write_lock(folder / "plugins.json", lock_of(loaded.manifest))
    return {"graphs": graphs, "step": loaded.manifest.step}


def write_step(model: Any, about: dict[str, Any], folder: Path) -> bool:
    """`step.onnx`, tried on a prompt and on one position."""
    layers, heads, width = about["cache"]

    def given(T: int, K: int, S: int) -> tuple[torch.Tensor, ...]:
        past = torch.randn(2, layers, 1, heads, S, width)
        return torch.randint(about["table"] + 1, (1, T, K)), past[0], past[1]

    export_graph(
        DecodingStep(model),
        folder / "step.onnx",
        inputs={"indices": {1: "T", 2: "K"}, "keys": {3: "S"}, "values": {3: "S"}},
        outputs=("logits", "new_keys", "new_values"),
        tries=[given(7, 3, 5), given(20, 8, 0), given(1, 1, 9), given(1, 3, 1)],
    )
    return True


def write_levels(model: Any, about: dict[str, Any], folder: Path) -> bool:
    """`levels.onnx`, tried on the first and the last of its levels."""

    def given(T: int, K: int, level: int) -> tuple[torch.Tensor, ...]:
        return torch.randint(about["table"] + 1, (1, T, K)), torch.tensor([level])

    export_graph(
        OtherLevel(model),
        folder / "levels.onnx",
        inputs={"indices": {1: "T", 2: "K"}, "level": {}},
        outputs=("logits",),
        tries=[given(7, 3, 1), given(30, 8, about["num_levels"] - 1), given(2, 1, 1)],
    )
    return True


def write_codec(context: CommandContext, loaded: LoadedModel, about: dict[str, Any], folder: Path) -> bool:
    """`codec.onnx`, where the codec has a graph of its decoder."""
    manifest = loaded.manifest
    codec = open_stored_codec(
        Resolved(parts={}, sections={}),
        context.registry,
        manifest.codec,
        manifest.codec_options,
        device=torch.device("cpu"),
        what="the model speaks in codes of",
    )
    if not isinstance(codec, HasGraph):
        context.note(f"codec '{manifest.codec.name}' has no graph to export; decode the codes with valle")
        return False

    def given(frames: int) -> tuple[torch.Tensor, ...]:
        return (torch.randint(codec.codebook_size, (1, frames, about["num_levels"])),)

    export_graph(
        codec.graph(),
        folder / "codec.onnx",
        inputs={"codes": {1: "F"}},
        outputs=("wav",),
        tries=[given(11), given(40), given(3)],
    )
    return True


def described(loaded: LoadedModel) -> dict[str, Any]:
    """What `speech.json` says."""
    model: Any = loaded.model
    manifest, rules, vocabulary = loaded.manifest, model.rules, model.vocabulary
    sizes: Any = attention_stack(model.backbone).sizes
    continues = manifest.tasks == ("tts-c",)
    return {
        "format_version": 1,
        "symbols": list(manifest.symbols),
        "unknown": manifest.symbols.index("<unk>") if "<unk>" in manifest.symbols else 0,
        "languages": list(manifest.languages),
        "order": list((CONTINUING if continues else ORDERS)[rules.layout]),
        "continues": continues,
        "sum_prompt": rules.sum_prompt,
        "sum_response": rules.sum_response,
        "sum_markers": rules.sum_markers,
        "per_language_text": vocabulary.per_language_text,
        "num_levels": vocabulary.num_levels,
        "codebook_size": vocabulary.codebook_size,
        "ranges": {name: [found.start, found.stop] for name, found in vocabulary.ranges().items()},
        "table": vocabulary.size,
        "cache": [sizes.n_layers, sizes.n_kv_heads, sizes.head_dim],
        "codec": manifest.codec.name,
        "codec_levels": manifest.codec.num_levels,
        "sample_rate": manifest.codec.sample_rate,
        "hop": manifest.codec.hop,
    }


def check_rows(about: dict[str, Any], loaded: LoadedModel) -> None:
    """Compare the rows that `runtime` lays out with those of the model's task. Raises `UserError` where they differ."""
    from valle_core.api import Registry, build

    model, names = loaded.model, loaded.manifest.tasks
    speaker = runtime.OnnxSpeaker.__new__(runtime.OnnxSpeaker)
    speaker.about = about
    selected = Registry.open().select("task", names[0])
    task = build(selected, selected.options_type()())
    Q, text = about["num_levels"], list(range(min(4, len(about["symbols"]))))
    prompt = torch.arange(3 * about["codec_levels"]).view(3, -1) % about["codebook_size"]
    codes = torch.arange(5 * Q).view(5, Q) % about["codebook_size"]
    for level in range(Q):
        known = codes[:, :level] if level else codes[:0, :1]
        inputs = TaskInputs(text=torch.tensor(text), language=0, prompt=prompt, response=known)
        batch = pack([task.compose(inputs, level, training=False)], model.rules)
        parts = batch.indices.tensor_split(batch.offsets[1:])
        expected = [sorted(part.tolist()) for part in parts]
        found = [sorted(row) for row in speaker.row(text, prompt.numpy(), "", level, known.numpy())]
        if found != expected:
            raise UserError(f"format onnx cannot lay out rows of task '{names[0]}'; train with --task tts")
