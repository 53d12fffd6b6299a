"""Predicted opinion of quality by DistillMOS (Stahl & Gamper 2025)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from valle_eval.metrics.options import NoOptions
from valle_eval.metrics.weights import audible, named, weights_hash
from valle_language.measuring import Clip, Figure, Score

SHORTEST = 0.2
"""Seconds."""


def build(options: NoOptions, *, device: torch.device) -> DistillMos:
    """Factory of the metric `distillmos`."""
    return DistillMos(device)


@contextmanager
def _without_torchaudio() -> Iterator[None]:
    """An empty stand-in while the package is imported: it names torchaudio, and uses it only to read files."""
    lacking = "torchaudio" not in sys.modules and find_spec("torchaudio") is None
    names = ("torchaudio", "torchaudio.transforms", "torchaudio.functional") if lacking else ()
    sys.modules.update({name: ModuleType(name) for name in names})
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)


class DistillMos:
    """A `valle_language.measuring.Metric`."""

    sample_rate = 16_000
    figures: Sequence[Figure] = (
        Figure(name="distillmos", better="higher", summary="predicted opinion of quality, 1 to 5 (DistillMOS)"),
    )

    def __init__(self, device: torch.device) -> None:
        with _without_torchaudio():
            from distillmos import sqa
        self._weights = Path(sqa.DEFAULT_WEIGHTS_CHKPT)
        network: Any = sqa.ConvTransformerSQAModel(load_weights=False)
        network.load_state_dict(torch.load(self._weights, map_location="cpu", weights_only=True)["model"])
        self._device, self._network = device, network.eval().to(device)

    def identity(self) -> Mapping[str, str]:
        """The package and its weights."""
        return {**named("distillmos", "xls-r-sqa"), "weights": self._hash}

    @cached_property
    def _hash(self) -> str:
        return weights_hash([self._weights])

    @torch.inference_mode()
    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing for silence."""
        wav = audible(clip.sound, SHORTEST)
        if wav is None:
            return {}
        return {"distillmos": Score(amount=float(self._network(torch.from_numpy(wav)[None].to(self._device))))}
