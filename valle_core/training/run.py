"""A training run from its configuration: check everything, build the parts, train, draw the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch

from valle_core.assemble.device import choose_device
from valle_core.assemble.model import build_model
from valle_core.assemble.portable import absolute, with_absolute_paths, with_portable_arch
from valle_core.assemble.schema import model_part
from valle_core.assemble.stored_codec import open_stored_codec
from valle_core.checkpoint.folder import RunFolder, find_checkpoint
from valle_core.checkpoint.kept import as_stored
from valle_core.checkpoint.manifest import Manifest
from valle_core.config.save import plain, to_yaml
from valle_core.config.schema import Resolved
from valle_core.data.dataset import Dataset, open_dataset, refuse_noise
from valle_core.model.codec_lm import CodecLM
from valle_core.model.levels import level_weights
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.directory import service
from valle_core.registry.hooks import Observers
from valle_core.registry.identity import identity_of, warn
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected
from valle_core.training.aligning import TIMES, with_alignment
from valle_core.training.config import DataOptions, RunOptions
from valle_core.training.examples import ExampleStream, IdBatches
from valle_core.training.live_run import LiveRun
from valle_core.training.loop import TrainResult, train
from valle_core.training.optimization import choose_optimization
from valle_core.training.options import TrainOptions
from valle_core.training.place import Place
from valle_core.training.processes import joined
from valle_core.training.recipe import RowRecipe
from valle_core.training.restore import named_checkpoint
from valle_core.training.rows import RowSettings

StartsFrom: TypeAlias = Callable[[CodecLM, Path, Manifest, str], None]
"""(model, checkpoint, manifest of the new run, its model's YAML)."""


def run_training(
    resolved: Resolved,
    registry: Registry,
    observers: Observers,
    *,
    report: Callable[[dict[str, Any]], None] = lambda line: None,
    start_from: StartsFrom | None = None,
) -> TrainResult:
    """Train as configured (`TRAIN_SCHEMA`). The loss curve is the caller's to draw, from the run's metrics.

    `start_from` fills the model with the weights that `init_from` names; `valle_kit.init_from` has one.

    Raises:
        UserError: anything wrong with configuration, data, plugins or disk, before the first step where possible.
    """
    run_options: RunOptions = resolved.sections["run"]
    options: TrainOptions = resolved.sections["train"]
    run, checkpoint = _open_run(run_options)
    data: DataOptions = resolved.sections["data"]
    if not data.path:
        raise UserError("no dataset given; make one with `valle prepare` and name it with --data")
    device = choose_device(options.device)
    demands = {"rewrite": frozenset({"trainable"})}
    if resolved.choices()["alignment"][1]:
        demands["task"] = frozenset({TIMES})
    selected = preflight(registry, resolved.choices(), device=device.type, demands=demands)
    if checkpoint is not None:
        resolved = as_stored(resolved, registry, checkpoint)
    dataset = open_dataset(Path(data.path), part="train")
    refuse_noise(dataset)
    resolved, selected = with_alignment(resolved, selected, registry, dataset, device.type)
    processes = joined(observers.call("train_processes", options=options), options)
    if processes.rank:
        observers.narrow("train_figures", "train_stuck")
    codebooks = _check_codec(resolved, registry, dataset)
    torch.manual_seed(options.seed)
    names = _task_names(selected["task"], options)
    manifest = _manifest(dataset, resolved, selected)
    model = build_model(resolved, selected, manifest, codebooks=codebooks)
    model_options: ModelOptions = resolved.sections["model"]
    if manifest.writes and model_options.parts == "nar":
        raise UserError("tasks whose answer is not codes need level 0, which --model.parts nar leaves out")
    recipe = RowRecipe(
        data=data,
        tasks=resolved.parts["task"],
        codec=next(iter(resolved.parts["codec"]), None),
        settings=RowSettings(
            level_weights=level_weights(model_options, model.vocabulary.num_levels),
            packing=model.rules,
            frame_rate=dataset.frame_rate,
            seed=options.seed,
            masked=model_options.masked,
            drops=model_options.drops,
            token_error=model_options.token_error,
            token_rate=model_options.token_rate,
            longest=model.backbone.max_length,
            task_names=names,
            task_weights=options.task_weights,
            packed=getattr(model.backbone, "packs", False) and not options.compile,
        ),
        safe=registry.safe,
    )
    maker = recipe.open(registry, dataset)
    plan = service("batches", f"dataset '{data.path}' is read in batches")
    share = {"rank": processes.rank, "world": processes.world}
    batches: IdBatches = plan(dataset, resolved.sections["batching"], sizes=maker.sizes(dataset), **share)
    survey = service("survey", f"dataset '{data.path}' is looked through")
    if (line := survey(maker, dataset.ids)) and not processes.rank:
        warn(line)
    ahead = service("workers", f"{data.workers} data workers are asked for") if data.workers else None
    fetch = partial(ahead, recipe, data.workers) if ahead else maker.examples
    stream = ExampleStream(batches, fetch, noise=maker.noise)
    model_config = to_yaml(with_portable_arch(model_part(resolved), model.backbone))
    if checkpoint is not None and not run_options.resume:
        if start_from is None:
            raise UserError("init_from needs what reads the weights: start_from=valle_kit.init_from.start_from")
        start_from(model, checkpoint, manifest, model_config)
    resolved, optimization = choose_optimization(
        resolved, selected, model, manifest, run if run_options.resume else None
    )
    resume = checkpoint if run_options.resume else None
    place = Place(run, to_yaml(_kept_with_the_run(resolved)), resume=resume, writes=not processes.rank)
    if processes.rank:
        torch.manual_seed(options.seed + processes.rank)  # dropout differs; the weights were drawn alike
    with place.held():
        if not processes.rank:
            _open_run(run_options)  # another run may have begun in it meanwhile
        return train(
            model,
            stream,
            optimization,
            processes,
            place,
            manifest,
            model_config=model_config,
            observers=observers,
            report=report,
            halves=lambda *given: service("halves", "a batch does not fit into memory")(maker, *given),
            live=lambda loss, copy: LiveRun(
                options=options,
                source=maker.source,
                ids=dataset.ids,
                tasks=maker.tasks,
                settings=maker.settings,
                loss=loss,
                copy=copy,
            ),
        )


def _open_run(options: RunOptions) -> tuple[RunFolder, Path | None]:
    """The run's folder, and the checkpoint that it goes on from or takes its weights from."""
    if not options.out:
        raise UserError("no folder given for the run; name one with --out")
    run = RunFolder(Path(options.out))
    if options.resume:
        return run, named_checkpoint(run, options.checkpoint)
    if run.steps():
        raise UserError(f"{run.path} already holds a run; continue it with --resume or choose another --out")
    return run, find_checkpoint(Path(options.init_from)) if options.init_from else None


def _kept_with_the_run(resolved: Resolved) -> Resolved:
    """What its config.yaml says. Resuming is no property of the run: the file must start another run just as well,
    from any working folder, so paths in it are absolute."""
    run: RunOptions = replace(resolved.sections["run"], resume=False, checkpoint="")
    data: DataOptions = resolved.sections["data"]
    options: TrainOptions = resolved.sections["train"]
    sections = {
        "train": replace(options, eval_with=absolute(options.eval_with)),
        "run": replace(run, out=absolute(run.out), init_from=absolute(run.init_from)),
        "data": replace(data, **{name: absolute(getattr(data, name)) for name in ("path", "noise", "mixes")}),
    }
    return replace(with_absolute_paths(resolved), sections={**resolved.sections, **sections})


def _check_codec(resolved: Resolved, registry: Registry, dataset: Dataset) -> torch.Tensor | None:
    """The codec's codebooks where the model wants them; refuses a codec that is not the dataset's."""
    if not resolved.parts["codec"] and not resolved.sections["model"].codebook_embeddings:
        return None
    codec = open_stored_codec(
        resolved,
        registry,
        dataset.codec,
        dataset.manifest.codec_options,
        device=torch.device("cpu"),
        what=f"dataset '{dataset.path}' holds codes of",
    )
    return codec.codebooks


def _task_names(tasks: tuple[Selected, ...], options: TrainOptions) -> tuple[str, ...]:
    """Names of the tasks of a run. Raises `UserError` for one given twice, and for weights of others."""
    names = tuple(task.spec.name for task in tasks)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"--task {twice[0]} is given twice; name each task once, and weigh it with --task-weights")
    if options.task_weights and len(options.task_weights) != len(names):
        given = ", ".join(names)
        raise UserError(f"--task-weights: expected one for each task ({given}), got {list(options.task_weights)}")
    return names


def _manifest(dataset: Dataset, resolved: Resolved, selected: dict[str, tuple[Selected, ...]]) -> Manifest:
    recorded = ("arch", "attention", "rewrite", "alignment", "draft", "task", "optimizer")
    plugins = tuple(identity_of(plugin) for slot in recorded for plugin in selected.get(slot, ()))
    return Manifest(
        step=0,
        codec=dataset.codec,
        frontend=dataset.manifest.frontend,
        frontend_options=dict(dataset.manifest.frontend_options),
        codec_options=dict(dataset.manifest.codec_options),
        symbols=tuple(dataset.symbols.symbols),
        languages=tuple(dataset.languages),
        tasks=tuple(part.name for part in resolved.parts["task"]),
        task_options={part.name: plain(part.options) for part in resolved.parts["task"]},
        task_tokens=tuple(one.spec.name for one in selected["task"] if "token" in one.spec.capabilities),
        writes=any("codes" not in one.spec.capabilities for one in selected["task"]),
        plugins=(*plugins, *dataset.manifest.plugins),
    )
