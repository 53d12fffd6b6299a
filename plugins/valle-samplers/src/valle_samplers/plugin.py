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
    "repetition_penalty", "Makes tokens chosen before less likely; with decay near ones most (1909.05858)",
    "valle_samplers.repetition_penalty:RepetitionPenalty", "processor",
)  # fmt: skip
REPETITION_AWARE = _spec(
    "repetition_aware", "Nucleus draw that falls back to a free draw when it repeats (VALL-E 2, 2406.05370)",
    "valle_samplers.repetition_aware:RepetitionAware", "chooser",
)  # fmt: skip
DYNAMIC_TEMPERATURE = _spec(
    "dynamic_temperature", "A temperature between two that follows the entropy",
    "valle_samplers.dynamic_temperature:DynamicTemperature", "processor",
)  # fmt: skip
TOP_NSIGMA = _spec(
    "top_nsigma", "Keeps logits within n standard deviations of the best (2411.07641)",
    "valle_samplers.top_nsigma:TopNSigma", "processor",
)  # fmt: skip
TYPICAL = _spec(
    "typical", "Keeps tokens whose surprise is near the entropy (2202.00666)",
    "valle_samplers.typical:Typical", "processor",
)  # fmt: skip
EPSILON = _spec(
    "epsilon", "Keeps tokens of at least this probability (2210.15191)", "valle_samplers.epsilon:Epsilon", "processor"
)
ETA = _spec(
    "eta", "Keeps tokens above a probability that follows the entropy (2210.15191)",
    "valle_samplers.eta:Eta", "processor",
)  # fmt: skip
LENGTH_PENALTY = _spec(
    "length_penalty", "Makes the end likelier, or less likely, with each token",
    "valle_samplers.length_penalty:LengthPenalty", "processor",
)  # fmt: skip
BANNED_TOKENS = _spec("banned_tokens", "Rules tokens out", "valle_samplers.banned_tokens:BannedTokens", "processor")
DRY = _spec("dry", "Penalises what would prolong a repeated sequence", "valle_samplers.dry:Dry", "processor")
MIROSTAT = _spec(
    "mirostat", "Keeps the surprise at a target, by Zipf's law (2007.14966)",
    "valle_samplers.mirostat:Mirostat", "chooser",
)  # fmt: skip
MIROSTAT_V2 = _spec(
    "mirostat_v2", "Keeps the surprise at a target, by a bound on it (2007.14966)",
    "valle_samplers.mirostat_truncated:MirostatV2", "chooser",
)  # fmt: skip
ENTROPY_ADAPTIVE = _spec(
    "entropy_adaptive", "Takes the best token where the model is certain, else draws",
    "valle_samplers.entropy_adaptive:EntropyAdaptive", "chooser",
)  # fmt: skip
BEAM = _spec(
    "beam", "Looks for the likeliest whole answer along several beginnings", "valle_samplers.beam:Beam", "search"
)
MASKED = _spec(
    "masked", "Fills an answer of known length in a few passes, the surest codes first (2202.04200)",
    "valle_samplers.masked:Masked", "filler",
)  # fmt: skip
