"""What this distribution offers: one spec per sampler (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec


def _spec(name: str, summary: str, options: str, capability: str) -> PluginSpec:
    return PluginSpec(
        kind="sampler",
        name=name,
        api=1,
        summary=summary,
        factory="valle_samplers.factory:as_given",
        options=options,
        capabilities=frozenset({capability}),
    )


GREEDY = _spec("greedy", "Picks the most likely token", "valle_samplers.greedy:Greedy", "chooser")
SAMPLE = _spec("sample", "Draws from the distribution as it stands", "valle_samplers.sample:Sample", "chooser")
TEMPERATURE = _spec(
    "temperature", "Divides the logits; 0 leaves only the best", "valle_samplers.temperature:Temperature", "processor"
)
TOP_K = _spec("top_k", "Keeps the k most likely tokens (1805.04833)", "valle_samplers.top_k:TopK", "processor")
TOP_P = _spec(
    "top_p", "Keeps the smallest set with probability p (1904.09751)", "valle_samplers.top_p:TopP", "processor"
)
MIN_P = _spec(
    "min_p", "Keeps tokens with at least p times the best's probability (2407.01082)",
    "valle_samplers.min_p:MinP", "processor",
)  # fmt: skip
REPETITION_PENALTY = _spec(
    "repetition_penalty", "Makes tokens chosen before less likely, near ones most (1909.05858)",
    "valle_samplers.repetition_penalty:RepetitionPenalty", "processor",
)  # fmt: skip
REPETITION_AWARE = _spec(
    "repetition_aware", "Nucleus draw that falls back to a free draw when it repeats (VALL-E 2, 2406.05370)",
    "valle_samplers.repetition_aware:RepetitionAware", "chooser",
)  # fmt: skip
