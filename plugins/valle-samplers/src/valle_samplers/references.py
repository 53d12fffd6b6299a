"""The references that stand beside our samplers in `valle bench sampler` (standard library only)."""

from __future__ import annotations

from valle_core.plugin import ReferenceSpec, Requirement


def _spec(name: str, theirs: str) -> ReferenceSpec:
    return ReferenceSpec(
        name=f"transformers-{name.replace('_', '-')}",
        api=1,
        summary=f"transformers' {theirs} as a reference for sampler '{name}'",
        bench="sampler",
        part=name,
        title="transformers",
        loads=f"valle_samplers.reference:{name}",
        requires=(Requirement(module="transformers", hint="pip install transformers"),),
    )


TEMPERATURE = _spec("temperature", "TemperatureLogitsWarper")
TOP_K = _spec("top_k", "TopKLogitsWarper")
TOP_P = _spec("top_p", "TopPLogitsWarper")
MIN_P = _spec("min_p", "MinPLogitsWarper")
TYPICAL = _spec("typical", "TypicalLogitsWarper")
EPSILON = _spec("epsilon", "EpsilonLogitsWarper")
ETA = _spec("eta", "EtaLogitsWarper")
REPETITION_PENALTY = _spec("repetition_penalty", "RepetitionPenaltyLogitsProcessor")
BANNED_TOKENS = _spec("banned_tokens", "SuppressTokensLogitsProcessor")
LENGTH_PENALTY = _spec("length_penalty", "ExponentialDecayLengthPenalty")
