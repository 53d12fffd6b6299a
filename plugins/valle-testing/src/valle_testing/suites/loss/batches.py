"""Batches that the suite of losses has answered: rows of every kind, with logits that no model gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from valle_core.checkpoint.manifest import Manifest
from valle_core.model.codec_lm import ModelOutput
from valle_core.sequence.layout import lay_out
from valle_core.sequence.masking import MASKED
from valle_core.sequence.pack import Answer, PackRules, PredictedPositions, RowBatch, pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import CodecIdentity, TaskInputs, TaskSequence

SYMBOLS = ("<pad>", "<unk>", " ", *"abcde")
Q, V = 3, 16
RULES = PackRules(vocabulary=Vocabulary(symbols=len(SYMBOLS), languages=2, num_levels=Q, codebook_size=V))
MANIFEST = Manifest(
    step=0,
    codec=CodecIdentity(
        name="suite", sample_rate=16_000, hop=320, num_levels=Q, codebook_size=V, weights_hash="0" * 16
    ),
    frontend="suite",
    symbols=SYMBOLS,
    languages=("de", "en"),
    tasks=("tts",),
    plugins=(),
)
SIZES: dict[str, Any] = {"manifest": MANIFEST, "rules": RULES}
"""What the factory is given beside the options."""

WRITTEN = "symbols"
"""An answer that is not codes, as a task that writes has it."""

Given = tuple[RowBatch, ModelOutput]


def row(level: int, frames: int, seed: int) -> TaskSequence:
    """A row that asks for a level, with its targets."""
    draw = torch.Generator().manual_seed(seed)
    codes = torch.randint(V, (frames, Q), generator=draw)
    inputs = TaskInputs(
        text=torch.randint(3, len(SYMBOLS), (4,), generator=draw),
        language=seed % 2,
        prompt=torch.randint(V, (5, Q), generator=draw),
        response=codes,
    )
    known = codes[:, :level] if level else codes[:, :1]
    return lay_out(inputs, level, response=known, target=codes[:, level])


ROWS = ((0, 6, 1), (0, 3, 2), (1, 5, 3), (2, 4, 4))
"""(level, frames, seed); level 0 answers one position more, where speech ends."""


def given(rows: Sequence[tuple[int, int, int]] = ROWS, *, device: str = "cpu", seed: int = 0) -> Given:
    """A batch of these rows and an output for it, whose logits are leaves that want a gradient."""
    batch = pack([row(*one) for one in rows], RULES).to(torch.device(device))
    draw = torch.Generator().manual_seed(seed)
    sizes = {level: (len(found.positions), V + (level == 0)) for level, found in batch.predicted.items()}
    logits: dict[Answer, torch.Tensor] = {
        level: (3 * torch.randn(size, generator=draw)).to(device).requires_grad_() for level, size in sizes.items()
    }
    return batch, ModelOutput(logits, {}, {}, {})


def answered_as(found: Given, answer: Answer) -> Given:
    """What was level 0 as another answer: masked, or in writing."""
    batch, output = found
    (level,) = batch.predicted
    predicted: dict[Answer, PredictedPositions] = {answer: batch.predicted[level]}
    return replace(batch, predicted=predicted), output._replace(logits={answer: output.logits[level]})


def twice(found: Given) -> Given:
    """The same rows once more in the batch, with the same logits."""
    batch, output = found
    again = given([*ROWS, *ROWS], device=str(batch.positions.device))[0]
    return again, output._replace(logits={level: torch.cat([one, one]) for level, one in output.logits.items()})


KINDS_OF_ANSWERS = {"a masked level 0": MASKED, "an answer in writing": WRITTEN}
