"""A training run from its configuration: check everything, build the parts, train, draw the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from valle_core.assemble.device import choose_device
from valle_core.assemble.layout import with_layout
from valle_core.assemble.model import ModelFacts, build_model
from valle_core.assemble.portable import with_portable_arch
from valle_core.assemble.schema import model_part
from valle_core.assemble.stored_codec import open_stored_codec
from valle_core.checkpoint.folder import RunFolder
from valle_core.checkpoint.kept import as_stored
from valle_core.checkpoint.manifest import Manifest
from valle_core.config.save import save, to_yaml
from valle_core.config.schema import Resolved
from valle_core.data.batching import Batches
from valle_core.data.dataset import Dataset, open_dataset
from valle_core.data.noise import refuse_noise
from valle_core.model.levels import level_weights
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.identity import identity_of, warn
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected
from valle_core.training.config import DataOptions, RunOptions
from valle_core.training.examples import ExampleStream
from valle_core.training.loop import TrainResult, train
from valle_core.training.options import TrainOptions
from valle_core.training.probing import text_probe
from valle_core.training.recipe import RowRecipe
from valle_core.training.rows import RowRules
from valle_core.training.survey import survey
from valle_core.training.workers import fetch_ahead


def run_training(
    resolved: Resolved,
    registry: Registry,
    observers: Observers,
    *,
    report: Callable[[dict[str, Any]], None] = lambda line: None,
) -> TrainResult:
    """Train as configured (`TRAIN_SCHEMA`). The loss curve is the caller's to draw, from the run's metrics.

    Raises:
        UserError: anything wrong with configuration, data, plugins or disk, before the first step where possible.
    """
    run_options: RunOptions = resolved.sections["run"]
    options: TrainOptions = resolved.sections["train"]
    run = _open_run(run_options)
    data: DataOptions = resolved.sections["data"]
    if not data.path:
        raise UserError("no dataset given; make one with `valle prepare` and name it with --data")
    device = choose_device(options.device)
    selected = preflight(
        registry, resolved.choices(), device=device.type, demands={"rewrite": frozenset({"trainable"})}
    )
    if run_options.resume:
        resolved = as_stored(resolved, registry, run.latest())
    resolved = with_layout(resolved, selected)
    dataset = open_dataset(Path(data.path), part="train")
    refuse_noise(dataset)
    batches = Batches(dataset, resolved.sections["batching"])
    codebooks = _check_codec(resolved, registry, dataset)
    torch.manual_seed(options.seed)
    facts = ModelFacts(codec=dataset.codec, symbols=len(dataset.symbols), languages=len(dataset.languages))
    model = build_model(resolved, selected, facts, codebooks=codebooks)
    model_options: ModelOptions = resolved.sections["model"]
    recipe = RowRecipe(
        data=data,
        tasks=resolved.parts["task"],
        codec=next(iter(resolved.parts["codec"]), None),
        rules=RowRules(
            level_weights=level_weights(model_options, model.vocabulary.num_levels),
            rules=model.rules,
            frame_rate=dataset.frame_rate,
            seed=options.seed,
            token_error=model_options.token_error,
            token_rate=model_options.token_rate,
            longest=model.backbone.max_length,
        ),
        safe=registry.safe,
    )
    maker = recipe.open(registry, dataset)
    if line := survey(maker, dataset.ids):
        warn(line)
    stream = ExampleStream(
        batches,
        partial(fetch_ahead, recipe, data.workers) if data.workers else maker.examples,
        noise=maker.noise,
    )
    return train(
        model,
        stream,
        options,
        run,
        _manifest(dataset, resolved, selected),
        model_config=to_yaml(with_portable_arch(model_part(resolved), model.backbone)),
        resume=run_options.resume,
        observers=observers,
        report=report,
        probe=text_probe(*maker.material(), dataset.ids) if options.text_gain_every else None,
        ready=lambda: _write_config(run, resolved),
    )


def _open_run(options: RunOptions) -> RunFolder:
    if not options.out:
        raise UserError("no folder given for the run; name one with --out")
    run = RunFolder(Path(options.out))
    if options.resume:
        run.latest()
    elif run.steps():
        raise UserError(f"{run.path} already holds a run; continue it with --resume or choose another --out")
    return run


def _write_config(run: RunFolder, resolved: Resolved) -> None:
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        if not resolved.sections["run"].resume:
            run.metrics.unlink(missing_ok=True)  # of a run that never reached a checkpoint
        # Resuming is no property of the run: its config must start another run just as well.
        options = replace(resolved.sections["run"], resume=False)
        save(replace(resolved, sections={**resolved.sections, "run": options}), run.config)
    except OSError as error:
        raise UserError(f"cannot write to {run.path}: {error.strerror}; choose another --out") from error


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


def _manifest(dataset: Dataset, resolved: Resolved, selected: dict[str, tuple[Selected, ...]]) -> Manifest:
    recorded = ("arch", "attention", "rewrite", "task")
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
        plugins=(*plugins, *dataset.manifest.plugins),
    )
