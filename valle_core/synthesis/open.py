"""From a run folder and plugin names to a synthesizer."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from valle_core.assemble.device import choose_device
from valle_core.assemble.part import build
from valle_core.assemble.stored_codec import open_stored_codec
from valle_core.audio.wav import load
from valle_core.checkpoint.load import LoadedModel, load_model
from valle_core.codes.identity import require_same
from valle_core.config.resolve import resolve
from valle_core.config.schema import Part, Resolved, Schema, Slot
from valle_core.interfaces import Codec, Frontend, KnowsPrompts
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.identity import check_plugin, warn
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected
from valle_core.synthesis.autoregressive import MakesReady
from valle_core.synthesis.options import SynthesisOptions
from valle_core.synthesis.prompt import LoadsAudio, Prompts
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import SynthesisComponents, Synthesizer, TextReader, read_words
from valle_core.synthesis.task_choice import task_of
from valle_core.text.symbols import SymbolMap
from valle_core.types import PromptRange


def open_synthesizer(
    resolved: Resolved,
    registry: Registry,
    observers: Observers,
    *,
    read_text: TextReader = read_words,
    load_prompt: LoadsAudio = load,
) -> Synthesizer:
    """Everything `SYNTHESIS_SCHEMA` describes, loaded and checked to fit together; `read_text` is the voice's,
    `load_prompt` that of its prompts.

    Raises:
        UserError: no run, a missing plugin, another codec than the model's, halves that do not belong together.
    """
    options: SynthesisOptions = resolved.sections["synthesis"]
    if not options.model:
        raise UserError("no model given; name the folder of a run with --model")
    device = choose_device(options.device)
    selected = preflight(registry, resolved.choices(), device=device.type, dtype=options.dtype)
    dtype: torch.dtype = getattr(torch, options.dtype)
    overrides = [setting for part in resolved.parts["attention"] for setting in _settings("attention", part)]
    ar = load_model(Path(options.model), registry, device=device, dtype=dtype, overrides=overrides)
    nar = ar
    if options.nar_model:
        nar = load_model(Path(options.nar_model), registry, device=device, dtype=dtype, overrides=overrides)
    _check_halves(ar, nar)
    if isinstance(ar.model.backbone, MakesReady):
        ar.model.backbone.make_ready(_note)
    task, task_part = task_of(resolved, registry, ar, nar)
    speaking = build(task, task_part.options)
    return Synthesizer(
        SynthesisComponents(
            ar=ar.model,
            nar=nar.model,
            symbols=SymbolMap(ar.manifest.symbols),
            languages=ar.manifest.languages,
            codec=open_codec(resolved, registry, ar, device),
            frontend=open_frontend(resolved, registry, ar),
            task=speaking,
            chain=SamplerChain(
                [
                    build(chosen, part.options)
                    for chosen, part in zip(selected["sampler"], resolved.parts["sampler"], strict=True)
                ]
            ),
            nar_chain=SamplerChain(
                [
                    build(chosen, part.options)
                    for chosen, part in zip(selected["nar_sampler"], resolved.parts["nar_sampler"], strict=True)
                ]
            ),
            observers=observers,
            prompts=Prompts(
                trained=trained_prompts(ar, registry, task),
                continues=speaking.continues,
                max_seconds=options.max_prompt_seconds,
                load=load_prompt,
            ),
            read_text=read_text,
        )
    )


def trained_prompts(loaded: LoadedModel, registry: Registry, task: Selected) -> PromptRange | None:
    """The prompts that this task trained the model with, by its options then; None where that is not known."""
    name = task.name.rpartition(":")[2]
    stored = {key.rpartition(":")[2]: options for key, options in loaded.manifest.task_options.items()}
    if name not in stored:
        return None
    schema = Schema(slots=(Slot("task", "task", {"name": task.name, **stored[name]}),))
    try:
        trained = build(task, resolve(schema, registry, stored=True).part("task").options)
    except UserError as error:
        warn(f"{loaded.path}: task '{name}' does not take the options it was trained with: {error}")
        return None
    return trained.prompts if isinstance(trained, KnowsPrompts) else None


def open_codec(resolved: Resolved, registry: Registry, loaded: LoadedModel, device: torch.device) -> Codec:
    """The codec named in `resolved`, else the model's; refused unless its identity is the model's."""
    if not resolved.parts.get("codec"):
        _check_maker("codec", registry, loaded)
    return open_stored_codec(
        resolved,
        registry,
        loaded.manifest.codec,
        loaded.manifest.codec_options,
        device=device,
        what="the model speaks in codes of",
    )


def open_frontend(resolved: Resolved, registry: Registry, loaded: LoadedModel) -> Frontend:
    """The frontend named in `resolved`, else the one the model's data was made with."""
    manifest = loaded.manifest
    wanted = resolved.parts.get("frontend")
    schema = Schema(slots=(Slot("frontend", "frontend", {"name": manifest.frontend, **manifest.frontend_options}),))
    if not wanted:
        _check_maker("frontend", registry, loaded)
        try:
            wanted = resolve(schema, registry).parts["frontend"]
        except UserError as error:
            made_with = f"the data of {loaded.path} was made with frontend '{manifest.frontend}'"
            raise UserError(f"{made_with}: {error}") from error
    (part,) = wanted
    (selected,) = preflight(registry, {"frontend": ("frontend", (part.name,))})["frontend"]
    frontend = build(selected, part.options)
    strange = sorted(set(frontend.symbols()) - set(manifest.symbols))
    if strange:
        raise UserError(
            f"frontend '{selected.name}' has {len(strange)} symbols the model was not trained with, e.g. "
            f"'{strange[0]}'. Leave --frontend out: the model's own is built as its data was made"
        )
    return frontend


def _note(line: str) -> None:
    sys.stderr.write(f"note: {line}\n")
    sys.stderr.flush()


def _settings(slot: str, part: Part) -> list[tuple[str, Any]]:
    """A selected plugin with all its options, as `resolve` takes them."""
    options = [(f"{slot}.{field.name}", getattr(part.options, field.name)) for field in fields(part.options)]
    return [(slot, part.name), *options]


def _check_maker(kind: str, registry: Registry, loaded: LoadedModel) -> None:
    """Warn where the plugin that made the model's data has another version; raise `UserError` where it is gone."""
    for plugin in loaded.manifest.plugins:
        if plugin.kind == kind and (warning := check_plugin(plugin, registry, f"the data of {loaded.path}")):
            warn(warning)


def _check_halves(ar: LoadedModel, nar: LoadedModel) -> None:
    if ar.model.parts == "nar":
        raise UserError(f"{ar.path} holds levels ≥ 1 only; give it as --nar-model and a level-0 run as --model")
    if nar.model.parts == "ar" and nar.model.vocabulary.num_levels > 1:
        raise UserError(f"{nar.path} holds level 0 only; add a run with the other levels: --nar-model RUN")
    if nar is ar:
        return
    require_same(ar.manifest.codec, nar.manifest.codec, f"{ar.path} speaks in codes of")
    for name in ("symbols", "languages"):
        if getattr(ar.manifest, name) != getattr(nar.manifest, name):
            raise UserError(f"{ar.path} and {nar.path} have different {name}; join halves trained on the same dataset")
