"""Options of the training of the built-in neural codecs (imports no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions:
    """A training run; stored in every checkpoint.

    Attributes:
        codec: tiny, small or mel-gl; a run without `init` starts from nothing
        init: exported weights to start from, of a codec that the network holds within it
        seed: random seed: decides start, crops and levels
        minutes: wall-clock budget; the learning rate anneals to zero at its end. Stopped time does not count
        steps: budget in steps instead, for an exactly repeatable run; 0 means `minutes` decides
        batch: crops per process and step
        frames: code frames of a crop, 20 ms each
        lr: learning rate at its height
        weight_decay: weight decay of AdamW, for matrices
        log: weight of log spectra
        compressed: weight of compressed spectra
        mel: weight of mel bands
        loudness: weight of loudness
        envelope: weight of band envelopes
        commitment: weight of the distance to the codebooks
        pitch: weight of the pitch that the decoder reads
        adversarial: length of the critics' gradient at the waveform as a multiple of the reconstruction's; 0: none
        matching: the same for the distance of the critics' features
        phones: weight of reading from level 0 what is said (`train.jsonl` of the corpus says it); 0: none
        first: number of rows in eight that keep level 0 only; the others keep 2, 3, 4, 8, 8 … levels
        practice: steps of the critics alone before they are followed
        critic_lr: learning rate of the critics
        average: decay of the averaged weights that are scored and exported; 0 for the last ones
        alone: steps between two exchanges of the processes
        warm: steps in which the learning rate rises
        free: steps before the codebooks are started again and used; the decoder first sees the encoder itself
        told: steps in which the voice source follows the measured pitch while the decoder learns to read it
        compile: compile encoder and decoder (needs a C++ compiler)
        eval_clips: held-out recordings that are scored
        eval_minutes: how often to score held-out speech
        save_minutes: how often to save
    """

    codec: str = "tiny"
    init: str = ""
    seed: int = 0
    minutes: float = 85.0
    steps: int = 0
    batch: int = 4
    frames: int = 40
    lr: float = 2e-3
    weight_decay: float = 0.01
    log: float = 0.5
    compressed: float = 20.0
    mel: float = 1.0
    loudness: float = 60.0
    envelope: float = 2.0
    commitment: float = 0.25
    pitch: float = 5.0
    adversarial: float = 0.0
    matching: float = 0.0
    phones: float = 0.0
    first: int = 1
    practice: int = 500
    critic_lr: float = 4e-4
    average: float = 0.0
    alone: int = 4
    warm: int = 300
    free: int = 200
    told: int = 8000
    compile: bool = True
    eval_clips: int = 12
    eval_minutes: float = 5.0
    save_minutes: float = 3.0

    def __post_init__(self) -> None:
        least = {"minutes": 0, "steps": 0, "batch": 1, "frames": 8, "lr": 0, "adversarial": 0, "matching": 0}
        least |= {"phones": 0, "first": 1}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise UserError(f"{name} must be at least {bound}, got {getattr(self, name)}")
        if not 0 <= self.average <= 1:
            raise UserError(f"average must be in [0, 1], got {self.average}")
