"""Conformance suite of recognizers.

test_it_conforms = suite.conformance("recognizer", lambda: MyRecognizer(MyOptions(), device=cpu), spec=SPEC)

With `clips=[Clip(…), …]` it is tried on speech it is made for, all of which it must then recognize.
"""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from unittest import SkipTest

import numpy as np
import torch

from valle_language.recognition import RecognizedSegment, Transcript
from valle_testing.contract import contract
from valle_testing.refusing import refused
from valle_testing.suites.recognizer.declared import (
    aligns_rows_as_if_alone,
    aligns_what_it_is_given,
    detects_only_where_declared,
    places_phonemes_as_declared,
    refuses_what_cannot_be_aligned,
    times_words_as_declared,
)
from valle_testing.suites.recognizer.speech import (
    Build,
    Clip,
    batch,
    clips_for,
    described,
    same,
    transcribed,
)


@contract("Recognizer", "sample_rate: Hz of the waveforms it takes.")
def states_its_facts(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """A rate and a longest row that make sense, the same in a second object and after something was transcribed."""
    recognizer = build()

    def facts() -> tuple[object, object, list[str]]:
        return recognizer.sample_rate, recognizer.max_seconds, list(recognizer.languages())

    before = facts()
    rate, longest, _ = before
    assert type(rate) is int and rate >= 1000, f"sample_rate is {rate!r}, no int from 1000 on"
    fits = longest is None or (isinstance(longest, int | float) and 1 <= longest < float("inf"))
    assert fits, f"max_seconds is {longest!r}, neither None nor a number from 1 on"
    transcribed(recognizer, clips_for(recognizer, clips)[:1], device=device)
    assert facts() == before, f"after a transcription its facts are {facts()}, before they were {before}"
    recognizer = build()
    assert facts() == before, f"those of a second object are {facts()}, of the first {before}"


@contract("Recognizer.languages", "Language tags it accepts.")
def accepts_its_languages(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Distinct tags, all of them taken; a transcript names the tag that was given."""
    recognizer = build()
    tags = list(recognizer.languages())
    assert tags, "it knows no language"
    assert all(isinstance(tag, str) and tag == tag.strip() and tag for tag in tags), f"tags are {tags}"
    assert len(set(tags)) == len(tags), "a language tag stands twice"
    clip = clips_for(recognizer, clips)[0]
    tried = tags if len(tags) <= 6 else [*tags[:3], *tags[-3:]]
    for tag in tried:
        (found,) = transcribed(recognizer, [replace(clip, language=tag)], device=device)
        assert found.language == tag, f"asked for '{tag}', the transcript says '{found.language}'"


@contract("Recognizer.transcribe", "Raises `UserError` for a language it does not accept")
def refuses_unknown_languages(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """No tag at all, a nonsense one, a known one with a nonsense ending; also beside a row with a known one."""
    recognizer = build()
    clip = clips_for(recognizer, clips)[0]
    known = set(recognizer.languages())
    for tag in ("", "qqq", "no language at all", f"{clip.language}-qqqq", f"{clip.language}zq"):
        if tag in known:
            continue
        odd = replace(clip, language=tag)
        for rows in ([odd], [clip, odd]):
            taken = not refused(lambda rows=rows: transcribed(recognizer, rows, device=device))
            assert not taken, f"language {tag!r} is not in languages(), yet it is taken"


@contract("Recognizer.transcribe", "What was said in each row")
def transcribes_speech(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Something in every clip that is given; of the built-in ones in one at least, else the check is skipped."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    found = transcribed(recognizer, fitted, device=device)
    assert len(found) == len(fitted), f"{len(fitted)} rows give {len(found)} transcripts"
    empty = [clip.text for clip, one in zip(fitted, found, strict=True) if not one.segments]
    if not clips and len(empty) == len(fitted):
        raise SkipTest("it recognizes nothing in the built-in clips; give it some that it recognizes (clips=)")
    assert not clips or not empty, f"it recognizes nothing in {', '.join(map(repr, empty))}"


@contract("Recognizer.transcribe", "What was said in each row")
def transcribes_to_the_end(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """A clip, two seconds of silence and the clip again: something is recognized before the silence and behind it."""
    recognizer = build()
    rate = recognizer.sample_rate
    fitted = clips_for(recognizer, clips)
    able = [
        clip for clip, one in zip(fitted, transcribed(recognizer, fitted, device=device), strict=True) if one.segments
    ]
    if not able:
        raise SkipTest("it recognizes nothing in the clips")
    gap = np.zeros(2 * rate, dtype=np.float32)
    for clip in able[:2]:
        long = replace(clip, wav=np.concatenate([clip.wav, gap, clip.wav]))
        if recognizer.max_seconds is not None and len(long.wav) > recognizer.max_seconds * rate:
            raise SkipTest("its rows are too short for two clips and a silence")
        (found,) = transcribed(recognizer, [long], device=device)
        middle = (len(clip.wav) / rate) + 1
        places = [one.start < middle < one.end for one in found.segments]
        assert not any(places), f"a segment crosses two seconds of silence: {described(found)}"
        halves = {one.start < middle for one in found.segments}
        assert halves == {True, False}, f"{clip.text!r}, two seconds of silence and it again give {described(found)}"


@contract("Recognizer", "Equal waveforms give equal transcripts, whoever shares the batch")
def transcribes_rows_as_if_alone(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Each clip alone, in a batch with the others, in their reverse order, and twice in one batch."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    alone = [transcribed(recognizer, [clip], device=device)[0] for clip in fitted]
    for rows in (range(len(fitted)), [*range(len(fitted))][::-1], [0, 0]):
        found = transcribed(recognizer, [fitted[row] for row in rows], device=device)
        assert len(found) == len(rows), f"{len(rows)} rows give {len(found)} transcripts"
        for row, one in zip(rows, found, strict=True):
            assert same(one, alone[row]), f"alone it is {described(alone[row])}, in a batch {described(one)}"


@contract("Recognizer.transcribe", "padding left out")
def leaves_padding_out(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Zeros, noise, NaN and another clip behind a row's end change nothing."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    bare = transcribed(recognizer, fitted, device=device)
    spare = recognizer.sample_rate
    for what, behind in (("zeros", 0.0), ("noise", 0.3), ("NaN", float("nan"))):
        for one, wanted in zip(
            transcribed(recognizer, fitted, behind=behind, spare=spare, device=device), bare, strict=True
        ):
            assert same(one, wanted), f"with {what} behind its end {described(one)}, without {described(wanted)}"
    for clip, other, wanted in zip(fitted, [*fitted[1:], fitted[0]], bare, strict=True):
        wav, _ = batch([np.concatenate([clip.wav, other.wav])], device=device)
        lengths = torch.tensor([len(clip.wav)], device=device)
        (found,) = recognizer.transcribe(wav, lengths, languages=[clip.language])
        assert same(found, wanted), f"with another clip behind its end {described(found)}, without {described(wanted)}"


@contract("Recognizer", "and whatever was transcribed before")
def forgets_earlier_audio(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Again after other clips, loud noise, silence and a refusal, and by a second object."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    first = transcribed(recognizer, fitted, device=device)
    loud = replace(fitted[0], wav=np.random.default_rng(5).normal(size=8000).astype(np.float32).clip(-1, 1))
    calm = replace(fitted[0], wav=np.zeros(8000, dtype=np.float32))
    for before in (loud, calm):
        transcribed(recognizer, [before], device=device)
        refused(lambda: transcribed(recognizer, [replace(fitted[0], language="qqq")], device=device))
        for one, wanted in zip(transcribed(recognizer, fitted, device=device), first, strict=True):
            assert same(one, wanted), f"at first it gave {described(wanted)}, then {described(one)}"
    for one, wanted in zip(transcribed(build(), fitted, device=device), first, strict=True):
        assert same(one, wanted), f"a second object gives {described(one)}, the first {described(wanted)}"


@contract("Recognizer", "The inputs are never written, no random number is drawn and no gradient kept.")
def writes_nothing(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Waveform and lengths are as before, padding too."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    wav, lengths = batch([clip.wav * 1.5 for clip in fitted], behind=0.1, spare=100, device=device)
    before = wav.clone(), lengths.clone()
    recognizer.transcribe(wav, lengths, languages=[clip.language for clip in fitted])
    assert torch.equal(wav, before[0]), "it writes into the waveforms"
    assert torch.equal(lengths, before[1]), "it writes into the lengths"


@contract("Recognizer", "The inputs are never written, no random number is drawn and no gradient kept.")
def leaves_no_trace(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """With a waveform that wants a gradient: random states, settings of torch and gradients are as before."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)[:1]
    wav, lengths = batch([clip.wav for clip in fitted], device=device)
    wav.requires_grad_()

    def state() -> dict[str, object]:
        return {
            "random numbers of torch": torch.get_rng_state().tolist(),
            "random numbers of numpy": np.random.get_state()[1].tolist(),  # type: ignore[union-attr,index]
            "random numbers of Python": random.getstate(),
            "the default dtype": torch.get_default_dtype(),
            "whether gradients are computed": torch.is_grad_enabled(),
            "the number of threads": torch.get_num_threads(),
        }

    before = state()
    recognizer.transcribe(wav, lengths, languages=[clip.language for clip in fitted])
    changed = [what for what, value in state().items() if value != before[what]]
    assert not changed, f"it changes {', '.join(changed)}"
    assert wav.grad is None, "a gradient reaches the waveform"
    if isinstance(recognizer, torch.nn.Module):
        kept = [name for name, weight in recognizer.named_parameters() if weight.grad is not None]
        assert not kept, f"weights keep gradients: {', '.join(kept[:3])}"


@contract("Recognizer", "Silence gives no segments.")
def finds_nothing_in_silence(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Zeros of half a second and of two seconds, alone and beside a clip."""
    recognizer = build()
    clip = clips_for(recognizer, clips)[0]
    for seconds in (0.5, 2.0):
        calm = replace(clip, wav=np.zeros(round(seconds * recognizer.sample_rate), dtype=np.float32))
        for rows in ([calm], [clip, calm]):
            found = transcribed(recognizer, rows, device=device)[-1]
            assert found.segments == (), f"{seconds} s of silence give {described(found)}"


@contract("Transcript", "segments: in order, without overlap; empty where nothing was said.")
def takes_rows_of_any_length(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """No row at all; rows of no sample, of one, of 10 ms, alone and beside a clip."""
    recognizer = build()
    clip = clips_for(recognizer, clips)[0]
    found = recognizer.transcribe(
        torch.zeros(0, 1000, device=device), torch.zeros(0, dtype=torch.long, device=device), languages=[]
    )
    assert len(found) == 0, f"no row gives {len(found)} transcripts"
    (bare,) = transcribed(recognizer, [clip], device=device)
    for samples in (0, 1, recognizer.sample_rate // 100):
        short = replace(clip, wav=clip.wav[:samples])
        for rows in ([short], [short, clip]):
            first, *rest = transcribed(recognizer, rows, device=device)
            assert first.segments == (), f"{samples} samples give {described(first)}"
            assert not rest or same(rest[0], bare), (
                f"beside {samples} samples {described(rest[0])}, alone {described(bare)}"
            )


@contract("Recognizer", "Times lie inside the audio and never go back.")
def keeps_times_in_order(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Segments and words: from 0 to the end of the row, start before end, one after the other."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    for clip, found in zip(fitted, transcribed(recognizer, fitted, spare=999, device=device), strict=True):
        seconds = len(clip.wav) / recognizer.sample_rate
        for what, parts in (("segment", found.segments), *(("word", one.words) for one in found.segments)):
            for one in parts:
                inside = 0 <= one.start <= one.end <= seconds + 1e-6
                assert inside, f"{what} {one.text!r} lasts from {one.start} to {one.end}, the audio {seconds:.3f} s"
            for left, right in pairwise(parts):
                assert left.end <= right.start + 1e-9, (
                    f"{what} {left.text!r} ends at {left.end}, the next begins at {right.start}"
                )


@contract("RecognizedSegment", "text: on one line.")
def gives_clean_text(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Tuples of segments with text, stripped, without line ends and control characters; plain numbers as times."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)
    for found in transcribed(recognizer, fitted, device=device):
        assert isinstance(found, Transcript), f"a transcript is a {type(found).__name__}"
        assert isinstance(found.segments, tuple), f"segments come as a {type(found.segments).__name__}"
        for one in found.segments:
            assert isinstance(one, RecognizedSegment), f"a segment is a {type(one).__name__}"
            clean = one.text == " ".join(one.text.split()) and one.text.isprintable()
            assert one.text and clean, f"a segment's text is {one.text!r}"
            assert type(one.start) is float and type(one.end) is float, f"times are {one.start!r} and {one.end!r}"


@contract("Recognizer", "Equal waveforms give equal transcripts")
def takes_any_layout(build: Build, *, device: str = "cpu", clips: Sequence[Clip] | None = None) -> None:
    """Strided waveforms, lengths as int32, a call under `inference_mode`: the same is transcribed."""
    recognizer = build()
    fitted = clips_for(recognizer, clips)[:2]
    tags = [clip.language for clip in fitted]
    wav, lengths = batch([clip.wav for clip in fitted], device=device)
    plain = recognizer.transcribe(wav, lengths, languages=tags)
    spread = torch.stack([wav, wav + 1], dim=2)[:, :, 0]
    layouts = {"strided": (spread, lengths), "with int32 lengths": (wav, lengths.int())}
    for what, given in layouts.items():
        for one, wanted in zip(recognizer.transcribe(*given, languages=tags), plain, strict=True):
            assert same(one, wanted), f"{what} it is {described(one)}, else {described(wanted)}"
    with torch.inference_mode():
        inside = recognizer.transcribe(wav.clone(), lengths, languages=tags)
    for one, wanted in zip(inside, plain, strict=True):
        assert same(one, wanted), f"under inference_mode it is {described(one)}, else {described(wanted)}"


CHECKS: tuple[Callable[..., None], ...] = (
    forgets_earlier_audio,
    states_its_facts,
    accepts_its_languages,
    refuses_unknown_languages,
    transcribes_speech,
    transcribes_to_the_end,
    transcribes_rows_as_if_alone,
    leaves_padding_out,
    writes_nothing,
    leaves_no_trace,
    finds_nothing_in_silence,
    takes_rows_of_any_length,
    keeps_times_in_order,
    gives_clean_text,
    takes_any_layout,
)
"""Each takes `(build, *, device="cpu", clips=None)`, clips in place of the built-in ones; raises `AssertionError`."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = (
    times_words_as_declared,
    detects_only_where_declared,
    aligns_what_it_is_given,
    aligns_rows_as_if_alone,
    refuses_what_cannot_be_aligned,
    places_phonemes_as_declared,
)
"""Each takes `(build, spec, *, device="cpu", clips=None)`: what is declared is there, what is not is refused."""
