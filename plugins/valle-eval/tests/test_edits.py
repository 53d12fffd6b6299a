"""Counts of edits, as jiwer 3.0.5 counted them on fixed transcripts; alignment with gaps in one piece."""

from __future__ import annotations

import pytest
import torch
from valle_eval.edits import count_edits, pair_up
from valle_eval.metrics.alignment import build as build_alignment
from valle_eval.metrics.options import AlignmentOptions, WordOptions
from valle_eval.metrics.word_errors import build_cer, build_wer
from valle_eval.normalisers import seed_tts, words

from valle_core.plugin import UserError
from valle_language.measuring import Clip, Sound
from valle_language.recognition import RecognizedSegment, TimedWord, Transcript

CPU = torch.device("cpu")
SOUND = Sound(wav=torch.zeros(10), sample_rate=16_000)

SEED_TTS = [
    # text, transcript, WER, substitutions, deletions, insertions of the published script
    ("The boat sails tonight.", "The boat sails tonight.", 0.0, 0.0, 0.0, 0.0),
    ("Well-known facts — isn't it?", "Well known facts, isn't it?", 0.5, 0.25, 0.0, 0.25),
    ("She paid 25 dollars.", "She paid twenty five dollars", 0.5, 0.25, 0.0, 0.25),
    ("a b b on - — c on it's b", "a b - on c — c on it's b", 0.25, 0.2222222222222222, 0.0, 0.0),
    ("— well-known ' ' the mat", "25 — well-known ' the mat", 0.4, 0.0, 0.16666666666666666, 0.16666666666666666),
    (
        "One two three four five six seven",
        "one two four five five six seven",
        0.2857142857142857,
        0.2857142857142857,
        0.0,
        0.0,
    ),
    ("Nothing is found here.", "", 1.0, 0.0, 1.0, 0.0),
    (
        "It's “quoted”, (twice)… and then some",
        "It is quoted twice and then some more",
        0.5,
        0.16666666666666666,
        0.0,
        0.3333333333333333,
    ),
    ("x - — y  z", "x  y   z -", 0.0, 0.0, 0.0, 0.0),
    (
        "His sister works at the airport",
        "So, again, my soul makes it at the the airport",
        1.1666666666666667,
        0.5,
        0.0,
        0.6666666666666666,
    ),
    (
        "cat well-known it's c - on on cat b — ' it's well-known",
        "cat mat it's c on on b — ' ' it's well-known",
        0.2727272727272727,
        0.2727272727272727,
        0.0,
        0.0,
    ),
]
"""Made with `process_one` of Seed-TTS-eval's run_wer.py (its punctuation lists, jiwer 3.0.5), to the last digit."""


def transcribed(text):
    segments = (RecognizedSegment(text=text, start=0.0, end=1.0),) if text else ()
    return Transcript(segments=segments, language="en")


@pytest.mark.parametrize(("text", "transcript", "wanted"), [(row[0], row[1], row[2:]) for row in SEED_TTS])
def test_word_errors_are_those_of_the_published_script_to_the_last_digit(text, transcript, wanted):
    scores = build_wer(WordOptions(), device=CPU).measure(
        Clip(sound=SOUND, text=text, transcript=transcribed(transcript))
    )
    names = ("wer", "wer_substitutions", "wer_deletions", "wer_insertions")
    assert tuple(scores[name].value for name in names) == wanted


def test_the_mean_of_the_published_script_is_ours():
    """`round(mean × 100, 3)` over all lines: 44.319 by its average_wer.py."""
    metric = build_wer(WordOptions(), device=CPU)
    values = [
        metric.measure(Clip(sound=SOUND, text=row[0], transcript=transcribed(row[1])))["wer"].value for row in SEED_TTS
    ]
    assert round(sum(values) / len(values) * 100, 3) == 44.319


@pytest.mark.parametrize(
    ("text", "seed", "spoken"),
    [
        ("Well-known — isn't it?", "wellknown isn't it", "well known isn't it"),
        ("It's 25 °C.", "it's 25 °c", "it's twenty five degrees celsius"),
        ("  A…B  ", " ab ", "a b"),
        ("Dr. Smith paid $3.", "dr smith paid 3", "doctor smith paid three dollars"),
    ],
)
def test_normalisers_do_what_they_say(text, seed, spoken):
    assert seed_tts(text, "en") == seed
    assert words(text, "en") == spoken


def test_characters_are_counted_without_what_is_between_words():
    scores = build_cer(WordOptions(), device=CPU).measure(
        Clip(sound=SOUND, text="ab cd", transcript=transcribed("ab  cx"))
    )
    assert scores["cer"].value == 1 / 5


def test_a_text_without_words_has_no_errors_and_a_missing_transcript_is_refused():
    metric = build_wer(WordOptions(), device=CPU)
    assert metric.measure(Clip(sound=SOUND, text="…", transcript=transcribed("a"))) == {}
    with pytest.raises(UserError, match="metric 'wer' needs a transcript"):
        metric.measure(Clip(sound=SOUND, text="a"))


@pytest.mark.parametrize(("one", "other"), [("", ""), ("", "ab"), ("ab", ""), ("abc", "abc"), ("abcd", "axcy")])
def test_counts_add_up(one, other):
    edits = count_edits(one, other)
    assert edits.hits + edits.substitutions + edits.deletions == len(one)
    assert edits.hits + edits.substitutions + edits.insertions == len(other)


def test_what_is_missing_stands_in_one_piece():
    pairs = pair_up("abcabcxyz", "abcxyz")
    gap = [place for place, (_, found) in enumerate(pairs) if found is None]
    assert gap == list(range(gap[0], gap[0] + 3))
    assert [found for _, found in pairs if found is not None] == list(range(6))
    assert pair_up("", "ab") == [(None, 0), (None, 1)]


TEXT = "ðəboʊtseɪlztənaɪt"


@pytest.mark.parametrize(
    ("symbols", "wanted"),
    [
        (TEXT, {}),
        (TEXT.replace("boʊts", ""), {"skips": 1}),
        (TEXT[:-6], {"skips": 1}),
        (TEXT.replace("boʊts", "boʊtsboʊts"), {"repeats": 1}),
        (TEXT[:9] + TEXT[:9] + TEXT[9:], {"repeats": 1}),
        (TEXT + "mʌmʌmʌ", {"run_ons": 1}),
        (TEXT[:6] + "mʌmʌmʌmʌ" + TEXT[6:], {"additions": 1}),
        (TEXT.replace("b", "p").replace("z", "s"), {}),
        (TEXT.replace("oʊ", ""), {}),
    ],
)
def test_skips_repeats_and_run_ons_are_told_apart(symbols, wanted):
    phones = tuple(TimedWord(text=phone, start=0.0, end=0.0) for phone in symbols)
    clip = Clip(sound=SOUND, phones=phones, expected=tuple(TEXT))
    scores = build_alignment(AlignmentOptions(), device=CPU).measure(clip)
    assert {name: score.amount for name, score in scores.items() if score.amount} == wanted


def test_shorter_stretches_count_where_they_are_to():
    phones = tuple(TimedWord(text=phone, start=0.0, end=0.0) for phone in TEXT.replace("oʊ", ""))
    clip = Clip(sound=SOUND, phones=phones, expected=tuple(TEXT))
    assert build_alignment(AlignmentOptions(least=2), device=CPU).measure(clip)["skips"].amount == 1
    with pytest.raises(UserError, match=r"metric.least must be in \[2, 100\], got 1"):
        AlignmentOptions(least=1)
