from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from valle_corpus.engines.espeak_library import SAMPLE_RATE, Voice, synthesize

from valle_core.plugin import UserError

TEXT = "The judge saw two boys. Was it good?"


@pytest.mark.parametrize("variant", ["f3", "Reed", "m7"])
def test_the_same_text_gives_the_same_samples_at_any_second_and_after_any_other(variant):
    first = synthesize(TEXT, Voice(variant=variant))
    time.sleep(1.05)  # espeak-ng seeds its noise by the second
    synthesize("Something else altogether, and louder!", Voice(variant="m2", rate=220))
    again = synthesize(TEXT, Voice(variant=variant))
    assert np.array_equal(first.audio, again.audio)
    assert first.phonemes == again.phonemes


@pytest.mark.parametrize("language", ["en-us", "de", "fr", "es"])
def test_phoneme_times_are_monotone_without_overlap_and_fill_the_audio(language):
    speech = synthesize(TEXT, Voice(language=language))
    spans = speech.phonemes
    assert len(spans) > 15
    assert all(span.start < span.end for span in spans)
    assert all(left.end == right.start for left, right in pairwise(spans))
    assert spans[-1].end == len(speech.audio) / SAMPLE_RATE


def test_words_are_the_words_of_the_text_in_order_and_time():
    speech = synthesize(TEXT, Voice())
    assert [span.label for span in speech.words] == ["The", "judge", "saw", "two", "boys", "Was", "it", "good"]
    assert all(left.end <= right.start for left, right in pairwise(speech.words))


def test_a_pause_of_the_alignment_is_silent_and_a_vowel_is_not():
    speech = synthesize("Go now. Stay here.", Voice())
    loudness = {"pause": 0.0, "speech": 0.0}
    for span in speech.phonemes:
        piece = speech.audio[round(span.start * SAMPLE_RATE) : round(span.end * SAMPLE_RATE)].astype(float)
        if span.end - span.start > 0.05:
            kind = "speech" if span.label else "pause"
            loudness[kind] = max(loudness[kind], float(np.sqrt((piece**2).mean())))
    assert loudness["speech"] > 1000 > 50 * loudness["pause"]


def test_rate_and_variant_change_the_sound():
    usual = synthesize(TEXT, Voice())
    assert len(synthesize(TEXT, Voice(rate=300)).audio) < 0.8 * len(usual.audio)
    other = synthesize(TEXT, Voice(variant="f2")).audio
    assert len(other) != len(usual.audio) or not np.array_equal(other, usual.audio)


def test_an_unknown_voice_is_refused_by_name():
    with pytest.raises(UserError, match="no voice 'martian'"):
        synthesize(TEXT, Voice(language="martian"))


def test_a_library_that_is_no_file_is_refused(monkeypatch):
    monkeypatch.setenv("PHONEMIZER_ESPEAK_LIBRARY", "/nowhere/libespeak-ng.so")
    with pytest.raises(UserError, match="PHONEMIZER_ESPEAK_LIBRARY"):
        synthesize(TEXT, Voice())
