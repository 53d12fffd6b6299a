"""Every sampler of this distribution against the suite of the core, with its defaults and with options that bite."""

from __future__ import annotations

from valle_samplers import plugin
from valle_samplers.greedy import Greedy
from valle_samplers.min_p import MinP
from valle_samplers.repetition_aware import RepetitionAware
from valle_samplers.repetition_penalty import RepetitionPenalty
from valle_samplers.sample import Sample
from valle_samplers.temperature import Temperature
from valle_samplers.top_k import TopK
from valle_samplers.top_p import TopP

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
