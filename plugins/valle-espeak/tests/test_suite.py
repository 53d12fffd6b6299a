"""The frontend against the suite of the core, with and without stress and punctuation."""

from __future__ import annotations

from valle_espeak.frontend import build
from valle_espeak.options import EspeakOptions
from valle_espeak.plugin import ESPEAK

from valle_testing import suite

test_espeak_conforms = suite.conformance("frontend", lambda: build(EspeakOptions()), spec=ESPEAK)
test_espeak_of_plain_sounds_conforms = suite.conformance(
    "frontend", lambda: build(EspeakOptions(stress=False, punctuation=False)), spec=ESPEAK
)
