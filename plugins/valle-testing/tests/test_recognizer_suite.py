"""The suite of recognizers catches faults planted in copies of a good one, each by the check it belongs to."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from valle_core.plugin import PluginSpec, UserError
from valle_language.recognition import PlacedPhonemes, RecognizedSegment, TimedWord, Transcript
from valle_testing import planted, suite
from valle_testing.fakes.recognizer import RATE, FakeRecognizer, sing
from valle_testing.suites.recognizer.speech import Clip, built_in

SPEC = PluginSpec(
    kind="recognizer",
    name="fake",
    api=1,
    summary="",
    factory="a:b",
    options="a:c",
    capabilities=frozenset({"words", "detect", "align", "phonemes"}),
)
BARE = replace(SPEC, capabilities=frozenset())

CLIPS = [
    Clip(wav=sing(f" {text} ", tag), sample_rate=RATE, text=text, language=tag)
    for text, tag in (("abba dace", "xx"), ("fed a cab", "yy"), ("bead", "xx"))
]


class Bare(FakeRecognizer):
    """Declares nothing: no words, no detection, no alignment, no phonemes."""

    place = None

    def transcribe(self, wav, lengths, *, languages):
        if None in languages:
            raise UserError("this recognizer detects no language. Name it")
        found = super().transcribe(wav, lengths, languages=languages)
        return [replace(one, segments=tuple(replace(part, words=()) for part in one.segments)) for one in found]

    def align(self, wav, lengths, texts, *, languages):
        raise UserError("this recognizer does not align. Choose another")


def giving(change):
    """A recognizer that says something else: `change(transcript, row)`."""

    class Faulty(FakeRecognizer):
        def transcribe(self, wav, lengths, *, languages):
            found = super().transcribe(wav, lengths, languages=languages)
            return [change(one, row) for row, one in enumerate(found)]

    return Faulty


def transcribing(change):
    """A recognizer that transcribes something else: `change(self, wav, lengths, languages)` gives those three."""

    class Faulty(FakeRecognizer):
        last = None

        def transcribe(self, wav, lengths, *, languages):
            wav, lengths, languages = change(self, wav, lengths, languages)
            return super().transcribe(wav, lengths, languages=languages)

    return Faulty


def aligning(change):
    """A recognizer that aligns otherwise: `change(words, wav, lengths)`."""

    class Faulty(FakeRecognizer):
        def align(self, wav, lengths, texts, *, languages):
            found = super().align(wav, lengths, texts, languages=languages)
            return [change(list(words), wav, lengths) for words in found]

    return Faulty


def placing(change):
    """A recognizer that places phonemes otherwise: `change(placed, wav)`."""

    class Faulty(FakeRecognizer):
        def place(self, wav, lengths, phonemes):
            return [change(one, wav) for one in super().place(wav, lengths, phonemes)]

    return Faulty


class PlacesAnything(FakeRecognizer):
    def place(self, wav, lengths, phonemes):
        try:
            return super().place(wav, lengths, phonemes)
        except UserError:
            return [PlacedPhonemes(times=(0.0,) * (len(one.symbols) + 1), found=0.0) for one in phonemes]


def segments(change):
    """Change each segment of a transcript, or leave it out (None)."""

    def changed(transcript, row):
        parts = (change(one) for one in transcript.segments)
        return replace(transcript, segments=tuple(one for one in parts if one is not None))

    return giving(changed)


def methods(**changes):
    return type("Faulty", (FakeRecognizer,), changes)


def padding_is_transcribed(self, wav, lengths, languages):
    return wav.nan_to_num(), torch.full_like(lengths, wav.shape[1]), languages


def loudness_is_that_of_the_batch(self, wav, lengths, languages):
    return wav / max(len(wav) - 1, 1) ** 6, lengths, languages


def rows_are_limited_to_the_shortest(self, wav, lengths, languages):
    longest = int(lengths.min()) if len(lengths) > 1 else int(lengths.max()) if len(lengths) else 0
    return wav, lengths.clamp(max=max(longest, RATE // 5)), languages


def a_loud_sound_silences_the_rest(self, wav, lengths, languages):
    loud = bool(wav.numel()) and float(wav.nan_to_num().abs().max()) > 0.9
    quieter = wav * 0.01 if self.last and not loud else wav
    self.last = loud or self.last
    return quieter, lengths, languages


def the_waveform_is_normalised_in_place(self, wav, lengths, languages):
    if wav.numel() and not wav.requires_grad:
        wav.clamp_(-0.5, 0.5)
    return wav, lengths, languages


def lengths_are_clamped_in_place(self, wav, lengths, languages):
    lengths.clamp_(max=RATE // 2)
    return wav, lengths, languages


def torch_dithers(self, wav, lengths, languages):
    return wav + 1e-9 * torch.randn(wav.shape), lengths, languages


def python_dithers(self, wav, lengths, languages):
    random.random()
    return wav, lengths, languages


def gradients_reach_the_waveform(self, wav, lengths, languages):
    if wav.requires_grad:
        wav.sum().backward()
    return wav, lengths, languages


def one_second_is_transcribed(self, wav, lengths, languages):
    return wav, lengths.clamp(max=RATE), languages


def strides_are_ignored(self, wav, lengths, languages):
    if not wav.is_contiguous():
        wav = torch.as_strided(wav, wav.shape, (wav.shape[1], 1))
    return wav, lengths, languages


def int32_is_milliseconds(self, wav, lengths, languages):
    return wav, lengths // 2 if lengths.dtype == torch.int32 else lengths, languages


def unknown_languages_are_xx(self, wav, lengths, languages):
    return wav, lengths, [tag if tag in (None, "xx", "yy") else "xx" for tag in languages]


def endings_of_tags_are_ignored(self, wav, lengths, languages):
    return wav, lengths, [tag if tag is None else tag.split("-")[0] for tag in languages]


def an_empty_row_breaks(self, wav, lengths, languages):
    assert all(int(length) for length in lengths), "a row is empty"
    return wav, lengths, languages


def no_row_breaks(self, wav, lengths, languages):
    return wav, lengths, languages or [wav[0]]


def an_unknown_language_is_a_key_error(self, wav, lengths, languages):
    return wav, lengths, [{None: None, "xx": "xx", "yy": "yy"}[tag] for tag in languages]


def silence_is_thanked_for():
    class Faulty(FakeRecognizer):
        def transcribe(self, wav, lengths, *, languages):
            found = super().transcribe(wav, lengths, languages=languages)
            phonemes = RecognizedSegment(
                text="thanks", start=0.0, end=0.1, words=(TimedWord(text="thanks", start=0.0, end=0.1),)
            )
            lasting = [int(length) >= RATE for length in lengths]
            return [
                replace(one, segments=(phonemes,)) if not one.segments and long else one
                for one, long in zip(found, lasting, strict=True)
            ]

    return Faulty


def detection_is_drawn():
    made = iter(range(10**6))

    class Faulty(FakeRecognizer):
        def transcribe(self, wav, lengths, *, languages):
            found = super().transcribe(wav, lengths, languages=languages)
            return [
                one if tag else replace(one, language=("xx", "yy")[next(made) % 2])
                for one, tag in zip(found, languages, strict=True)
            ]

    return Faulty


def aligning_refuses_nothing():
    class Faulty(FakeRecognizer):
        def align(self, wav, lengths, texts, *, languages):
            known = [tag if tag in self.languages() else "xx" for tag in languages]
            return super().align(wav, lengths, [text.strip() or "abba" for text in texts], languages=known)

    return Faulty


def rates_differ():
    made = iter(range(10**6))

    class Faulty(FakeRecognizer):
        def __init__(self):
            super().__init__()
            self.sample_rate = RATE - next(made)

    return Faulty


def late(one):
    words = tuple(replace(word, start=word.start + 3, end=word.end + 3) for word in one.words)
    return replace(one, start=one.start + 3, end=one.end + 3, words=words)


def doubled(transcript, row):
    return replace(transcript, segments=transcript.segments * 2)


def the_last_row_is_silent(transcript, row):
    return transcript if row == 0 else replace(transcript, segments=())


def words_of(**changes):
    """Each word with something else in it."""
    return segments(
        lambda one: replace(one, words=tuple(replace(w, **{k: f(w) for k, f in changes.items()}) for w in one.words))
    )


FAULTS = {
    "a second object has another rate": (rates_differ(), "states_its_facts"),
    "max_seconds is zero": (lambda: FakeRecognizer(max_seconds=0), "states_its_facts"),
    "it knows no language": (methods(languages=lambda self: ()), "accepts_its_languages"),
    "a language stands twice": (methods(languages=lambda self: ("xx", "yy", "xx")), "accepts_its_languages"),
    "the tag given is not told": (giving(lambda one, row: replace(one, language="xx")), "accepts_its_languages"),
    unknown_languages_are_xx: (transcribing, "refuses_unknown_languages"),
    endings_of_tags_are_ignored: (transcribing, "refuses_unknown_languages"),
    an_unknown_language_is_a_key_error: (transcribing, "refuses_unknown_languages"),
    "nothing is ever recognized": (giving(lambda one, row: replace(one, segments=())), "transcribes_speech"),
    the_last_row_is_silent: (giving, "transcribes_speech"),
    one_second_is_transcribed: (transcribing, "transcribes_to_the_end"),
    rows_are_limited_to_the_shortest: (transcribing, "transcribes_rows_as_if_alone"),
    loudness_is_that_of_the_batch: (transcribing, "transcribes_rows_as_if_alone"),
    padding_is_transcribed: (transcribing, "leaves_padding_out"),
    a_loud_sound_silences_the_rest: (transcribing, "forgets_earlier_audio"),
    the_waveform_is_normalised_in_place: (transcribing, "writes_nothing"),
    lengths_are_clamped_in_place: (transcribing, "writes_nothing"),
    torch_dithers: (transcribing, "leaves_no_trace"),
    python_dithers: (transcribing, "leaves_no_trace"),
    gradients_reach_the_waveform: (transcribing, "leaves_no_trace"),
    "silence is thanked for": (silence_is_thanked_for(), "finds_nothing_in_silence"),
    an_empty_row_breaks: (transcribing, "takes_rows_of_any_length"),
    no_row_breaks: (transcribing, "takes_rows_of_any_length"),
    "times lie behind the end": (segments(late), "keeps_times_in_order"),
    doubled: (giving, "keeps_times_in_order"),
    "a segment ends before it starts": (segments(lambda one: replace(one, end=0.0)), "keeps_times_in_order"),
    "a line end stands in the text": (segments(lambda one: replace(one, text=one.text + "\n")), "gives_clean_text"),
    "a segment has no text": (segments(lambda one: replace(one, text="")), "gives_clean_text"),
    "times are of numpy": (segments(lambda one: replace(one, start=np.float64(one.start))), "gives_clean_text"),
    strides_are_ignored: (transcribing, "takes_any_layout"),
    int32_is_milliseconds: (transcribing, "takes_any_layout"),
    "the last word is missing": (segments(lambda one: replace(one, words=one.words[:-1])), "times_words_as_declared"),
    "words are declared and missing": (
        segments(lambda one: replace(one, words=())),
        "times_words_as_declared",
    ),
    "words are not declared": (FakeRecognizer, "times_words_as_declared", BARE),
    "words begin with a space": (words_of(text=lambda word: f" {word.text}"), "times_words_as_declared"),
    "a probability is a logarithm": (words_of(probability=lambda word: -1.5), "times_words_as_declared"),
    "words end behind their segment": (words_of(end=lambda word: word.end + 1), "times_words_as_declared"),
    "detection is not declared": (FakeRecognizer, "detects_only_where_declared", BARE),
    "detection is drawn": (detection_is_drawn(), "detects_only_where_declared"),
    "another language is detected": (
        giving(lambda one, row: replace(one, language="zz")),
        "detects_only_where_declared",
    ),
    "alignment is not declared": (FakeRecognizer, "aligns_what_it_is_given", BARE),
    "words are aligned in lower case": (
        aligning(lambda words, wav, lengths: [replace(word, text=word.text.lower()) for word in words]),
        "aligns_what_it_is_given",
    ),
    "the last word is not aligned": (aligning(lambda words, wav, lengths: words[:-1]), "aligns_what_it_is_given"),
    "words are aligned backwards": (
        aligning(lambda words, wav, lengths: [replace(word, start=1 / word.end, end=1 / word.end) for word in words]),
        "aligns_what_it_is_given",
    ),
    "alignment depends on the batch": (
        aligning(lambda words, wav, lengths: [replace(w, start=w.start - 0.06 * (len(wav) > 1)) for w in words]),
        "aligns_rows_as_if_alone",
    ),
    "alignment refuses nothing": (aligning_refuses_nothing(), "refuses_what_cannot_be_aligned"),
    **{
        fault: (plan, "places_phonemes_as_declared", *spec)
        for fault, plan, *spec in (
            ("phonemes are not declared", FakeRecognizer, BARE),
            ("phonemes are declared, without place", methods(place=None)),
            ("the last phoneme has no end", placing(lambda one, wav: replace(one, times=one.times[:-1]))),
            ("phonemes go back", placing(lambda one, wav: replace(one, times=(*one.times[1::-1], *one.times[2:])))),
            ("phonemes lie behind the end", placing(lambda one, wav: replace(one, times=(*one.times[:-1], 99.0)))),
            ("a share is a percentage", placing(lambda one, wav: replace(one, found=100.0))),
            (
                "phonemes depend on the batch",
                placing(lambda one, wav: replace(one, times=(one.times[0] * (len(wav) < 2), *one.times[1:]))),
            ),
            ("anything is placed", PlacesAnything),
        )
    },
    "a word is misspelt": (
        FakeRecognizer,
        "declares_words_of_its_kind",
        replace(SPEC, capabilities=frozenset({"word"})),
    ),
}
"""Fault → how it is planted, the check that must see it."""
PROCESS = {"leaves_the_process_alone"}
"""See test_process_faults."""

CASES = planted.cases("recognizer", FAULTS, spec=SPEC, clips=CLIPS)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


@pytest.mark.parametrize(("build", "spec"), [(FakeRecognizer, SPEC), (Bare, BARE)], ids=["all", "bare"])
def test_a_good_recognizer_passes(build, spec):
    report = suite.run("recognizer", build, spec=spec, clips=CLIPS)
    assert report.ok, report.table()
    skipped = 0 if spec is SPEC else 2
    assert report.count("passed") == len(suite.checks_of("recognizer", spec)) - skipped


def test_one_that_recognizes_none_of_the_built_in_clips_is_skipped_where_that_matters_and_reaches_the_floor():
    class Deaf(FakeRecognizer):
        def transcribe(self, wav, lengths, *, languages):
            found = super().transcribe(wav * 0, lengths, languages=languages)
            return [Transcript(segments=(), language=one.language) for one in found]

    report = suite.run("recognizer", Deaf, spec=SPEC)
    assert report.ok, report.table()
    assert {one.check for one in report.outcomes if one.verdict == "skipped"} == {
        "transcribes_speech",
        "transcribes_to_the_end",
        "times_words_as_declared",
        "aligns_what_it_is_given",
        "aligns_rows_as_if_alone",
        "places_phonemes_as_declared",
    }


def test_the_built_in_clips_are_speech_and_touch_tones():
    clips = built_in()
    assert [clip.text for clip in clips][-1] == "five zero three nine"
    assert all(clip.sample_rate == 16_000 and 0.8 < len(clip.wav) / 16_000 < 3 for clip in clips)
    assert all(0.1 < np.abs(clip.wav).max() <= 1 for clip in clips)


def test_every_check_has_a_fault():
    checks = {check.__name__ for check in suite.checks_of("recognizer", SPEC)}
    assert {fault.check for fault in CASES.values()} | PROCESS == checks
