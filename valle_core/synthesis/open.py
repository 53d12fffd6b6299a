"""From a run folder and plugin names to a synthesizer."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from valle_core.assemble.device import choose_device
from valle_core.assemble.model import build_codec
from valle_core.assemble.part import build
from valle_core.checkpoint.load import LoadedModel, load_model
from valle_core.codes.identity import require_same
from valle_core.config.resolve import resolve
from valle_core.config.schema import Part, Resolved, Schema, Slot
from valle_core.interfaces import Codec, Frontend
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.identity import check_plugin, warn
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.synthesis.options import SynthesisOptions
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer, Voice
from valle_core.text.symbols import SymbolMap


def open_synthesizer(resolved: Resolved, registry: Registry, observers: Observers) -> Synthesizer:
    """Everything `SYNTHESIS_SCHEMA` describes, loaded and checked to fit together.

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
    (task,) = selected["task"]
    return Synthesizer(
        Voice(
            ar=ar.model,
            nar=nar.model,
            symbols=SymbolMap(ar.manifest.symbols),
            languages=ar.manifest.languages,
            codec=open_codec(resolved, registry, ar, device),
            frontend=open_frontend(resolved, registry, ar),
            task=build(task, resolved.part("task").options),
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
            max_prompt_seconds=options.max_prompt_seconds,
        )
    )


def open_codec(resolved: Resolved, registry: Registry, loaded: LoadedModel, device: torch.device) -> Codec:
    """The codec named in `resolved`, else the model's; refused unless its identity is the model's."""
    wanted = _slot("codec", resolved, registry, loaded, loaded.manifest.codec.name)
    (selected,) = preflight(registry, wanted.choices(), device=device.type)["codec"]
    codec = build_codec(selected, wanted.part("codec").options, device=device)
    require_same(loaded.manifest.codec, codec.identity, "the model speaks in codes of")
    return codec


def open_frontend(resolved: Resolved, registry: Registry, loaded: LoadedModel) -> Frontend:
    """The frontend named in `resolved`, else the one the model's data was made with."""
    manifest = loaded.manifest
    usual = {"name": manifest.frontend, **manifest.frontend_options}
    wanted = _slot("frontend", resolved, registry, loaded, usual)
    (selected,) = preflight(registry, wanted.choices())["frontend"]
    frontend = build(selected, wanted.part("frontend").options)
    strange = sorted(set(frontend.symbols()) - set(manifest.symbols))
    if strange:
        raise UserError(
            f"frontend '{selected.name}' has {len(strange)} symbols the model was not trained with, e.g. "
            f"'{strange[0]}'. Leave --frontend out: the model's own is built as its data was made"
        )
    return frontend


def _settings(slot: str, part: Part) -> list[tuple[str, Any]]:
    """A selected plugin with all its options, as `resolve` takes them."""
    options = [(f"{slot}.{field.name}", getattr(part.options, field.name)) for field in fields(part.options)]
    return [(slot, part.name), *options]


def _slot(
    name: str, resolved: Resolved, registry: Registry, loaded: LoadedModel, default: str | dict[str, Any]
) -> Resolved:
    """The slot as it was resolved, or the plugin the model's data was made with, with the options given for it.

    Raises:
        UserError: that plugin cannot be had; named with distribution and version where the checkpoint tells them.
    """
    schema = Schema(slots=(Slot(name, name, default),))
    if resolved.parts.get(name):
        return Resolved(parts={name: resolved.parts[name]}, sections={}, schema=schema)
    for plugin in loaded.manifest.plugins:
        if plugin.kind == name and (warning := check_plugin(plugin, registry, f"the data of {loaded.path}")):
            warn(warning)
    try:
        return resolve(schema, registry)
    except UserError as error:
        made_with = default if isinstance(default, str) else default["name"]
        raise UserError(f"the data of {loaded.path} was made with {name} '{made_with}': {error}") from error


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
