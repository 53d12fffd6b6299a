"""What a training run leaves behind: log lines, held-out scores, checkpoints and exported weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from valle_codec_tiny.checkpoint import Part, export, save_training
from valle_codec_tiny.features import HOP, features
from valle_codec_tiny.network import TinyNetwork
from valle_codec_tiny.quality import LEVELS, score
from valle_codec_tiny.schedule import Progress
from valle_codec_tiny.speech import held_out


def reconstruct(network: TinyNetwork, clip: Tensor, levels: int) -> Tensor:
    """The clip through encoder, the first levels, and decoder."""
    count = -(-len(clip) // HOP)
    wav = torch.nn.functional.pad(clip, (0, count * HOP - len(clip)))[None]
    codes = network.quantizer.encode(network.encoder(features(wav), None)[0])
    return network.decode(codes[None, :, :levels])[0].clamp(-1, 1)


@dataclass(kw_only=True)
class _Due:
    """Something done every so many seconds of the run."""

    every: float
    at: float

    def now(self, seconds: float) -> bool:
        if seconds < self.at:
            return False
        self.at = seconds + self.every
        return True


class Reporter:
    """Rank 0's log, held-out scores and checkpoints; `network` is the one that is scored and exported."""

    EVERY = 200

    def __init__(
        self,
        out: Path,
        corpus: Path,
        network: TinyNetwork,
        parts: Mapping[str, Part],
        progress: Progress,
        options: Mapping[str, Any],
    ) -> None:
        self.out, self.network, self.parts = out, network, parts
        self.progress, self.options = progress, options
        self.clips = held_out(corpus, options["eval_clips"])
        self.log = (out / "log.jsonl").open("a", encoding="utf-8")
        self.sums: dict[str, float] = {}
        self.score_due = _Due(every=options["eval_minutes"] * 60, at=progress.seconds + options["eval_minutes"] * 60)
        self.save_due = _Due(every=options["save_minutes"] * 60, at=progress.seconds + options["save_minutes"] * 60)

    def write(self, row: dict[str, Any]) -> None:
        self.log.write(json.dumps({**self.progress.facts(), **row}) + "\n")
        self.log.flush()

    def note(self, values: dict[str, Tensor]) -> None:
        """After each step."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        if self.progress.step % self.EVERY == 0:
            self.write({name: round(value / self.EVERY, 5) for name, value in self.sums.items()})
            self.sums = {}

    def keep(self) -> None:
        """After each exchange: checkpoints and scores that are due, and both at the end."""
        if self.save_due.now(self.progress.seconds) or self.progress.done:
            save_training(self.out, self.parts, self.network.size, self.progress, self.options)
            facts = {"options": dict(self.options), "progress": self.progress.facts()}
            codec = self.options["codec"]
            export(self.network, self.out / f"{codec}.safetensors", facts, codec=codec)
        if self.score_due.now(self.progress.seconds) or self.progress.done:
            levels = sorted({min(level, self.network.size.levels) for level in LEVELS})
            with torch.inference_mode():
                table = score(self.clips, lambda clip, number: reconstruct(self.network, clip, number), levels)
            self.write({"held_out": {str(level): row for level, row in table.items()}})
