"""What pocketsphinx recognizes in synthetic speech, when, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from valle_pocketsphinx.options import PocketSphinxOptions
from valle_pocketsphinx.recognizer import build
from valle_pocketsphinx.sound import levelled, stretches
from valle_pocketsphinx.words import placed, tokens

from valle_core.plugin import UserError
from valle_language.recognition import TimedWord
from valle_testing.suites.recognizer.speech import built_in

CPU = torch.device("cpu")
BOAT, HORSES, _ = built_in()
WRITTEN = ("“The boat sails tonight!”", "Two horses ran — along the beach.", "Please close the window.")


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "sentences.txt"
    path.write_text("\n\n".join(WRITTEN) + "\n", encoding="utf-8")
    return build(PocketSphinxOptions(sentences=path), device=CPU)


@pytest.fixture(scope="module")
def plain():
    return build(PocketSphinxOptions(), device=CPU)


def transcribed(recognizer, *wavs):
    wav = torch.from_numpy(np.concatenate(wavs).astype(np.float32))[None]
    (found,) = recognizer.transcribe(wav, torch.tensor([wav.shape[1]]), languages=["en-us"])
    return found


def align(recognizer, wav, text):
    row = torch.from_numpy(wav)[None]
    (found,) = recognizer.align(row, torch.tensor([row.shape[1]]), [text], languages=["en"])
    return found


def test_a_sentence_of_the_list_comes_as_it_is_written_with_a_time_for_each_word(listed):
    gap = np.zeros(16_000)
    found = transcribed(listed, BOAT.wav, gap, HORSES.wav)
    assert [one.text for one in found.segments] == list(WRITTEN[:2])
    words = found.segments[1].words
    assert [word.text for word in words] == WRITTEN[1].split()
    assert words[3].start == words[3].end == words[2].end
    start = len(BOAT.wav) / 16_000 + 1
    assert start <= words[0].start < start + 0.3


def test_loudness_changes_nothing_and_what_is_not_on_the_list_is_not_recognized(listed):
    assert transcribed(listed, BOAT.wav * 0.05).text == transcribed(listed, BOAT.wav).text == WRITTEN[0]
    noise = 0.2 * np.random.default_rng(1).normal(size=16_000)
    assert transcribed(listed, noise).segments == ()
    rng = np.random.default_rng(0)
    pieces = np.array_split(BOAT.wav, len(BOAT.wav) // 1000)
    garbled = np.concatenate([pieces[index] for index in rng.permutation(len(pieces))])
    assert transcribed(listed, garbled).segments == ()


def test_a_sentence_that_fits_worse_than_asked_for_is_not_recognized(listed, tmp_path):
    strict = build(PocketSphinxOptions(sentences=tmp_path / "sentences.txt", least_fit=-20.0), device=CPU)
    assert transcribed(strict, BOAT.wav).segments == ()


def test_a_grammar_may_be_given(tmp_path):
    path = tmp_path / "boats.gram"
    path.write_text("#JSGF V1.0;\ngrammar boats;\npublic <said> = the (boat | ship) sails (today | tonight);\n")
    recognizer = build(PocketSphinxOptions(sentences=path), device=CPU)
    assert transcribed(recognizer, BOAT.wav).text == "the boat sails tonight"
    assert json.loads(json.dumps(recognizer.portable_options()))["sentences"].startswith("#JSGF")


def test_dictation_recognizes_english_words_and_says_how_sure_it_is(plain):
    (one,) = transcribed(plain, BOAT.wav).segments
    assert "tonight" in one.text.split()
    assert all(word.probability is not None and 0 <= word.probability <= 1 for word in one.words)


def test_alignment_keeps_the_words_as_written(plain):
    found = align(plain, HORSES.wav, "“Two horses ran — along the BEACH!”")
    assert [word.text for word in found] == ["“Two", "horses", "ran", "—", "along", "the", "BEACH!”"]
    assert found[0].start < 0.25
    assert 1.5 < found[-1].end <= len(HORSES.wav) / 16_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("two zorbling horses ran", r"dictionary lacks 'zorbling' of 'two zorbling horses ran'. Write it otherwise"),
        ("2 horses", r"dictionary lacks '2'"),
        ("— !", r"has no words. Give a text with words"),
        ("please close the window and open the door and close it again", r"cannot be placed in the audio"),
    ],
)
def test_what_cannot_be_aligned_is_refused_with_the_word(plain, text, message):
    with pytest.raises(UserError, match=message):
        align(plain, HORSES.wav[:8000], text)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "cannot be read"),
        ("empty.txt", " \n", "holds no sentence. Write one per line"),
        ("odd.txt", "the zorbling boat", "dictionary lacks 'zorbling' of 'the zorbling boat'"),
        ("odd.gram", "public <a> = boat", "the grammar cannot be used: it needs '#JSGF V1.0;'"),
        ("unknown.gram", "#JSGF V1.0;\ngrammar a;\npublic <a> = zorbling;\n", "the grammar cannot be used"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        build(PocketSphinxOptions(sentences=tmp_path / name), device=CPU)


@pytest.mark.parametrize(
    ("option", "value"), [("pause", 0.0), ("pause", 11.0), ("least_fit", 1.0), ("least_fit", float("nan"))]
)
def test_options_that_cannot_be_are_refused(option, value):
    with pytest.raises(UserError, match=f"recognizer.{option} must be"):
        PocketSphinxOptions(**{option: value})


def test_speech_is_found_between_pauses():
    gap = np.zeros(16_000, dtype=np.float32)
    wav = np.concatenate([gap, BOAT.wav, gap, HORSES.wav])
    (a, b), (c, d) = stretches(levelled(wav), 0.5)
    assert 14_000 < a < 20_000 < b < 16_000 + len(BOAT.wav) + 8000 < c < d <= len(wav)
    assert len(stretches(levelled(wav), 3.0)) == 1
    assert stretches(levelled(np.zeros(32_000)), 0.5) == []


def test_written_words_take_the_times_of_what_is_said_for_them():
    message = tokens("Well-known, isn't it? — yes")
    assert [token.words for token in message] == [("well", "known"), ("isn't",), ("it",), (), ("yes",)]
    times = [TimedWord(text=str(n), start=n, end=n + 0.5, probability=1 - n / 10) for n in range(5)]
    found = placed(message, times)
    assert [(word.text, word.start, word.end) for word in found] == [
        ("Well-known,", 0, 1.5),
        ("isn't", 2, 2.5),
        ("it?", 3, 3.5),
        ("—", 3.5, 3.5),
        ("yes", 4, 4.5),
    ]
    assert found[0].probability == pytest.approx(0.9)
