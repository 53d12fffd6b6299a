"""Model, rows and batches of a training run, made as `valle train` makes them, for another trainer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.assemble.model import ModelFacts, build_model
from valle_core.config.resolve import resolve
from valle_core.data.dataset import open_dataset
from valle_core.model.codec_lm import CodecLM
from valle_core.model.levels import level_weights
from valle_core.registry.directory import service
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.sequence.pack import pack
from valle_core.training.aligning import with_alignment
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.recipe import RowRecipe
from valle_core.training.rows import RowMaker, RowSettings
from valle_core.types import TaskSequence

LabelledRow = tuple[Int[Tensor, "T"], Int[Tensor, "T"]]
"""The table row of each position, and what is predicted there, −100 where nothing is."""

NOTHING = -100


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What a trainer needs.

    Attributes:
        model: with the weights that `valle train` begins with.
        maker: of the rows.
        batches: ids of the utterances of each batch, epoch after epoch.
        ids: all of them.
    """

    model: CodecLM
    maker: RowMaker
    batches: Any
    ids: Sequence[str]

    def row(self, id: str, share: float | None = None) -> LabelledRow | None:
        """A row of the first epoch; None where the task cannot use the utterance."""
        found = self.maker.row(id, 0, share)
        if not isinstance(found, TaskSequence):
            return None
        return as_labels(found, self.model)

    def in_order(self) -> Iterator[list[LabelledRow]]:
        """The batches of the run, as rows."""
        for ids in self.batches:
            rows = [self.maker.row(id, 0, self.maker.share(0, ids)) for id in ids]
            yield [as_labels(row, self.model) for row in rows if isinstance(row, TaskSequence)]


def as_labels(row: TaskSequence, model: CodecLM) -> LabelledRow:
    """The row as other trainers take it."""
    batch = pack([row], model.rules)
    found = batch.predicted[0]
    assert len(batch.indices) == batch.positions.numel(), "one token for each position"
    assert found.targets is not None
    labels = torch.full_like(batch.indices, NOTHING)
    labels[found.positions] = found.targets
    return batch.indices, labels


def material(flags: Mapping[str, Any]) -> Material:
    """From the options of `valle train`."""
    registry = Registry.open()
    resolved = resolve(TRAIN_SCHEMA, registry, flags=[(name, str(value)) for name, value in flags.items()])
    selected = preflight(registry, resolved.choices(), device="cpu")
    dataset = open_dataset(Path(flags["data"]), part="train")
    resolved, selected = with_alignment(resolved, selected, registry, dataset, "cpu")
    torch.manual_seed(int(flags["seed"]))
    facts = ModelFacts(codec=dataset.codec, symbols=tuple(dataset.symbols.symbols), languages=tuple(dataset.languages))
    model = build_model(resolved, selected, facts)
    settings = RowSettings(
        level_weights=level_weights(resolved.sections["model"], model.vocabulary.num_levels),
        packing=model.rules,
        frame_rate=dataset.frame_rate,
        seed=int(flags["seed"]),
    )
    recipe = RowRecipe(data=resolved.sections["data"], tasks=resolved.parts["task"], codec=None, settings=settings)
    maker = recipe.open(registry, dataset)
    plan = service("batches", "bench train reads in batches")
    batches = plan(dataset, resolved.sections["batching"], sizes=maker.sizes(dataset))
    return Material(model=model, maker=maker, batches=batches, ids=dataset.ids)
