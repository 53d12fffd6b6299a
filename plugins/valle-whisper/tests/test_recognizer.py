"""The recognizer with random weights: equal to transformers' own way, row by row, and what it refuses."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from valle_whisper.decoding import compression_ratio, pad_frames
from valle_whisper.features import log_mel
from valle_whisper.options import WhisperOptions
from valle_whisper.recognizer import WhisperRecognizer, build
from valle_whisper.segments import split_window
from valle_whisper.untrained import random_parts

from valle_core.plugin import UserError

CPU = torch.device("cpu")
LENGTHS = torch.tensor([24000, 17000, 20000])
LANGUAGES = ["en-us", "fr-fr", None]


@pytest.fixture(scope="module")
def theirs():
    """transformers' model with its own generation settings."""
    parts = random_parts(seed=0)
    parts.model.generation_config = parts.generation
    return parts.model


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_tokens_of_all_windows_are_those_of_transformers(parts, theirs, beams, language):
    one = WhisperRecognizer(parts, WhisperOptions(beams=beams, compression=0), CPU)
    noise = torch.randn(480000, generator=torch.Generator().manual_seed(3))
    mel = log_mel(0.1 * noise * torch.linspace(0, 1, 480000), parts.sound, one._filters)
    wanted = theirs.generate(
        mel[None], language=language, task="transcribe", return_timestamps=True, num_beams=beams, max_new_tokens=32
    )[0]
    end, done, recognized, texts = one.decoder.end, 0.0, [], []
    while done < 30 and len(recognized) < 3 * len(wanted):
        states = one.decoder.encode(pad_frames(mel[:, round(done * 100) :], 3000)[None])
        tokens = one.decoder.decode(states, [language])[0].tokens
        stretches, step = split_window(tokens, first=one.decoder.timestamps, seconds=30 - done)
        recognized += tokens[: _cut(tokens, one.decoder.timestamps)]
        texts += [part.tokens for part in stretches]
        done += step
    assert recognized == [token for token in wanted.tolist() if token != end]
    tokens_of_text = [token for part in texts for token in part]
    assert tokens_of_text
    assert one.spelling.text(tokens_of_text) == " ".join(
        parts.tokenizer.decode([token for token in wanted if token < end], skip_special_tokens=True).split()
    )


def _cut(tokens: tuple[int, ...], first: int) -> int:
    """How many tokens transformers keeps: up to the last pair of timestamps and with both, all without any pair."""
    pairs = [place for place in range(1, len(tokens)) if min(tokens[place - 1 : place + 1]) >= first]
    closed = tokens[-1] >= first > tokens[-2]
    return len(tokens) if closed or not pairs else pairs[-1] + 1


def test_suppressed_tokens_are_never_written(parts, random_one, tones):
    states = random_one.decoder.encode(log_mel(tones[0], parts.sound, random_one._filters)[None])
    before = random_one.decoder.decode(states, ["en"])[0].tokens
    liked = next(token for token in before if token < random_one.decoder.end)
    generation = copy.deepcopy(parts.generation)
    generation.suppress_tokens = [*generation.suppress_tokens, liked]
    strict = WhisperRecognizer(replace(parts, generation=generation), WhisperOptions(), CPU)
    after = strict.decoder.decode(states, ["en"])[0].tokens
    assert liked not in after
    assert after != before


def test_tokens_begin_inside_the_sound_of_a_row(random_one, tones):
    states = random_one.decoder.encode(log_mel(tones[0], random_one.sound, random_one._filters)[None])
    starts, likely = random_one._frames(states, "en", random_one.spelling.tokens("a b c d e"), 1.0)
    assert len(starts) == len(likely) + 1 == 6
    assert max(starts) < 50


def test_detection_is_that_of_transformers(random_one, theirs, tones):
    mels = torch.stack([log_mel(row, random_one.sound, random_one._filters) for row in tones])
    codes = random_one.decoder.detect(random_one.decoder.encode(mels))[1]
    wanted = theirs.detect_language(input_features=mels).tolist()
    assert [random_one.decoder.languages[code] for code in codes] == wanted


def test_a_batch_is_its_rows_and_padding_changes_nothing(random_one, tones):
    kept = tones.clone()
    together = random_one.transcribe(tones, LENGTHS, languages=LANGUAGES)
    assert torch.equal(tones, kept)
    assert any(transcript.segments for transcript in together)
    for row, (length, language) in enumerate(zip(LENGTHS.tolist(), LANGUAGES, strict=True)):
        alone = random_one.transcribe(tones[row : row + 1, :length], LENGTHS[row : row + 1], languages=[language])
        assert alone[0] == together[row]
        loud = torch.cat([tones[row, :length], torch.full((9000,), 0.9)])[None]
        assert random_one.transcribe(loud, LENGTHS[row : row + 1], languages=[language])[0] == together[row]
    assert together[0].language == "en-us"
    assert together[1].language == "fr-fr"
    assert together[2].language in random_one.languages()


def test_rows_decoded_together_say_the_same(parts, tones):
    """On this machine's kernels to the last token; times are left a step of 20 ms."""
    wide = WhisperRecognizer(parts, WhisperOptions(batch=3, compression=0), CPU)
    narrow = WhisperRecognizer(parts, WhisperOptions(compression=0), CPU)
    for one, other in zip(
        wide.transcribe(tones, LENGTHS, languages=LANGUAGES),
        narrow.transcribe(tones, LENGTHS, languages=LANGUAGES),
        strict=True,
    ):
        assert one.text == other.text
        for left, right in zip(one.segments, other.segments, strict=True):
            assert (left.start, left.end) == pytest.approx((right.start, right.end), abs=0.021)


def test_times_are_inside_the_audio_in_order_and_words_make_up_the_text(random_one, tones):
    for transcript, length in zip(
        random_one.transcribe(tones, LENGTHS, languages=["en"] * 3), LENGTHS.tolist(), strict=True
    ):
        last = 0.0
        for segment in transcript.segments:
            assert " ".join(word.text for word in segment.words) == segment.text
            assert last <= segment.start <= segment.end <= length / 16000
            assert segment.words[0].start == segment.start
            for word in segment.words:
                assert last <= word.start <= word.end <= segment.end
                assert 0 <= word.probability <= 1
                last = word.start
            last = segment.end


@pytest.mark.parametrize("wav", [torch.zeros(1, 32000), 1e-4 * torch.ones(1, 32000), torch.zeros(1, 0)])
def test_silence_has_no_segments_and_a_language(random_one, wav):
    (recognized,) = random_one.transcribe(wav, torch.tensor([wav.shape[1]]), languages=[None])
    assert recognized.segments == ()
    assert recognized.language in random_one.languages()


def test_loops_are_left_out_unless_asked_for_and_told(parts, random_one, tones, caplog):
    text = "ab ab ab ab ab ab ab ab ab ab ab ab"
    assert compression_ratio(text) > 2.4
    recognized = random_one.transcribe(tones[:1], LENGTHS[:1], languages=["en"])[0]
    assert recognized.text
    strict = WhisperRecognizer(parts, WhisperOptions(compression=1e-9), CPU)
    assert strict.transcribe(tones[:1], LENGTHS[:1], languages=["en"])[0].segments == ()
    assert "repeats itself" in caplog.text


def test_unlikely_text_where_there_may_be_no_speech_is_left_out(parts, tones):
    strict = WhisperRecognizer(parts, WhisperOptions(compression=0, no_speech=0, logprob=-1e-6), CPU)
    assert strict.transcribe(tones[:1], LENGTHS[:1], languages=["en"])[0].segments == ()


def test_further_tries_are_equal_each_time_and_leave_the_callers_randomness_alone(parts, tones):
    options = WhisperOptions(compression=0, fallback=True, logprob=-1e-6)
    torch.manual_seed(4)
    wanted = torch.rand(1)
    torch.manual_seed(4)
    one = tones[:1, : int(LENGTHS[0])], LENGTHS[:1]
    recognized = [WhisperRecognizer(parts, options, CPU).transcribe(*one, languages=["en"]) for _ in range(2)]
    assert torch.equal(torch.rand(1), wanted)
    assert recognized[0] == recognized[1]
    plain = WhisperRecognizer(parts, WhisperOptions(compression=0), CPU)
    assert recognized[0] != plain.transcribe(*one, languages=["en"])


def test_alignment_places_exactly_the_words_of_the_text(random_one, tones):
    texts = ["Hello,  there  three", "un", "日本語です 日本"]
    found = random_one.align(tones, LENGTHS, texts, languages=["en-us", "fr", "ja"])
    assert [[word.text for word in row] for row in found] == [text.split() for text in texts]
    for row, length in zip(found, LENGTHS.tolist(), strict=True):
        times = [time for word in row for time in (word.start, word.end)]
        assert times == sorted(times)
        assert 0 <= times[0] <= times[-1] <= length / 16000
    alone = random_one.align(tones[1:2, :17000], LENGTHS[1:2], texts[1:2], languages=["fr"])
    assert alone[0] == found[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  ", "no words to align"),
        ("one <|en|> two", "is one of Whisper's special tokens"),
        ("one <|0.20|>", "is one of Whisper's special tokens"),
        ("word " * 30, "too long to align, 59 fit"),
    ],
)
def test_a_text_that_cannot_be_placed_is_refused(random_one, tones, text, message):
    with pytest.raises(UserError, match=message):
        random_one.align(tones[:1], LENGTHS[:1], [text], languages=["en"])


def test_what_does_not_fit_is_refused(random_one, tones):
    with pytest.raises(UserError, match="Whisper takes 30 s at once"):
        random_one.transcribe(torch.zeros(1, 480001), torch.tensor([480001]), languages=["en"])
    with pytest.raises(UserError, match="no language 'xx-yy'"):
        random_one.transcribe(tones, LENGTHS, languages=["en", "xx-yy", "en"])
    with pytest.raises(UserError, match="1 languages for 3 rows"):
        random_one.transcribe(tones, LENGTHS, languages=["en"])
    with pytest.raises(UserError, match="1 texts for 3 rows"):
        random_one.align(tones, LENGTHS, ["a"], languages=["en"] * 3)
    with pytest.raises(UserError, match="row 1 is silent"):
        random_one.align(torch.zeros(1, 16000), torch.tensor([16000]), ["a"], languages=["en"])
    with pytest.raises(UserError, match="NaN"):
        random_one.transcribe(torch.full((1, 99), torch.nan), torch.tensor([99]), languages=["en"])
    with pytest.raises(UserError, match="float32 on the CPU"):
        build(WhisperOptions(weights="random", dtype="float16"), device=CPU)


@pytest.mark.parametrize(
    ("option", "value", "bound"),
    [
        ("beams", 0, "at least 1"),
        ("batch", 0, "at least 1"),
        ("silence", 1.0, "at most 0 dB of full scale"),
        ("no_speech", 2.0, r"in \[0, 1\]"),
        ("logprob", 1.0, "at most 0"),
        ("compression", -1.0, "at least 0"),
    ],
)
def test_options_out_of_range_are_refused(option, value, bound):
    with pytest.raises(UserError, match=f"^{option} must be {bound}, got {value}$"):
        WhisperOptions(**{option: value})


def test_it_says_which_weights_it_recognizes_with(parts, random_one):
    identity = random_one.identity()
    assert identity == WhisperRecognizer(parts, WhisperOptions(), CPU).identity()
    assert set(identity) == {"weights", "transformers"}
    other = build(WhisperOptions(weights="random", seed=9), device=CPU)
    assert other.identity()["weights"] != identity["weights"]
