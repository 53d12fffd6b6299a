"""What is trained, the same on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Sizes, and how long it goes.

    Attributes:
        d_model, layers, heads: of the Llama.
        seconds: of a batch, prompts and texts included.
        utterances: of the corpus.
        lengths: name of the distribution of their durations.
        steps: measured ones, after `first`.
        first: steps that are not measured.
        equal: steps whose losses are compared.
        lr: learning rate, constant.
        repeats: how often each is measured; the fastest counts.
        threads: of a process.
        attention: kernels that ours is measured with.
    """

    d_model: int = 256
    layers: int = 6
    heads: int = 4
    seconds: float = 48.0
    utterances: int = 600
    lengths: str = "voice"
    steps: int = 30
    first: int = 5
    equal: int = 4
    lr: float = 1e-3
    repeats: int = 2
    threads: int = 2
    attention: tuple[str, ...] = ("cpu", "sdpa")

    def flags(self, data: str, out: str, *, attention: str, steps: int, log_every: int) -> dict[str, Any]:
        """Options of `valle train`: level 0 of one codebook, so that each position is one token on both sides."""
        return {
            "data": data, "out": out, "device": "cpu", "seed": 0, "arch": "llama", "arch.d_model": self.d_model,
            "arch.n_layers": self.layers, "arch.n_heads": self.heads, "arch.dropout": 0.0, "attention": attention,
            "model.parts": "ar", "model.levels": 1, "task": "tts", "task.min_seconds": 1.0, "task.max_seconds": 2.0,
            "batching.seconds": self.seconds, "steps": steps, "log_every": log_every, "checkpoint_every": steps,
            "warmup": 0, "decay_from": 0.999, "lr": self.lr, "weight_decay": 0.0, "text_gain_every": 0,
        }  # fmt: skip
