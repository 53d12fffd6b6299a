"""Predicted opinion by DNSMOS P.835 and P.808 (Reddy et al. 2022) of the package speechmos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from valle_eval.metrics.options import NoOptions
from valle_eval.metrics.weights import audible, named, weights_hash
from valle_language.measuring import Clip, Figure, Score

SHORTEST = 0.2
"""Seconds."""

NETWORKS = ("sig_bak_ovr.onnx", "model_v8.onnx")


def build(options: NoOptions, *, device: torch.device) -> DnsMos:
    """Factory of the metric `dnsmos`."""
    return DnsMos()


class DnsMos:
    """A `valle_language.measuring.Metric`; shorter clips are repeated to 9 s, as its makers do."""

    sample_rate = 16_000
    figures: Sequence[Figure] = (
        Figure(name="dnsmos", better="higher", summary="predicted opinion over all, 1 to 5 (DNSMOS P.835)"),
        Figure(name="dnsmos_speech", better="higher", summary="of the speech", main=False),
        Figure(name="dnsmos_background", better="higher", summary="of the background", main=False),
        Figure(name="dnsmos_p808", better="higher", summary="over all, P.808", main=False),
    )

    def __init__(self) -> None:
        from speechmos import dnsmos

        self._folder = Path(dnsmos.__file__).parent / "dnsmos_models"
        self._network: Any = dnsmos.DNSMOS(*(str(self._folder / name) for name in NETWORKS))

    def identity(self) -> Mapping[str, str]:
        """The package and its weights."""
        return {**named("speechmos"), "weights": self._hash}

    @cached_property
    def _hash(self) -> str:
        return weights_hash([self._folder / name for name in NETWORKS])

    @torch.inference_mode()
    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing for silence."""
        wav = audible(clip.sound, SHORTEST)
        if wav is None:
            return {}
        found = self._network(wav, self.sample_rate, False)
        names = {"dnsmos": "ovrl", "dnsmos_speech": "sig", "dnsmos_background": "bak", "dnsmos_p808": "p808"}
        return {name: Score(amount=float(found[f"{key}_mos"])) for name, key in names.items()}
