"""Writes the format `onnx`: graphs, what a runtime must know, and a script that runs them.

step.onnx           the next code of level 0, with the cache as input and output
levels.onnx         the codes of a level ≥ 1
step_text.onnx      with a pointer, for each of these two: what a text adds to the positions of its frames
levels_text.onnx
codec.onnx          codes → sound
speech.json         symbols, ranges of the table, order of a row
speak.py            `valle_export.onnx.runtime`: runs them with numpy and onnxruntime alone
voices/             prompts of a voice box
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from valle_core.api import (
    CommandContext,
    LoadedModel,
    Registry,
    Resolved,
    UserError,
    build,
    open_stored_codec,
    write_text,
)
from valle_core.sequence.layout import CONTINUING, ORDERS
from valle_core.sequence.pack import pack
from valle_core.types import TaskInputs
from valle_export.lock import lock_of, write_lock
from valle_export.onnx import runtime
from valle_export.onnx.exporting import export_graph
from valle_export.onnx.graphs import (
    DecodingStep,
    HasGraph,
    OtherLevel,
    PointedLevel,
    PointedStep,
    attention_stack,
    pointer_graphs,
)
from valle_export.onnx.halves import Halves, opened
from valle_export.options import ExportOptions

OF_A_HALF = (
    "order", "sum_prompt", "sum_response", "sum_markers", "per_language_text", "num_levels", "ranges", "table"
)  # fmt: skip
"""What two halves may say otherwise."""


def write(context: CommandContext, options: ExportOptions, folder: Path) -> dict[str, Any]:
    """A `valle_export.formats.Write`."""
    if options.dtype != "float32":
        raise UserError(f"format onnx computes in float32; leave --dtype {options.dtype} out")
    halves = opened(options, context.registry)
    refuse_groups(halves.first.model, str(options.run))
    for half in (halves.first, halves.second):
        refuse_levels(half.model, half.path)
    about = described(halves.first)
    if halves.second is not halves.first:
        about["levels"] = {name: value for name, value in described(halves.second).items() if name in OF_A_HALF}
    check_rows(about, halves)
    first, second = halves.first.model, halves.second.model
    graphs = [name for name, written in (
        ("step.onnx", first.parts != "nar" and write_step(first, about, folder)),
        ("step_text.onnx", first.parts != "nar" and write_text_of(first, folder / "step_text.onnx")),
        ("levels.onnx", halves.has_levels and write_levels(second, folder)),
        ("levels_text.onnx", halves.has_levels and write_text_of(second, folder / "levels_text.onnx")),
        ("codec.onnx", write_codec(context, halves, folder)),
    ) if written]  # fmt: skip
    write_text(folder / "speech.json", json.dumps(about, ensure_ascii=False, indent=1) + "\n")
    shutil.copyfile(runtime.__file__, folder / "speak.py")
    write_lock(folder / "plugins.json", lock_of(halves.first.manifest))
    write_voices(halves.voices, folder / "voices")
    return {"graphs": graphs, "step": halves.first.manifest.step}


def refuse_groups(model: Any, run: str) -> None:
    """Raises `UserError` for a level 0 that is not decoded frame by frame."""
    if getattr(model.draft, "needed", False):
        raise UserError(f"{run} decodes frames in groups, which format onnx cannot export; train without --draft")


def refuse_levels(model: Any, path: Path) -> None:
    """Raises `UserError` for weights that are others at some levels."""
    if hasattr(model.backbone, "reads_levels"):
        raise UserError(f"{path} has an adapter of some levels, which format onnx cannot export; leave it out")


def write_step(model: Any, about: dict[str, Any], folder: Path) -> bool:
    """`step.onnx`, tried on a prompt and on one position."""
    layers, heads, width = about["cache"]
    pointed = model.alignment is not None

    def given(T: int, K: int, S: int) -> tuple[torch.Tensor, ...]:
        past = torch.randn(2, layers, 1, heads, S, width)
        guide = (torch.randn(1, T, model.backbone.d_model),) if pointed else ()
        return torch.randint(about["table"] + 1, (1, T, K)), past[0], past[1], *guide

    export_graph(
        PointedStep(model) if pointed else DecodingStep(model),
        folder / "step.onnx",
        inputs={"indices": {1: "T", 2: "K"}, "keys": {3: "S"}, "values": {3: "S"}}
        | ({"guide": {1: "T"}} if pointed else {}),
        outputs=("logits", "new_keys", "new_values") + (("advance",) if pointed else ()),
        tries=[given(7, 3, 5), given(20, 8, 0), given(1, 1, 9), given(1, 3, 1)],
    )
    return True


def write_levels(model: Any, folder: Path) -> bool:
    """`levels.onnx`, tried on the first and the last of its levels."""
    pointed, vocabulary = model.alignment is not None, model.vocabulary

    def given(T: int, K: int, level: int) -> tuple[torch.Tensor, ...]:
        guide = (torch.randn(1, T, model.backbone.d_model),) if pointed else ()
        return torch.randint(vocabulary.size + 1, (1, T, K)), torch.tensor([level]), *guide

    export_graph(
        PointedLevel(model) if pointed else OtherLevel(model),
        folder / "levels.onnx",
        inputs={"indices": {1: "T", 2: "K"}, "level": {}} | ({"guide": {1: "T"}} if pointed else {}),
        outputs=("logits",),
        tries=[given(7, 3, 1), given(30, 8, vocabulary.num_levels - 1), given(2, 1, 1)],
    )
    return True


def write_text_of(model: Any, path: Path) -> bool:
    """What the pointer of a half makes of a text, tried on a long one and a single phoneme; nothing without."""
    if model.alignment is None:
        return False
    symbols, languages = model.vocabulary.symbols, model.vocabulary.languages

    def given(P: int, language: int) -> tuple[torch.Tensor, ...]:
        return torch.randint(symbols, (1, P)), torch.tensor([language])

    export_graph(
        pointer_graphs(model.alignment).text,
        path,
        inputs={"symbols": {1: "P"}, "language": {}},
        outputs=("units", "dwell", "limits", "begin", "last"),
        tries=[given(9, 0), given(60, languages - 1), given(1, 0), given(2, 0)],
    )
    return True


def write_voices(voices: Mapping[str, torch.Tensor], folder: Path) -> None:
    """The prompts of a voice box, for `speak.py --prompt voices/NAME.npy`."""
    for name, codes in voices.items():
        folder.mkdir(exist_ok=True)
        np.save(folder / f"{name}.npy", codes.long().numpy(), allow_pickle=False)


def write_codec(context: CommandContext, halves: Halves, folder: Path) -> bool:
    """`codec.onnx`, where the codec has a graph of its decoder."""
    manifest, levels = halves.first.manifest, halves.second.model.vocabulary.num_levels
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
        return (torch.randint(codec.codebook_size, (1, frames, levels)),)

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
    order = (CONTINUING if continues else ORDERS)[rules.layout]
    return {
        "format_version": 1,
        "symbols": list(manifest.symbols),
        "unknown": manifest.symbols.index("<unk>") if "<unk>" in manifest.symbols else 0,
        "languages": list(manifest.languages),
        "order": [name for name in order if name != "text" or not rules.aligned],
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


def check_rows(about: dict[str, Any], halves: Halves) -> None:
    """Compare the rows that `runtime` lays out with those of the model's task. Raises `UserError` where they differ."""
    name = halves.first.manifest.tasks[0]
    speaker = runtime.OnnxSpeaker.__new__(runtime.OnnxSpeaker)
    speaker.about = about
    selected = Registry.open().select("task", name)
    task = build(selected, selected.options_type()())
    Q, text = halves.second.model.vocabulary.num_levels, list(range(min(4, len(about["symbols"]))))
    prompt = torch.arange(3 * about["codec_levels"]).view(3, -1) % about["codebook_size"]
    codes = torch.arange(5 * Q).view(5, Q) % about["codebook_size"]
    times = torch.linspace(0, len(codes), len(text) + 1)
    for level in range(Q):
        known = codes[:, :level] if level else codes[:0, :1]
        inputs = TaskInputs(text=torch.tensor(text), language=0, prompt=prompt, response=known, times=times)
        half = halves.first if level == 0 else halves.second
        batch = pack([task.compose(inputs, level, training=False)], half.model.rules)
        parts = batch.indices.tensor_split(batch.offsets[1:])
        expected = [sorted(part.tolist()) for part in parts]
        found = [sorted(row) for row in speaker.row(text, prompt.numpy(), "", level, known.numpy())]
        if found != expected:
            raise UserError(f"format onnx cannot lay out rows of task '{name}'; train with --task tts")
