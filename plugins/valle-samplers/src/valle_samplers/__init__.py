"""Token samplers, one small frozen dataclass per file; found through the entry points of `valle.sampler`.

`from valle_samplers import Sample, TopK` gives the classes; importing the package alone imports none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from valle_samplers.greedy import Greedy
    from valle_samplers.min_p import MinP
    from valle_samplers.repetition_aware import RepetitionAware
    from valle_samplers.repetition_penalty import RepetitionPenalty
    from valle_samplers.sample import Sample
    from valle_samplers.temperature import Temperature
    from valle_samplers.top_k import TopK
    from valle_samplers.top_p import TopP
else:

    def __getattr__(name):
        """Fetch a sampler from its file: `TopK` from `top_k.py`. Raises `AttributeError` for anything else."""
        if name not in __all__:
            raise AttributeError(f"module 'valle_samplers' has no attribute '{name}'")
        from importlib import import_module
        from re import sub

        return getattr(import_module(f"valle_samplers.{sub('(?<=[a-z])(?=[A-Z])', '_', name).lower()}"), name)

    def __dir__():
        return sorted(__all__)


__all__ = [
    "Greedy",
    "MinP",
    "RepetitionAware",
    "RepetitionPenalty",
    "Sample",
    "Temperature",
    "TopK",
    "TopP",
]
