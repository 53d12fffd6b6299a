"""From a run folder and plugin names to a synthesizer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from valle_core.assemble.device import choose_device
from valle_core.assemble.part import build
from valle_core.assemble.stored_codec import built_codec, codec_part
from valle_core.audio.wav import load
from valle_core.checkpoint.load import LoadedModel, StoredModel, read_model
from valle_core.codes.identity import require_same
from valle_core.config.resolve import stored_part
from valle_core.config.schema import Part, Resolved
from valle_core.interfaces import Codec, Frontend
from valle_core.plugin import UserError
from valle_core.registry.directory import service
from valle_core.registry.hooks import Observers
from valle_core.registry.identity import check_plugin, warn
from valle_core.registry.preflight import capabilities, preflight
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected
from valle_core.synthesis.autoregressive import MakesReady
from valle_core.synthesis.components import Safeguards, SynthesisComponents, TextReader, read_words
from valle_core.synthesis.guidance import Guidance
from valle_core.synthesis.options import SynthesisOptions
from valle_core.synthesis.prompt import CutsAudio, LoadsAudio, Prompts, at_the_bound
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain, refuse_other_samplers
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.synthesis.task_choice import as_trained, refuse_misfit, task_of
from valle_core.text.symbols import SymbolMap
from valle_core.types import KnowsPrompts, PromptRange

_SPEAKS = "the model speaks in codes of"


def open_synthesizer(
    resolved: Resolved,
    registry: Registry,
    observers: Observers,
    *,
    read_text: TextReader = read_words,
    load_prompt: LoadsAudio = load,
    cut_prompt: CutsAudio = at_the_bound,
    asked: Sequence[Request] = (),
    safeguards: Callable[[Codec, SynthesisOptions, torch.device], Safeguards] | None = None,
) -> Synthesizer:
    """Everything `SYNTHESIS_SCHEMA` describes, loaded and checked to fit together; `read_text` is the voice's,
    `load_prompt` and `cut_prompt` its prompts'; `asked` is what it will be asked, refused before weights are read;
    `safeguards` makes what ends answers that are stuck, for models without an alignment.

    Raises:
        UserError: no run, a missing plugin, another codec than the model's, halves that do not belong together.
    """
    options: SynthesisOptions = resolved.sections["synthesis"]
    if not options.model:
        raise UserError("no model given; name the folder of a run with --model")
    device, dtype = choose_device(options.device), getattr(torch, options.dtype)
    chain = chain_of(resolved, registry, "sampler")  # what excludes each other is refused before a model is looked at
    no_search = "and levels ≥ 1 are chosen frame by frame; leave it out of --nar-sampler"
    nar_chain = chain_of(resolved, registry, "nar_sampler", no_search)
    attention = next(iter(resolved.parts["attention"]), None)
    ar = read_model(Path(options.model), registry, attention=attention)
    nar = read_model(Path(options.nar_model), registry, attention=attention) if options.nar_model else ar
    parts = {
        **resolved.parts,
        "codec": (codec_of(resolved, registry, ar),),
        "frontend": (frontend_of(resolved, registry, ar),),
        "task": (task_of(resolved, registry, ar, nar),),
    }
    chosen = replace(resolved, parts=parts).choices() | ar.resolved.choices()
    selected = preflight(registry, chosen, device=device.type, dtype=options.dtype)

    words = selected["task"][0].spec.capabilities
    name = selected["task"][0].spec.name
    for request in asked:
        refuse_misfit(request, name, words)

    def built(slot: str, **more: Any) -> list[Any]:
        return [build(plugin, part.options, **more) for plugin, part in zip(selected[slot], parts[slot], strict=True)]

    aligned = bool(ar.resolved.parts["alignment"])
    if aligned and chain.search is not None and "branching" not in capabilities(selected["alignment"][0]):
        searching = parts["sampler"][-1].name
        raise UserError(
            f"sampler {searching} looks for whole answers, and the alignment of {ar.path} follows one; choose another"
        )
    if chain.filler is not None:
        refuse_other_samplers(ar.resolved.sections["model"].masked, chain)
    usual = SynthesisOptions()
    if aligned and any(getattr(options, one) != getattr(usual, one) for one in ("phoneme_seconds", "stuck_seconds")):
        raise UserError(f"the alignment of {ar.path} ends its speech; leave --phoneme-seconds and --stuck-seconds out")
    more = {"rescale": options.guidance_rescale, "without": options.guidance_without}
    guidance, nar_guidance = (
        Guidance.of(half.resolved.sections["model"], str(half.path), scale=scale, **more)
        for half, scale in ((ar, options.guidance), (nar, options.nar_guidance))
    )
    first = ar.load(selected, device=device, dtype=dtype)
    second = first
    if nar is not ar:
        of_nar = preflight(registry, nar.resolved.choices(), device=device.type, dtype=options.dtype)
        second = nar.load(of_nar, device=device, dtype=dtype)
    if options.adapter:
        service("adapters", "--adapter reads what `valle adapter save` wrote", "valle-lora")(
            (first, second), options.adapter
        )
    _check_halves(first, second, speaks="codes" in words)
    for half in (first, second):
        half.model.embedding.fold()
    if isinstance(first.model.backbone, MakesReady):
        first.model.backbone.make_ready(_note)

    (task,), (frontend,) = built("task"), built("frontend")
    refuse_strange_symbols(frontend, parts["frontend"][0].name, ar)
    alignment = first.model.alignment
    if alignment is not None and task.continues:
        raise UserError(f"{ar.path} reads its text with an alignment and cannot continue a prompt; use --task tts")
    if alignment is None and (options.speed != 1 or options.durations != "drawn"):
        raise UserError(f"{ar.path} was trained without an alignment, so it takes no --speed and no --durations")
    if first.model.draft is None and options.drafts:
        raise UserError(f"{ar.path} was trained without --draft, so it takes no --drafts")
    if first.model.draft is not None and (notice := first.model.draft.notice(options, chain.search is not None)):
        _note(notice)
    codec = built_codec(selected["codec"][0], parts["codec"][0], ar.manifest.codec, device=device, what=_SPEAKS)
    can = codec.codebooks is not None and hasattr(codec, "decode_vectors")
    if options.vectors == "expected" and not can:
        raise UserError(f"codec '{parts['codec'][0].name}' decodes codes only; leave --vectors out")
    return Synthesizer(
        SynthesisComponents(
            ar=first.model,
            nar=second.model,
            symbols=SymbolMap(ar.manifest.symbols),
            languages=ar.manifest.languages,
            codec=codec,
            frontend=frontend,
            task=task,
            chain=chain,
            nar_chain=nar_chain,
            observers=observers,
            prompts=Prompts(
                trained=trained_prompts(ar, selected["task"][0]),
                continues=task.continues,
                max_seconds=options.max_prompt_seconds,
                load=load_prompt,
                cut=cut_prompt,
            ),
            read_text=read_text,
            speed=options.speed,
            steady=options.durations == "usual",
            safeguards=None if aligned or "source" in words or not safeguards else safeguards(codec, options, device),
            max_context=options.max_context,
            drafts=options.drafts,
            unchecked=options.unchecked,
            guidance=guidance,
            nar_guidance=nar_guidance,
            takes=words,
            task_name=name,
            expected=can
            and "edit" not in words
            and options.vectors in (("expected",) if alignment is None else ("expected", "auto")),
        )
    )


def chain_of(resolved: Resolved, registry: Registry, slot: str, no_search: str = "") -> SamplerChain:
    """The samplers of a slot. Raises `UserError` where they exclude each other."""
    parts = resolved.parts[slot]
    plugins: list[Any] = [part.plugin or registry.select("sampler", part.name) for part in parts]
    samplers = [build(plugin, part.options) for plugin, part in zip(plugins, parts, strict=True)]
    return SamplerChain(samplers, [part.name for part in parts], no_search=no_search)


def trained_prompts(stored: StoredModel, task: Selected) -> PromptRange | None:
    """The prompts that this task trained the model with, by its options then; None where that is not known."""
    try:
        part = as_trained(stored, task)
        trained = None if part is None else build(task, part.options)
    except UserError as error:
        warn(f"{stored.path}: task '{task.spec.name}' does not take the options it was trained with: {error}")
        return None
    return trained.prompts if isinstance(trained, KnowsPrompts) else None


def codec_of(resolved: Resolved, registry: Registry, stored: StoredModel) -> Part:
    """The codec named in `resolved`, else the model's."""
    if not resolved.parts.get("codec"):
        _check_maker("codec", registry, stored)
    return codec_part(resolved, registry, stored.manifest.codec, stored.manifest.codec_options, what=_SPEAKS)


def frontend_of(resolved: Resolved, registry: Registry, stored: StoredModel) -> Part:
    """The frontend named in `resolved`, else the one the model's data was made with."""
    if resolved.parts.get("frontend"):
        return resolved.part("frontend")
    _check_maker("frontend", registry, stored)
    manifest = stored.manifest
    try:
        plugin = registry.select("frontend", manifest.frontend)
        return stored_part(plugin, "frontend", manifest.frontend_options, "stored")
    except UserError as error:
        made_with = f"the data of {stored.path} was made with frontend '{manifest.frontend}'"
        raise UserError(f"{made_with}: {error}") from error


def refuse_strange_symbols(frontend: Frontend, name: str, stored: StoredModel) -> None:
    """Raises `UserError` where a frontend may say what the model does not know."""
    strange = sorted(set(frontend.symbols()) - set(stored.manifest.symbols))
    if strange:
        raise UserError(
            f"frontend '{name}' has {len(strange)} symbols the model was not trained with, e.g. "
            f"'{strange[0]}'. Leave --frontend out: the model's own is built as its data was made"
        )


def _note(line: str) -> None:
    sys.stderr.write(f"note: {line}\n")
    sys.stderr.flush()


def _check_maker(kind: str, registry: Registry, stored: StoredModel) -> None:
    """Warn where the plugin that made the model's data has another version; raise `UserError` where it is gone."""
    for plugin in stored.manifest.plugins:
        if plugin.kind == kind and (warning := check_plugin(plugin, registry, f"the data of {stored.path}")):
            warn(warning)


def _check_halves(ar: LoadedModel, nar: LoadedModel, *, speaks: bool) -> None:
    if ar.model.parts == "nar":
        raise UserError(f"{ar.path} holds levels ≥ 1 only; give it as --nar-model and a level-0 run as --model")
    if speaks and nar.model.parts == "ar" and nar.model.vocabulary.num_levels > 1:
        raise UserError(f"{nar.path} holds level 0 only; add a run with the other levels: --nar-model RUN")
    if nar is ar:
        return
    if nar.model.alignment is not None and ar.model.alignment is None:
        raise UserError(f"{nar.path} needs an alignment, which {ar.path} has none of; train it with --alignment")
    require_same(ar.manifest.codec, nar.manifest.codec, f"{ar.path} speaks in codes of")
    for name in ("symbols", "languages"):
        if getattr(ar.manifest, name) != getattr(nar.manifest, name):
            raise UserError(f"{ar.path} and {nar.path} have different {name}; join halves trained on the same dataset")
