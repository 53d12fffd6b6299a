"""The verdict of a recognizer that knows a list of sentences: what it recognises, and what it rejects."""

from __future__ import annotations

import numpy as np
import pytest

from valle_cli.demo.recognition import SentenceRecognizer
from valle_cli.demo.sentences import VOICES, demo_sentences
from valle_cli.demo.word_errors import words
from valle_core.plugin import UserError

pytest.importorskip("valle_pocketsphinx")
synthesis = pytest.importorskip("valle_corpus.engines.espeak_library")


def speech(text: str, variant: str = "f2") -> tuple[np.ndarray, int]:
    audio = synthesis.synthesize(text, synthesis.Voice(variant=variant, rate=170)).audio
    return audio.astype(np.float32) / 32768, synthesis.SAMPLE_RATE


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """`made(sentences)` → a recognizer of these."""

    def made(sentences) -> SentenceRecognizer:
        file = tmp_path_factory.mktemp("sentences") / "sentences.txt"
        file.write_text("\n".join(sentences) + "\n")
        return SentenceRecognizer(file)

    return made


@pytest.fixture(scope="module")
def recognizer(made) -> SentenceRecognizer:
    return made(demo_sentences())


def test_the_demo_has_two_dozen_short_sentences() -> None:
    sentences = demo_sentences()
    assert len(set(sentences)) == 24
    assert all(4 <= len(words(sentence)) <= 7 for sentence in sentences)
    assert all(" ".join(words(sentence)) == sentence for sentence in sentences)


@pytest.mark.parametrize("variant", VOICES)
def test_a_spoken_sentence_is_recognised(recognizer: SentenceRecognizer, variant: str) -> None:
    for sentence in demo_sentences()[::6]:
        verdict = recognizer.judge(*speech(sentence, variant), sentence)
        assert verdict.recognised
        assert verdict.hypothesis == sentence
        assert verdict.wer == 0


def test_another_sentence_than_expected_is_not_recognised(recognizer: SentenceRecognizer) -> None:
    spoken, expected = demo_sentences()[:2]
    verdict = recognizer.judge(*speech(spoken), expected)
    assert verdict.hypothesis == spoken
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
def test_what_is_no_speech_is_not_recognised(recognizer: SentenceRecognizer, kind: str) -> None:
    for sentence in demo_sentences()[:3]:
        wav, rate = speech(sentence)
        verdict = recognizer.judge(garbled(wav, kind), rate, sentence)
        assert not verdict.recognised
        if verdict.hypothesis is None:
            assert verdict.wer == 1.0


def test_a_verdict_does_not_depend_on_what_was_judged_before_nor_on_loudness(made) -> None:
    sentences = demo_sentences()[:6]
    wav, rate = speech(sentences[0])
    fresh = made(sentences).judge(wav, rate, sentences[0])
    used = made(sentences)
    for sentence in sentences[1:4]:
        used.judge(*speech(sentence, "m3"), sentence)
    assert used.judge(wav, rate, sentences[0]) == fresh
    assert used.judge(wav * 0.05, rate, sentences[0]).recognised


def test_a_sentence_is_judged_whole_whatever_pauses_it_has(recognizer: SentenceRecognizer) -> None:
    sentence = demo_sentences()[0]
    wav, rate = speech(sentence)
    quiet = np.zeros(rate, dtype=np.float32)
    assert recognizer.judge(np.concatenate([quiet, wav, quiet]), rate, sentence).recognised


def test_case_and_punctuation_are_ignored(made) -> None:
    recognizer = made(["Two horses ran along the beach.", "The train leaves at seven!"])
    assert recognizer.judge(*speech("two horses ran along the beach"), "TWO HORSES, ran along the beach").recognised


def test_unknown_words_are_named(made) -> None:
    with pytest.raises(UserError, match="lacks 'frobnicate', 'zzyzxq'"):
        made(["please frobnicate the zzyzxq", "the train leaves at seven"])


def test_an_expected_sentence_outside_the_list_is_refused(recognizer: SentenceRecognizer) -> None:
    with pytest.raises(UserError, match="'good morning' is not among the 24"):
        recognizer.judge(*speech("good morning"), "good morning")
