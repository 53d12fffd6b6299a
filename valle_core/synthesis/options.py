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
        model: run or checkpoint folder; for all codec levels, or for level 0 only where --nar-model is given.
        nar_model: run or checkpoint folder for codec levels ≥ 1, where they were trained separately.
        adapter: adapter of --model or --nar-model, as FOLDER or FOLDER=SCALE; may be repeated.
        device: torch device: cpu, cuda, …; auto uses CUDA if available.
        dtype: data type of weights and activations.
        quantize: int8 keeps the matrices of level 0 in whole numbers of 8 bits, on a CPU; auto: if that is faster here.
        max_prompt_seconds: maximum duration of the voice prompt in seconds.
        speed: speaking rate in [0.25, 4]; 1 is the rate of the training data; only for models with an alignment.
        vectors: decode levels ≥ 1 from the chosen codes, or from the mean of the codebook vectors by probability
            (expected); auto: expected for models with an alignment, if the codec supports it.
        durations: phoneme durations: sampled (drawn) or the median (usual); only for models with an alignment.
        max_context: maximum number of frames of its own output that the model reads, at least 2; 0: all.
        drafts: maximum number of frames drafted per step, in [-1, 64]; -1: as the model was trained; only for models
            trained with --draft.
        unchecked: accept drafts as they are instead of checking them: fewer steps, other speech.
        guidance: classifier-free guidance scale of level 0, in [0, 20]; 1: off; for models trained with
            --model.drop-condition, --model.drop-text or --model.drop-prompt.
        nar_guidance: classifier-free guidance scale of levels ≥ 1, in [0, 20]; 1: off.
        guidance_rescale: strength of rescaling guided logits to the spread of unguided ones, in [0, 1]; 0: off.
        guidance_without: what the unconditional branch leaves out: all that training left out, text, or prompt.
        phoneme_seconds: maximum mean duration of a phoneme, which limits the output; 0: no limit. This and
            stuck_seconds are for models without an alignment, which may miss their end.
        stuck_seconds: seconds of a loop or of silence after which the output is ended; 0: never.
    """

    model: str = ""
    nar_model: str = ""
    adapter: tuple[str, ...] = ()
    device: str = "auto"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    quantize: Literal["none", "int8", "auto"] = "none"
    max_prompt_seconds: float = 30.0
    vectors: Literal["auto", "chosen", "expected"] = "auto"
    speed: float = 1.0
    durations: Literal["drawn", "usual"] = "drawn"
    max_context: int = 0
    drafts: int = 0
    unchecked: bool = False
    guidance: float = 1.0
    nar_guidance: float = 1.0
    guidance_rescale: float = 0.0
    guidance_without: Literal["all", "text", "prompt"] = "all"
    phoneme_seconds: float = 0.5
    stuck_seconds: float = 2.0

    def __post_init__(self) -> None:
        for name, most in (("guidance", 20), ("nar_guidance", 20), ("guidance_rescale", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise UserError(f"{name} must be in [0, {most}], got {getattr(self, name):g}")
        if self.guidance_rescale and self.guidance == self.nar_guidance == 1:
            raise UserError("guidance_rescale has no effect without guidance; add --guidance 2, or leave it out")
        if self.max_context != 0 and not 2 <= self.max_context <= 1_000_000:
            raise UserError(f"max_context must be 0 or in [2, 1000000], got {self.max_context}")
        if not -1 <= self.drafts <= 64:
            raise UserError(f"drafts must be in [-1, 64], got {self.drafts}")
        if self.unchecked and not self.drafts:
            ways = "leave --unchecked out, or add --drafts 1 where the model drafts frames"
            raise UserError(f"there are no drafts to leave unchecked; {ways}")
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
