"""Token samplers, one small frozen dataclass per file; found through the entry points of `valle.sampler`.

`from valle_samplers import Sample, TopK` gives the classes; importing the package alone imports none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from valle_samplers.banned_tokens import BannedTokens
    from valle_samplers.beam import Beam
    from valle_samplers.dry import Dry
    from valle_samplers.dynamic_temperature import DynamicTemperature
    from valle_samplers.entropy_adaptive import EntropyAdaptive
    from valle_samplers.epsilon import Epsilon
    from valle_samplers.eta import Eta
    from valle_samplers.greedy import Greedy
    from valle_samplers.length_penalty import LengthPenalty
    from valle_samplers.masked import Masked
    from valle_samplers.min_p import MinP
    from valle_samplers.mirostat import Mirostat
    from valle_samplers.mirostat_truncated import MirostatV2
    from valle_samplers.repetition_aware import RepetitionAware
    from valle_samplers.repetition_penalty import RepetitionPenalty
    from valle_samplers.sample import Sample
    from valle_samplers.temperature import Temperature
    from valle_samplers.top_k import TopK
    from valle_samplers.top_nsigma import TopNSigma
    from valle_samplers.top_p import TopP
    from valle_samplers.typical import Typical
else:

    def __getattr__(name):
        """Fetch a sampler from the file that its spec names. Raises `AttributeError` for anything else."""
        if name not in __all__:
            raise AttributeError(f"module 'valle_samplers' has no attribute '{name}'")
        from importlib import import_module

        from valle_core.plugin import PluginSpec
        from valle_samplers import plugin

        specs = [spec for spec in vars(plugin).values() if isinstance(spec, PluginSpec)]
        owners = dict(reversed(spec.options.split(":")) for spec in specs)
        return getattr(import_module(owners[name]), name)

    def __dir__():
        return sorted(__all__)


__all__ = [
    "BannedTokens",
    "Beam",
    "Dry",
    "DynamicTemperature",
    "EntropyAdaptive",
    "Epsilon",
    "Eta",
    "Greedy",
    "LengthPenalty",
    "Masked",
    "MinP",
    "Mirostat",
    "MirostatV2",
    "RepetitionAware",
    "RepetitionPenalty",
    "Sample",
    "Temperature",
    "TopK",
    "TopNSigma",
    "TopP",
    "Typical",
]
