"""Options of the training of the built-in neural codecs (imports no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions:
    """A training run; stored in every checkpoint.

    Attributes:
        codec: codec to train: tiny, small or mel-gl
        init: exported weights to start from, of the same or a smaller network
        seed: random seed of initial weights, training crops and codebook levels
        minutes: training time in minutes; the learning rate decays to zero at its end, pauses do not count
        steps: number of training steps, in place of --minutes (repeatable exactly); 0: by --minutes
        batch: crops per process and step
        frames: length of a crop in code frames of 20 ms
        lr: peak learning rate
        weight_decay: weight decay of AdamW, applied to matrices only
        log: loss weight of log spectra
        compressed: loss weight of compressed spectra
        mel: loss weight of mel bands
        loudness: loss weight of loudness
        envelope: loss weight of band envelopes
        commitment: loss weight of the distance between latents and codebook vectors
        pitch: loss weight of the pitch that the decoder predicts from the codes
        adversarial: adversarial loss: its gradient's length relative to the reconstruction loss's; 0: no discriminators
        feature_matching: feature matching loss, weighted likewise; needs --adversarial
        phones: loss weight of recognizing phones from level 0 (phones are read from the corpus's train.jsonl); 0: off
        first_level_rows: quantizer dropout: rows in eight that use level 0 only; the others use 2, 3, 4, 8, 8 … levels
        discriminator_warmup: steps in which only the discriminators learn
        discriminator_lr: learning rate of the discriminators
        average: decay of the moving average of the weights, which is evaluated and exported; 0: the last weights
        local_steps: local SGD: steps each process makes between two averagings of the weights
        warmup: steps of linear learning rate warm-up
        unquantized_steps: first steps, in which the decoder reads the encoder's output; then codebooks are initialised
        teacher_forcing_steps: first steps, in which the voice source gets the measured pitch, not the predicted one
        compile: run encoder and decoder through torch.compile (needs a C++ compiler)
        eval_clips: number of held-out recordings to evaluate on
        eval_minutes: minutes between two evaluations
        save_minutes: minutes between two checkpoints
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
    feature_matching: float = 0.0
    phones: float = 0.0
    first_level_rows: int = 1
    discriminator_warmup: int = 500
    discriminator_lr: float = 4e-4
    average: float = 0.0
    local_steps: int = 4
    warmup: int = 300
    unquantized_steps: int = 200
    teacher_forcing_steps: int = 8000
    compile: bool = True
    eval_clips: int = 12
    eval_minutes: float = 5.0
    save_minutes: float = 3.0

    def __post_init__(self) -> None:
        least = {"minutes": 0, "steps": 0, "batch": 1, "frames": 8, "lr": 0, "adversarial": 0, "feature_matching": 0}
        least |= {"phones": 0, "first_level_rows": 1, "discriminator_warmup": 0, "local_steps": 1, "warmup": 1}
        least |= {"unquantized_steps": 0, "teacher_forcing_steps": 0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise UserError(f"{name} must be at least {bound}, got {getattr(self, name)}")
        if not self.steps and not self.minutes:
            raise UserError("minutes must be above 0 where steps is 0, got 0")
        if not 0 <= self.average <= 1:
            raise UserError(f"average must be in [0, 1], got {self.average}")
