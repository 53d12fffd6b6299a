"""What `valle synth` can be configured with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.config.schema import Schema, Section, Slot
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class SynthesisOptions:
    """Where the models are and how they run.

    Attributes:
        model: run or checkpoint folder; its level 0 is used, and its other levels unless nar_model is given.
        nar_model: run or checkpoint folder for levels ≥ 1, when they were trained apart.
        device: torch device; auto takes CUDA where it is.
        dtype: data type of weights and activations.
        max_prompt_seconds: longest voice prompt that is accepted.
        speed: speaking rate, 1 as it was learnt; only for models with an alignment.
        vectors: levels ≥ 1 are decoded from the chosen codes, or (expected) from the mean of all codebook vectors by
            their probability; auto takes these for models with an alignment, if the codec can.
        durations: drawn by the random seed, or the usual ones every time; only for models with an alignment.
        max_context: most frames of its own answer that the model reads, at least 2; 0 is all.
        phoneme_seconds: longest mean duration of a phoneme, which bounds the answer; 0 is no bound. This and
            stuck_seconds are for models without an alignment, which may miss their end.
        stuck_seconds: seconds of a loop or of silence after which an answer is ended; 0 is never.
    """

    model: str = ""
    nar_model: str = ""
    device: str = "auto"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    max_prompt_seconds: float = 30.0
    vectors: Literal["auto", "chosen", "expected"] = "auto"
    speed: float = 1.0
    durations: Literal["drawn", "usual"] = "drawn"
    max_context: int = 0
    phoneme_seconds: float = 0.5
    stuck_seconds: float = 2.0

    def __post_init__(self) -> None:
        if self.max_context != 0 and not 2 <= self.max_context <= 1_000_000:
            raise UserError(f"max_context must be 0 or in [2, 1000000], got {self.max_context}")
        for name, least in (("phoneme_seconds", 0.05), ("stuck_seconds", 0.5)):
            if (value := getattr(self, name)) != 0 and not least <= value <= 60:
                raise UserError(f"{name} must be 0 or in [{least}, 60], got {value:g}")
        if not self.max_prompt_seconds > 0:
            raise UserError(f"max_prompt_seconds must be above 0, got {self.max_prompt_seconds}")
        if not 0.25 <= self.speed <= 4:
            raise UserError(f"speed must be in [0.25, 4], got {self.speed:g}")


SYNTHESIS_SCHEMA = Schema(
    slots=(
        Slot("task", "task", None),
        Slot("sampler", "sampler", ({"name": "top_p", "p": 0.9}, "sample"), many=True),
        Slot("nar_sampler", "sampler", ("greedy",), many=True),
        Slot("attention", "attention", None),
        Slot("codec", "codec", None),
        Slot("frontend", "frontend", None),
    ),
    sections=(Section("synthesis", SynthesisOptions, flat=True, help="Synthesis"),),
)
"""Codec and frontend are the model's unless named, and must be the same; attention and task are those it was trained
with."""
