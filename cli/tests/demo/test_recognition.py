"""The closed-grammar verdict: what it hears, what it refuses, and what it says about missing packages."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from valle_cli.demo.recognition import ClosedGrammar
from valle_cli.demo.sentences import VOICES, demo_sentences
from valle_cli.demo.word_errors import words
from valle_core.plugin import UserError

pytest.importorskip("pocketsphinx")
synthesis = pytest.importorskip("valle_corpus.engines.espeak_library")


def speech(text: str, variant: str = "f2") -> tuple[np.ndarray, int]:
    audio = synthesis.synthesize(text, synthesis.Voice(variant=variant, rate=170)).audio
    return audio.astype(np.float32) / 32768, synthesis.SAMPLE_RATE


@pytest.fixture(scope="module")
def grammar() -> ClosedGrammar:
    return ClosedGrammar(demo_sentences(), seed=3)


def test_the_demo_has_two_dozen_short_sentences() -> None:
    sentences = demo_sentences()
    assert len(set(sentences)) == 24
    assert all(4 <= len(words(sentence)) <= 7 for sentence in sentences)
    assert all(" ".join(words(sentence)) == sentence for sentence in sentences)


@pytest.mark.parametrize("variant", VOICES)
def test_a_spoken_sentence_is_heard_clearly(grammar: ClosedGrammar, variant: str) -> None:
    for sentence in demo_sentences()[::6]:
        verdict = grammar.judge(*speech(sentence, variant), sentence)
        assert verdict.recognised
        assert verdict.heard == sentence
        assert verdict.wer == 0
        assert verdict.margin > 50


def test_another_sentence_than_expected_is_not_recognised(grammar: ClosedGrammar) -> None:
    said, expected = demo_sentences()[:2]
    verdict = grammar.judge(*speech(said), expected)
    assert verdict.heard == said
    assert not verdict.recognised
    assert verdict.wer > 0.5


def garbled(wav: np.ndarray, kind: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if kind == "noise":
        return rng.normal(size=len(wav)) * 0.1
    if kind == "speech-shaped noise":
        phases = np.exp(2j * np.pi * rng.random(len(wav) // 2 + 1))
        return np.fft.irfft(np.abs(np.fft.rfft(wav)) * phases, len(wav))
    if kind == "silence":
        return np.zeros_like(wav)
    if kind == "nothing":
        return wav[:0]
    if kind == "not a number":
        return np.full_like(wav, np.nan)
    pieces = np.array_split(wav, len(wav) // 1000)
    return np.concatenate([pieces[index] for index in rng.permutation(len(pieces))])


@pytest.mark.parametrize("kind", ["noise", "speech-shaped noise", "silence", "nothing", "not a number", "shuffled"])
def test_what_is_no_speech_is_not_recognised(grammar: ClosedGrammar, kind: str) -> None:
    for sentence in demo_sentences()[:3]:
        wav, rate = speech(sentence)
        verdict = grammar.judge(garbled(wav, kind), rate, sentence)
        assert not verdict.recognised
        if verdict.heard is None:
            assert (verdict.wer, verdict.margin) == (1.0, 0.0)


def test_a_verdict_does_not_depend_on_what_was_judged_before_nor_on_loudness() -> None:
    sentences = demo_sentences()[:6]
    wav, rate = speech(sentences[0])
    fresh = ClosedGrammar(sentences).judge(wav, rate, sentences[0])
    used = ClosedGrammar(sentences)
    for sentence in sentences[1:4]:
        used.judge(*speech(sentence, "m3"), sentence)
    assert used.judge(wav, rate, sentences[0]) == fresh
    assert used.judge(wav * 0.05, rate, sentences[0]).recognised


def test_the_order_in_the_grammar_follows_the_seed_and_decides_nothing() -> None:
    sentences = demo_sentences()
    one, other = ClosedGrammar(sentences, seed=0), ClosedGrammar(sentences, seed=1)
    assert one._order != other._order
    assert sorted(one._order) == sorted(other._order) == sorted(sentences)
    wav = speech(sentences[4])
    assert one.judge(*wav, sentences[4]).heard == other.judge(*wav, sentences[4]).heard == sentences[4]


def test_case_and_punctuation_are_ignored() -> None:
    grammar = ClosedGrammar(["Two horses ran along the beach.", "The train leaves at seven!"])
    assert grammar.judge(*speech("two horses ran along the beach"), "TWO HORSES, ran along the beach").recognised


def test_a_sentence_that_fits_too_badly_is_not_heard() -> None:
    sentence, wav = demo_sentences()[3], speech(demo_sentences()[3])
    fit = ClosedGrammar(demo_sentences()).judge(*wav, sentence).fit
    assert -300 < fit < -50
    strict = ClosedGrammar(demo_sentences(), least_fit=fit + 1).judge(*wav, sentence)
    assert (strict.heard, strict.recognised, strict.wer, strict.fit) == (None, False, 1.0, fit)
    assert ClosedGrammar(demo_sentences(), least_fit=fit - 1).judge(*wav, sentence).recognised


def test_unknown_words_are_named() -> None:
    with pytest.raises(UserError, match="lacks frobnicate, zzyzxq"):
        ClosedGrammar(["please frobnicate the zzyzxq", "the train leaves at seven"])


@pytest.mark.parametrize("sentences", [[], ["one two"], ["one two", "One, two!"], ["one two", "..."]])
def test_a_grammar_without_a_choice_is_refused(sentences: list[str]) -> None:
    with pytest.raises(UserError, match="two or more"):
        ClosedGrammar(sentences)


def test_an_expected_sentence_outside_the_grammar_is_refused(grammar: ClosedGrammar) -> None:
    with pytest.raises(UserError, match="'good morning' is not among the 24"):
        grammar.judge(*speech("good morning"), "good morning")


def test_a_missing_recognizer_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(UserError, match=r"pip install pocketsphinx"):
        ClosedGrammar(demo_sentences())


def test_an_infinite_margin_means_no_other_sentence_reached_its_end(grammar: ClosedGrammar) -> None:
    margins = [grammar.judge(*speech(sentence), sentence).margin for sentence in demo_sentences()[:8]]
    assert any(margin == math.inf for margin in margins)
