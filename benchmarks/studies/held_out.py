"""Loss and accuracy of a checkpoint on the held-out part of a dataset, level by level, and its decoding speed.

Used by `compare_archs.py`. Every draw is a function of the utterance's id, so all checkpoints answer the same
questions.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import torch

from valle_core.api import (
    SYNTHESIS_SCHEMA,
    Dataset,
    Registry,
    Request,
    build,
    load_model,
    open_observers,
    open_synthesizer,
    resolve,
)
from valle_core.loss.token_loss import token_loss
from valle_core.sequence.pack import pack
from valle_kit.safeguards import Safeguards

ROWS = 8
"""Rows of a batch."""

SENTENCE = "the quick brown fox jumps over the lazy dog"
SPEAK_SECONDS, CALLS = 4.0, 3
"""Bound of an answer whose decoding is timed, and how many are."""


@torch.inference_mode()
def score(checkpoint: Path, dataset: Dataset, registry: Registry) -> dict[str, Any]:
    """Cross-entropy (nats) and accuracy by level, their mean over levels, and the mean accuracy of levels ≥ 1.

    A model of the NAR half has no level 0; its accuracy is None then.

    Every held-out utterance is asked for every level, as `--task tts` would: another utterance of the speaker prompts.
    """
    model = load_model(checkpoint, registry, device=torch.device("cpu")).model
    asked = range(1 if model.parts == "nar" else 0, model.vocabulary.num_levels)
    losses, accuracies = [], []
    for level in asked:
        loss = correct = count = 0.0
        for rows in _batches(dataset, level, registry):
            batch = pack(rows, model.rules)
            figures = token_loss(model(batch).logits, batch.predicted)[1]
            (total, among), (hits, _) = (figures[f"{name}_{level}"].tolist() for name in ("loss", "accuracy"))
            loss, correct, count = loss + total, correct + hits, count + among
        losses.append(loss / count)
        accuracies.append(correct / count)
    return {
        "loss": statistics.fmean(losses),
        "losses": losses,
        "accuracies": accuracies,
        "level_0": accuracies[0] if asked.start == 0 else None,
        "nar": statistics.fmean(accuracies[1 - asked.start :]) if asked.stop > 1 else None,
    }


def _batches(dataset: Dataset, level: int, registry: Registry) -> Iterator[list[Any]]:
    selected = registry.select("task", "tts")
    task = build(selected, selected.options_type()())
    rows = []
    for id in dataset.ids:
        inputs = task.draw(dataset.utterance(id), dataset, Random(f"held out {id}"), frame_rate=dataset.frame_rate)
        if inputs is not None:
            rows.append(task.compose(inputs, level, training=True))
    if not rows:
        raise SystemExit("error: no held-out speaker has two utterances; make a larger corpus")
    rows.sort(key=lambda row: row.segments[-1].tokens.shape[0])
    yield from (rows[start : start + ROWS] for start in range(0, len(rows), ROWS))


def decoding_rate(run: Path, prompt: Path, registry: Registry) -> float:
    """Level-0 tokens per second of one row, prompt included; median of a few sampled answers."""
    sets = [f"model={run}", "device=cpu", "sampler=sample"]
    resolved = resolve(SYNTHESIS_SCHEMA, registry, sets=sets)
    synthesizer = open_synthesizer(resolved, registry, open_observers(registry), safeguards=Safeguards.of)
    rates = []
    for seed in range(CALLS + 1):
        synthesizer([Request(text=SENTENCE, prompt=prompt, seed=seed, max_seconds=SPEAK_SECONDS)])
        assert synthesizer.timing is not None
        rates.append(synthesizer.timing.tokens_per_second)
    return statistics.median(rates[1:])  # the first call compiles and loads
