"""What the tasks beyond text to speech draw, hide and join, on codes that tell where they come from."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch
from valle_tasks import options
from valle_tasks.conversion import VoiceConversion, partly_hidden
from valle_tasks.editing import NoisyEdit, SpeechEdit
from valle_tasks.length import Length
from valle_tasks.noise_suppression import NoiseSuppression
from valle_tasks.recognition import Recognition
from valle_tasks.speech_removal import SpeechRemoval
from valle_tasks.spelling import FromPhonemes, ToPhonemes
from valle_tasks.target_speaker import TargetSpeaker
from valle_tasks.writing import digits_of

from valle_core.plugin import UserError
from valle_testing.suites.task.pool import LEVELS, MIXED, NOISE, RATE, CorpusPool


def drawn(task, id="anna/2", seed=0, pool=None):
    pool = pool or CorpusPool()
    return task.draw(pool.utterance(id), pool, Random(seed), frame_rate=RATE)


def of(inputs, role, task, level=0):
    return [one.tokens for one in task.compose(inputs, level, training=True).segments if one.role == role]


def test_noise_suppression_answers_with_the_clean_speech_and_reads_its_text_in_half_of_the_rows():
    task = NoiseSuppression(options.NoiseSuppressionOptions())
    said = 0
    for seed in range(200):
        inputs = drawn(task, seed=seed)
        assert torch.equal(inputs.response, CorpusPool().utterance("anna/2").codes)
        assert inputs.source.min() >= MIXED
        assert len(inputs.source) == len(inputs.response)
        said += bool(len(inputs.text))
    assert 70 <= said <= 130


def test_speech_removal_answers_with_the_noise_as_it_is_in_the_mix():
    inputs = drawn(SpeechRemoval(options.SpeechRemovalOptions()))
    assert inputs.response.min() >= NOISE  # as the pool gave it: the speech was scaled
    assert inputs.source.min() >= NOISE + MIXED  # the first sound of the mix, which keeps its level, is the noise
    assert not len(inputs.text)


def test_the_level_of_noise_is_drawn_from_its_range():
    levels = []

    class Notes(CorpusPool):
        def mix(self, a, b, db):
            levels.append(db)
            return super().mix(a, b, db)

    for seed in range(50):
        drawn(NoiseSuppression(options.NoiseSuppressionOptions(min_db=3, max_db=7)), seed=seed, pool=Notes())
    assert 3 <= min(levels) < 4 < 6 < max(levels) <= 7


def test_the_target_speaker_is_enrolled_with_others_of_their_own_and_mixed_with_somebody_else():
    asked = set()

    class Notes(CorpusPool):
        def codes(self, id):
            asked.add(id)
            return super().codes(id)

    task = TargetSpeaker(options.TargetSpeakerOptions())
    for seed in range(30):
        drawn(task, "bert/1", seed, Notes())
    assert "bert/1" not in asked
    assert {id.partition("/")[0] for id in asked} == {"anna", "bert"}


def test_a_lonely_speaker_is_left_out_with_the_reason():
    class Alone(CorpusPool):
        def speakers(self):
            return ("anna",)

    task = TargetSpeaker(options.TargetSpeakerOptions())
    assert drawn(task, pool=Alone()) is None
    assert "no second speaker" in task.why_not(Alone().utterance("anna/2"), Alone(), frame_rate=RATE)


def test_conversion_shows_every_second_stretch_of_the_lowest_level_and_hides_the_rest():
    codes = torch.arange(20).view(10, 2)
    shown = partly_hidden(codes, levels=1, stretch=3)
    assert (shown[:, 1] == -1).all()
    assert shown[:, 0].tolist() == [0, 2, 4, -1, -1, -1, 12, 14, 16, -1]
    task = VoiceConversion(options.VoiceConversionOptions(stretch=2))
    inputs = drawn(task)
    for training in (True, False):
        (source,) = (s.tokens for s in task.compose(inputs, 0, training=training).segments if s.role == "source")
        assert torch.equal(source, partly_hidden(inputs.source, levels=1, stretch=2))


@pytest.mark.parametrize("task", [SpeechEdit(options.SpeechEditOptions()), NoisyEdit(options.NoisyEditOptions())])
def test_an_edit_never_sees_the_part_and_joins_it_with_what_is_around(task):
    for seed in range(40):
        inputs = drawn(task, seed=seed)
        assert not torch.isin(inputs.response, inputs.source).any()
        before, after = of(inputs, "source", task)
        whole = task.finish(inputs, inputs.response)
        assert torch.equal(whole, torch.cat([before, inputs.response, after]))
        assert 3 <= len(inputs.response) <= 30  # frames: the range of seconds at 10 frames/s
        assert len(before) + len(after) >= 10


def test_at_synthesis_the_span_is_cut_out_of_the_whole_recording():
    task = SpeechEdit(options.SpeechEditOptions())
    codes = torch.arange(40).view(10, LEVELS)
    inputs = replace(drawn(task), source=codes, span=(4, 7))
    before, after = of(inputs, "source", task)
    assert torch.equal(before, codes[:4])
    assert torch.equal(after, codes[7:])
    answer = torch.full((5, 2), 99)  # of a model that knows two levels
    assert task.finish(inputs, answer)[:, 0].tolist() == [*codes[:4, 0].tolist(), *[99] * 5, *codes[7:, 0].tolist()]
    assert task.finish(inputs, answer).shape == (12, 2)


def test_an_utterance_too_short_to_edit_is_left_out_with_the_reason():
    task = SpeechEdit(options.SpeechEditOptions(min_seconds=2, min_rest_seconds=5))
    assert drawn(task, "anna/0") is None
    assert "shorter than 7 s" in task.why_not(CorpusPool().utterance("anna/0"), CorpusPool(), frame_rate=RATE)


@pytest.mark.parametrize(("frames", "digits"), [(0, [0, 0]), (7, [0, 7]), (10, [0, 1, 0]), (1234, [0, 1, 2, 3, 4])])
def test_a_length_is_a_zero_and_its_decimal_digits(frames, digits):
    assert digits_of(frames)[:, 0].tolist() == digits


def test_the_length_is_that_of_the_utterance():
    inputs = drawn(Length(options.LengthOptions()))
    assert inputs.response[:, 0].tolist() == [0, 1, 0, 0]
    assert torch.equal(inputs.text, CorpusPool().utterance("anna/2").symbols)


def test_recognition_and_spelling_answer_with_phonemes_and_bytes():
    utterance = CorpusPool().utterance("anna/2")
    heard = drawn(Recognition(options.RecognitionOptions()))
    assert torch.equal(heard.response[:, 0], utterance.symbols)
    assert torch.equal(heard.source, utterance.codes)
    read = drawn(ToPhonemes(options.PhonemesOptions()))
    assert bytes(read.letters.tolist()).decode() == utterance.written
    assert torch.equal(read.response[:, 0], utterance.symbols)
    spelt = drawn(FromPhonemes(options.SpellingOptions()))
    assert bytes(spelt.response[:, 0].tolist()).decode() == utterance.written
    assert spelt.letters is None


def timed(times):
    frames = int(times[-1]) + 3
    return replace(
        CorpusPool().utterance("anna/2"),
        symbols=torch.arange(1, len(times)),
        codes=torch.arange(frames)[:, None].expand(frames, LEVELS),
        times=torch.tensor(times),
    )


def test_a_piece_that_recognition_reads_sounds_as_its_phonemes_and_nothing_else():
    utterance, pool = timed([0.5, 2.0, 2.0, 5.2, 9.0, 14.0, 20.0]), CorpusPool()
    task, found = Recognition(options.RecognitionOptions(pieces=1, min_seconds=0.2)), set()
    for seed in range(200):
        inputs = task.draw(utterance, pool, Random(seed), frame_rate=RATE)
        said, sound = inputs.response[:, 0].tolist(), inputs.source[:, 0].tolist()
        assert said == list(range(said[0], said[-1] + 1))
        begin, end = float(utterance.times[said[0] - 1]), float(utterance.times[said[-1]])
        assert sound[0] == int(begin)
        assert sound[-1] < end <= sound[-1] + 1
        found.add(len(said))
    assert found >= {1, 2, 3, 4}


def test_recognition_reads_pieces_in_their_share_of_the_rows_and_whole_where_times_are_unknown():
    utterance, pool = timed([0.0, 4.0, 8.0, 12.0, 16.0]), CorpusPool()
    task, whole = Recognition(options.RecognitionOptions(pieces=0.5)), 0
    for seed in range(200):
        whole += len(task.draw(utterance, pool, Random(seed), frame_rate=RATE).response) == 4
        unknown = replace(utterance, times=None)
        assert len(task.draw(unknown, pool, Random(seed), frame_rate=RATE).source) == len(utterance.codes)
    assert 80 <= whole <= 140


@pytest.mark.parametrize("times", [[3.0, 3.0], [0.0, 1.0], [2.0, 2.0, 2.0, 2.5]])
def test_an_utterance_shorter_than_a_piece_is_read_whole(times):
    task = Recognition(options.RecognitionOptions(pieces=1, min_seconds=10))
    inputs = task.draw(timed(times), CorpusPool(), Random(0), frame_rate=RATE)
    assert len(inputs.response) == len(times) - 1


def test_a_written_answer_has_no_level_above_0():
    task = Recognition(options.RecognitionOptions())
    with pytest.raises(UserError, match="task 'stt' has no level 1"):
        task.compose(drawn(task), 1, training=True)


@pytest.mark.parametrize(
    ("make", "given", "named"),
    [
        (options.NoiseSuppressionOptions, {"text": 1.5}, r"ns's text must be in \[0, 1\], got 1.5"),
        (options.NoiseSuppressionOptions, {"min_db": 30}, r"ns's min_db must be in \[-60, 20\], got 30"),
        (options.SpeechRemovalOptions, {"max_db": 99}, r"sr's max_db must be in \[-60, 60\], got 99"),
        (options.TargetSpeakerOptions, {"max_seconds": 0}, r"tse's max_seconds must be in \(0, 60\], got 0"),
        (options.TargetSpeakerOptions, {"max_utterances": 0}, "tse's max_utterances must be at least 1, got 0"),
        (options.VoiceConversionOptions, {"levels": 0}, "vc's levels must be at least 1, got 0"),
        (options.VoiceConversionOptions, {"stretch": 0}, "vc's stretch must be at least 1, got 0"),
        (options.SpeechEditOptions, {"min_seconds": 4}, r"cse's min_seconds must be in \(0, 3\], got 4"),
        (options.NoisyEditOptions, {"min_rest_seconds": 0}, r"nse's min_rest_seconds must be in \(0, 60\], got 0"),
        (options.NoisyEditOptions, {"min_db": float("nan")}, "nse's min_db must be in"),
        (options.RecognitionOptions, {"pieces": 1.5}, r"stt's pieces must be in \[0, 1\], got 1.5"),
        (options.RecognitionOptions, {"min_seconds": 0}, r"stt's min_seconds must be in \(0, 60\], got 0"),
        (options.LengthOptions, {"min_seconds": 9}, r"len's min_seconds must be in \(0, 6\], got 9"),
    ],
)
def test_options_out_of_range_are_refused_by_name(make, given, named):
    with pytest.raises(UserError, match=named):
        make(**given)
