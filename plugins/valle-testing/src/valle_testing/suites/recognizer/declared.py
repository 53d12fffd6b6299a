"""Checks of what a recognizer declares beside what all owe: words, detect, align, phonemes."""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from unittest import SkipTest

import numpy as np
import torch

from valle_core.plugin import PluginSpec
from valle_core.types import Phonemes
from valle_language.recognition import (
    PlacedPhonemes,
    PlacesPhonemes,
    RecognizedSegment,
    Recognizer,
    TimedWord,
    Transcript,
)
from valle_testing.contract import contract
from valle_testing.refusing import refused
from valle_testing.suites.recognizer.speech import (
    TOLERANCE,
    Build,
    Clip,
    aligned,
    batch,
    clips_for,
    described,
    same,
    same_words,
    transcribed,
)


@contract("Recognizer", 'One that declares "words" times each word of a segment')
def times_words_as_declared(
    build: Build, spec: PluginSpec, *, device: str = "cpu", clips: Sequence[Clip] | None = None
) -> None:
    """Declared: each segment has words inside it that, spaces aside, are its text. Not declared: no segment has any."""
    recognizer = build()
    found = transcribed(recognizer, clips_for(recognizer, clips), device=device)
    segments = [one for transcript in found for one in transcript.segments]
    if not segments:
        raise SkipTest("it recognizes nothing in the clips")
    for one in segments:
        if "words" in spec.capabilities:
            _check_words(one)
        else:
            assert one.words == (), f"{one.text!r} has words, which are not declared"


def _check_words(one: RecognizedSegment) -> None:
    assert isinstance(one.words, tuple), f"words come as a {type(one.words).__name__}"
    assert one.words, f"{one.text!r} has no words, which are declared"
    joined = "".join(word.text for word in one.words)
    assert joined == one.text.replace(" ", ""), f"{one.text!r} has the words {[word.text for word in one.words]}"
    for word in one.words:
        _check_word(word)
        inside = one.start - 1e-6 <= word.start and word.end <= one.end + 1e-6
        assert inside, f"word {word.text!r} {word.start} … {word.end} lies outside of {one.start} … {one.end}"


def _check_word(word: TimedWord) -> None:
    assert isinstance(word, TimedWord), f"a word is a {type(word).__name__}"
    assert word.text and not any(c.isspace() for c in word.text), f"a word's text is {word.text!r}"
    sure = word.probability
    assert sure is None or 0 <= sure <= 1, f"word {word.text!r} has probability {sure}"


@contract("Recognizer.transcribe", 'and for None where it does not declare "detect"')
def detects_only_where_declared(
    build: Build, spec: PluginSpec, *, device: str = "cpu", clips: Sequence[Clip] | None = None
) -> None:
    """Declared: None gives one of its languages, and naming it gives the same. Not declared: None is refused."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    wav, lengths = batch([clip.wav for clip in fitted], device=device)

    def call(languages: Sequence[str | None]) -> Sequence[Transcript]:
        return recognizer.transcribe(wav, lengths, languages=languages)

    unnamed: list[str | None] = [None] * len(fitted)
    one_unnamed = [*unnamed[:1], *(clip.language for clip in fitted[1:])]
    if "detect" not in spec.capabilities:
        for languages in (unnamed, one_unnamed):
            taken = not refused(lambda languages=languages: call(languages))
            assert not taken, "None is taken for a language, and detect is not declared"
        return
    found = call(unnamed)
    for clip, one in zip(fitted, found, strict=True):
        assert one.language in recognizer.languages(), f"it detects '{one.language}', which is none of its languages"
        if clips and one.segments:
            assert one.language == clip.language, f"{clip.text!r} is '{clip.language}', it detects '{one.language}'"
    named = call([one.language for one in found])
    mixed = call(one_unnamed)[0]
    for one, other in (*zip(found, named, strict=True), (found[0], mixed)):
        assert same(one, other), f"detected it is {described(one)}, with the language named {described(other)}"


@contract("Recognizer.align", "the words of `texts` split at spaces, in order.")
def aligns_what_it_is_given(
    build: Build, spec: PluginSpec, *, device: str = "cpu", clips: Sequence[Clip] | None = None
) -> None:
    """Declared: exactly those words, as written, one after the other inside the audio. Not declared: refused."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    if "align" not in spec.capabilities:
        assert refused(lambda: aligned(recognizer, fitted, device=device)), "it aligns, and align is not declared"
        return
    placed = 0
    for clip in fitted:
        shown = replace(clip, text=f" {clip.text.capitalize()}  ")
        words = _aligned_or_none(recognizer, shown, device)
        if words is None:
            assert not clips, f"it refuses to align {clip.text!r}"
            continue
        placed += 1
        found = [word.text for word in words]
        assert found == shown.text.split(), f"{shown.text!r} is aligned as {found}"
        for word in words:
            _check_word(word)
            seconds = len(clip.wav) / recognizer.sample_rate
            inside = 0 <= word.start <= word.end <= seconds + 1e-6
            assert inside, f"word {word.text!r} lasts from {word.start} to {word.end}, the audio {seconds:.3f} s"
        for left, right in pairwise(words):
            assert left.end <= right.start + 1e-9, f"{left.text!r} ends at {left.end}, the next begins at {right.start}"
    if not placed:
        raise SkipTest("it can place none of the built-in texts; give it some that it can (clips=)")


@contract("Recognizer", "Equal waveforms give equal transcripts, whoever shares the batch")
def aligns_rows_as_if_alone(
    build: Build, spec: PluginSpec, *, device: str = "cpu", clips: Sequence[Clip] | None = None
) -> None:
    """Alone, in a batch, with noise behind its end and by a second object: the same times; the inputs unwritten."""
    recognizer = build()
    if "align" not in spec.capabilities:
        raise SkipTest("align is not declared")
    able = [clip for clip in clips_for(recognizer, clips) if _aligned_or_none(recognizer, clip, device) is not None]
    if not able:
        raise SkipTest("it can place none of the built-in texts; give it some that it can (clips=)")
    alone = [aligned(recognizer, [clip], device=device)[0] for clip in able]
    for what, again in (
        ("in a batch", aligned(recognizer, able, behind=0.3, spare=recognizer.sample_rate, device=device)),
        ("by a second object", aligned(build(), able, device=device)),
    ):
        for clip, one, other in zip(able, alone, again, strict=True):
            assert same_words(one, other), f"{clip.text!r} is aligned otherwise {what}: {other}, {one}"
    wav, lengths = batch([clip.wav for clip in able], behind=0.1, spare=100, device=device)
    before = wav.clone()
    recognizer.align(wav, lengths, [clip.text for clip in able], languages=[clip.language for clip in able])
    assert torch.equal(wav, before), "it writes into the waveforms"


@contract("Recognizer.align", "for text without words, and for a word it cannot place.")
def refuses_what_cannot_be_aligned(
    build: Build, spec: PluginSpec, *, device: str = "cpu", clips: Sequence[Clip] | None = None
) -> None:
    """Empty text, spaces, an unknown language, audio of no sample; no row at all gives nothing."""
    recognizer = build()
    if "align" not in spec.capabilities:
        raise SkipTest("align is not declared")
    clip = clips_for(recognizer, clips)[0]
    empty = np.zeros(0, dtype=np.float32)
    cases = {
        "empty text": replace(clip, text=""),
        "text of spaces": replace(clip, text=" \t "),
        "an unknown language": replace(clip, language="qqq"),
        "audio of no sample": replace(clip, wav=empty),
    }
    for what, case in cases.items():
        taken = not refused(lambda case=case: aligned(recognizer, [case], device=device))
        assert not taken, f"{what} is aligned"
    found = recognizer.align(
        torch.zeros(0, 1000, device=device), torch.zeros(0, dtype=torch.long, device=device), [], languages=[]
    )
    assert len(found) == 0, f"no row gives {len(found)} alignments"


@contract("PlacesPhonemes.place", "When the phonemes of each row are said, padding left out.")
def places_phonemes_as_declared(
    build: Build, spec: PluginSpec, *, device: str = "cpu", clips: Sequence[Clip] | None = None
) -> None:
    """Declared: one time more than symbols, in order, inside the audio, whoever shares the batch; what cannot be placed
    is refused. Not declared: there is no `place`.

    The letters of a clip's text serve as phonemes.
    """
    recognizer = build()
    if "phonemes" not in spec.capabilities:
        assert getattr(recognizer, "place", None) is None, "it has `place`, and phonemes is not declared"
        return
    assert isinstance(recognizer, PlacesPhonemes), "phonemes is declared, and it has no `place`"
    fitted, phonemes, alone = list[Clip](), list[Phonemes](), list[PlacedPhonemes]()
    for clip in clips_for(recognizer, clips):
        one = Phonemes(symbols=tuple(clip.text), words=(), language=clip.language)
        placed = _placed_or_none(recognizer, clip, one, device)
        assert placed or not clips, f"it refuses to place the letters of {clip.text!r}"
        if placed:
            fitted, phonemes, alone = [*fitted, clip], [*phonemes, one], [*alone, placed]
    if not fitted:
        raise SkipTest("it can place none of the built-in texts; give it some that it can (clips=)")
    wav, lengths = batch([clip.wav for clip in fitted], behind=0.3, spare=recognizer.sample_rate, device=device)
    for clip, one, other in zip(fitted, alone, recognizer.place(wav, lengths, phonemes), strict=True):
        seconds = len(clip.wav) / recognizer.sample_rate
        assert len(one.times) == len(clip.text) + 1, f"{len(clip.text)} symbols have {len(one.times)} times"
        ordered = [*one.times] == sorted(one.times)
        assert ordered and one.times[0] >= 0 and one.times[-1] <= seconds + 1e-6, f"times are {one.times}"
        assert 0 <= one.found <= 1, f"found is {one.found}, a share lies in [0, 1]"
        near = all(abs(a - b) <= TOLERANCE for a, b in zip(one.times, other.times, strict=True))
        assert near, f"{clip.text!r} lies otherwise in a batch: {other.times}, alone {one.times}"
    cases = {
        "an unknown language": (fitted[0].wav, replace(phonemes[0], language="qqq")),
        "phonemes without a sound": (fitted[0].wav, replace(phonemes[0], symbols=(" ", "."))),
        "audio of no sample": (np.zeros(0, dtype=np.float32), phonemes[0]),
        "silence": (fitted[0].wav * 0, phonemes[0]),
        "too much for so short a sound": (fitted[0].wav, replace(phonemes[0], symbols=phonemes[0].symbols * 50)),
    }
    for what, (sound, one) in cases.items():
        taken = not refused(lambda sound=sound, one=one: recognizer.place(*batch([sound], device=device), [one]))
        assert not taken, f"{what} is placed"


def _placed_or_none(recognizer: PlacesPhonemes, clip: Clip, phonemes: Phonemes, device: str) -> PlacedPhonemes | None:
    """None where it says that it cannot place them."""
    placed: list[PlacedPhonemes] = []
    call = lambda: placed.extend(recognizer.place(*batch([clip.wav], device=device), [phonemes]))  # noqa: E731
    return None if refused(call) else placed[0]


def _aligned_or_none(recognizer: Recognizer, clip: Clip, device: str) -> Sequence[TimedWord] | None:
    """None where it says that it cannot place a word."""
    words: list[Sequence[TimedWord]] = []
    return None if refused(lambda: words.extend(aligned(recognizer, [clip], device=device))) else words[0]
