"""Recordings of any length, many at once."""

from __future__ import annotations

import numpy as np
import pytest

from valle_data.preparation.transcription.transcriber import Transcriber
from valle_language.recognition import RecognizedSegment, TimedWord, Transcript
from valle_testing.fakes.recognizer import RATE, FakeRecognizer, sing

ALL = frozenset({"words", "detect", "align"})


def text_of(transcription) -> str:
    return " ".join(one.text for one in transcription.segments)


@pytest.mark.parametrize("longest", [None, 5.0, 2.5])
@pytest.mark.parametrize("batch_seconds", [1.0, 4.0, 100.0])
def test_windows_and_batches_change_nothing(longest, batch_seconds):
    texts = [" abba  dace fed   bag cab", "cafe", " ", " ".join(["decade"] * 12)]
    transcriber = Transcriber(FakeRecognizer(max_seconds=longest), ALL, batch_seconds=batch_seconds)
    plain = Transcriber(FakeRecognizer(), ALL).transcribe([sing(text) for text in texts], ["xx"] * 4)
    found = transcriber.transcribe([sing(text) for text in texts], ["xx"] * 4)
    assert [text_of(one).split() for one in found] == [text.split() for text in texts]
    for one, other in zip(found, plain, strict=True):
        words = [word for segment in one.segments for word in segment.words]
        wanted = [word for segment in other.segments for word in segment.words]
        assert [word.start for word in words] == pytest.approx([word.start for word in wanted], abs=0.011)
        assert [word.end for word in words] == pytest.approx([word.end for word in wanted], abs=0.011)


class Babble:
    """Hears a word of half a second every half second, wherever its row begins; there is no pause to cut in."""

    sample_rate = RATE

    def __init__(self, max_seconds: float) -> None:
        self.max_seconds = max_seconds

    def languages(self):
        return ("xx",)

    def transcribe(self, wav, lengths, *, languages):
        found = []
        for row, length in zip(wav, lengths, strict=True):
            places = row[: int(length)].numpy()  # the sample's own number is the sound
            first = int(np.ceil(places[0] / (RATE / 2)))
            words = []
            while (first + 1) * RATE / 2 <= places[-1] + 1:
                start = (first * RATE / 2 - places[0]) / RATE
                words.append(TimedWord(text=f"w{first}", start=start, end=start + 0.5))
                first += 1
            text = " ".join(word.text for word in words)
            one = RecognizedSegment(text=text, start=words[0].start, end=words[-1].end, words=tuple(words))
            found.append(Transcript(segments=(one,), language="xx"))
        return found


def test_a_word_on_the_border_of_two_windows_is_transcribed_once_and_whole():
    wav = np.arange(31 * RATE, dtype=np.float32)
    (found,) = Transcriber(Babble(4.0), frozenset({"words"})).transcribe([wav], ["xx"])  # type: ignore[arg-type]
    words = [word for one in found.segments for word in one.words]
    assert [word.text for word in words] == [f"w{number}" for number in range(62)]
    assert [word.start for word in words] == pytest.approx([number / 2 for number in range(62)], abs=1e-3)


def test_the_language_of_a_recording_is_that_of_most_of_its_speech():
    wav = np.concatenate([sing(" abba dace "), sing(" " * 20), sing(" fed bag cab decade ", "yy")])
    (found,) = Transcriber(FakeRecognizer(max_seconds=2.0), ALL).transcribe([wav], [None])
    assert found.language == "yy"
    assert set(found.votes) == {"xx", "yy"}
    assert Transcriber(FakeRecognizer(), ALL).transcribe([wav], ["xx"])[0].votes == {}


def test_one_text_that_cannot_be_aligned_leaves_the_others_aligned():
    texts = ["abba dace", "fed", "bag"]
    found = Transcriber(FakeRecognizer(), ALL).align(
        [sing(f" {text} ") for text in texts], ["abba dace", "cab", "bag"], ["xx"] * 3
    )
    assert [word.text for word in found[0]] == ["abba", "dace"]
    assert found[1] == "word 'cab' of 'cab' is not in the audio. Check the transcript"
    assert [word.text for word in found[2]] == ["bag"]
