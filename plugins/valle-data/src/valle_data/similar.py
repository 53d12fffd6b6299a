"""Makes the index of similar utterances of a dataset."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors.torch import save

from valle_core.data.dataset import Dataset
from valle_core.files import replacing
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_data.embeddings import BYS, By, embed
from valle_data.neighbours import mean_cosine, nearest, normalised
from valle_data.similar_index import FILES, SimilarFacts, mark_of


@dataclass(frozen=True, kw_only=True, slots=True)
class SimilarReport:
    """What was made.

    Attributes:
        path: of the index.
        by: what was compared.
        utterances: that have neighbours.
        alone: that have none (a speaker's only utterance).
        neighbours: K.
        nearest: mean cosine of an utterance and its first neighbour.
        similar: mean cosine of an utterance and all of its neighbours.
        random: mean cosine of two utterances of one speaker (or of anybody, `across`).
    """

    path: Path
    by: str
    utterances: int
    alone: int
    neighbours: int
    nearest: float
    similar: float
    random: float

    def to_json(self) -> dict[str, Any]:
        """For scripts; a mean of nothing is null."""
        means = {
            name: None if math.isnan(value := getattr(self, name)) else value
            for name in ("nearest", "similar", "random")
        }
        return {**asdict(self), "path": str(self.path), **means}

    def summary(self) -> str:
        """One line for a person."""
        alone = f", {self.alone} without any" if self.alone else ""
        found = f"up to {self.neighbours} neighbours of {self.utterances} utterances{alone}"
        named = (("nearest", self.nearest), ("all", self.similar), ("random pairs", self.random))
        means = ", ".join(f"{value:.3f} ({name})" for name, value in named if not math.isnan(value))
        nobody = "no utterance has another one to be compared with: a speaker needs two on one side of the split"
        return f"{self.path}: {found}; {f'mean cosine {means}' if means else nobody}"


def make_similar(
    dataset: Dataset,
    codec: Codec,
    *,
    by: By = "codec",
    neighbours: int = 16,
    across: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SimilarReport:
    """Write the index of a whole dataset beside its other files.

    Neighbours are of the same speaker (with `across`, of any) and of the same side of the split, so that training
    meets nothing that is held out.

    Raises:
        UserError: an unknown `by`, fewer than one neighbour, or a place that cannot be written to.
    """
    if by not in BYS:
        raise UserError(f"similarity by '{by}' is unknown. Choose one of {', '.join(BYS)}")
    if neighbours < 1:
        raise UserError(f"neighbours must be at least 1, got {neighbours}")
    groups = _groups(dataset, across=across)
    vectors = normalised(embed(dataset, codec, by, progress))
    places, cosines = nearest(vectors, groups, neighbours)
    facts = SimilarFacts(by=by, across=across, neighbours=neighbours, belongs_to=mark_of(dataset.manifest))
    path = write_similar(dataset.path, facts, places, cosines)
    alone = int((places[:, 0] < 0).sum())
    return SimilarReport(
        path=path,
        by=by,
        utterances=len(dataset) - alone,
        alone=alone,
        neighbours=neighbours,
        nearest=float(np.nanmean(cosines[:, 0])) if alone < len(dataset) else float("nan"),
        similar=float(np.nanmean(cosines)) if alone < len(dataset) else float("nan"),
        random=mean_cosine(vectors, groups),
    )


def _groups(dataset: Dataset, *, across: bool) -> list[Int[np.ndarray, "n"]]:
    """Places, in stored order, of utterances that may be neighbours."""
    held_out = frozenset(dataset.manifest.held_out)
    groups: dict[tuple[str, bool], list[int]] = {}
    for place, row in enumerate(dataset.stored_rows()):
        groups.setdefault(("" if across else row.speaker, row.id in held_out), []).append(place)
    return [np.array(group) for group in groups.values()]


def write_similar(
    folder: Path, facts: SimilarFacts, places: Int[np.ndarray, "N K"], cosines: Float[np.ndarray, "N K"]
) -> Path:
    """Replace the index; where it lies."""
    path = folder / FILES[facts.across]
    tensors = {"places": torch.from_numpy(places), "cosines": torch.from_numpy(cosines)}
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, {"valle": json.dumps(asdict(facts))}))
    return path
