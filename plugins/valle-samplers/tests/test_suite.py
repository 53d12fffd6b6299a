"""Every sampler of this distribution against the suite of the core, with its defaults and with options that bite."""

from __future__ import annotations

from valle_samplers import plugin
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

from valle_testing import suite

test_greedy_conforms = suite.conformance("sampler", Greedy, spec=plugin.GREEDY)
test_sample_conforms = suite.conformance("sampler", Sample, spec=plugin.SAMPLE)
test_temperature_conforms = suite.conformance("sampler", lambda: Temperature(t=0.7), spec=plugin.TEMPERATURE)
test_zero_temperature_conforms = suite.conformance("sampler", lambda: Temperature(t=0.0), spec=plugin.TEMPERATURE)
test_top_k_conforms = suite.conformance("sampler", lambda: TopK(k=3), spec=plugin.TOP_K)
test_top_p_conforms = suite.conformance("sampler", lambda: TopP(p=0.6), spec=plugin.TOP_P)
test_min_p_conforms = suite.conformance("sampler", lambda: MinP(p=0.2), spec=plugin.MIN_P)
test_the_penalty_conforms = suite.conformance("sampler", lambda: RepetitionPenalty(), spec=plugin.REPETITION_PENALTY)
test_the_decaying_penalty_conforms = suite.conformance(
    "sampler", lambda: RepetitionPenalty(penalty=3.0, decay=0.4), spec=plugin.REPETITION_PENALTY
)
test_repetition_aware_conforms = suite.conformance(
    "sampler", lambda: RepetitionAware(p=0.5, window=3, threshold=0.1), spec=plugin.REPETITION_AWARE
)
test_dynamic_temperature_conforms = suite.conformance("sampler", DynamicTemperature, spec=plugin.DYNAMIC_TEMPERATURE)
test_confidence_conforms = suite.conformance(
    "sampler", lambda: DynamicTemperature(by="confidence", low=0.3), spec=plugin.DYNAMIC_TEMPERATURE
)
test_top_nsigma_conforms = suite.conformance("sampler", TopNSigma, spec=plugin.TOP_NSIGMA)
test_typical_conforms = suite.conformance("sampler", lambda: Typical(p=0.5), spec=plugin.TYPICAL)
test_epsilon_conforms = suite.conformance("sampler", lambda: Epsilon(epsilon=0.05), spec=plugin.EPSILON)
test_eta_conforms = suite.conformance("sampler", lambda: Eta(epsilon=0.1), spec=plugin.ETA)
test_length_penalty_conforms = suite.conformance(
    "sampler", lambda: LengthPenalty(factor=1.3), spec=plugin.LENGTH_PENALTY
)
test_banned_tokens_conform = suite.conformance("sampler", lambda: BannedTokens(tokens=(0,)), spec=plugin.BANNED_TOKENS)
test_dry_conforms = suite.conformance("sampler", lambda: Dry(allowed_length=1, window=9), spec=plugin.DRY)
test_mirostat_conforms = suite.conformance("sampler", lambda: Mirostat(tau=2.0, eta=0.7, m=9), spec=plugin.MIROSTAT)
test_mirostat_v2_conforms = suite.conformance("sampler", lambda: MirostatV2(tau=2.0, eta=0.7), spec=plugin.MIROSTAT_V2)
test_entropy_adaptive_conforms = suite.conformance(
    "sampler", lambda: EntropyAdaptive(entropy=1.5), spec=plugin.ENTROPY_ADAPTIVE
)
test_masked_conforms = suite.conformance("sampler", lambda: Masked(steps=4, t=0.8), spec=plugin.MASKED)
test_surest_first_conforms = suite.conformance("sampler", lambda: Masked(t=0, noise=0), spec=plugin.MASKED)
test_beam_conforms = suite.conformance("sampler", lambda: Beam(width=3), spec=plugin.BEAM)
