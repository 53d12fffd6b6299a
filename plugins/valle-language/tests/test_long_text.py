"""A long text is spoken sentence by sentence in one voice, and comes back as one speech."""

from __future__ import annotations

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.synthesis.request import Request, Speech, Timing
from valle_language.long_text import AT_ONCE, Splitting, pieces, speak_long, with_language

RATE = 100


class Speaker:
    """One second per sentence, filled with the number of its letters."""

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []
        self.timing: Timing | None = None
        self.sample_rate = RATE

    def __call__(self, requests):
        self.batches.append(list(requests))
        self.timing = Timing(
            prompt=0.0, autoregressive=1.0, nonautoregressive=0.0, codec=0.0, tokens=5, audio_seconds=1.0
        )
        return [
            Speech(
                wav=torch.full((RATE,), float(len(request.text))),
                sample_rate=RATE,
                codes=torch.full((2, 3), len(request.text)),
                symbols=tuple(request.text),
                stopped="cut" not in request.text,
                unknown={"ʘ": 1},
            )
            for request in requests
        ]


def speak(text, *, prompt=None, seed=0, **splitting):
    speaker = Speaker()
    request = Request(text=text, prompt=prompt, seed=seed)
    (speech,) = speak_long(speaker, [request], Splitting(**splitting), ["en"])
    return speech, speaker


def test_sentences_are_joined_in_order_with_a_pause_between():
    speech, _ = speak("Come in. Sit down here.", pause=0.5)
    assert speech.wav.tolist() == [8.0] * RATE + [0.0] * (RATE // 2) + [14.0] * RATE
    assert speech.codes.tolist() == [[8] * 3] * 2 + [[14] * 3] * 2
    assert "".join(speech.symbols) == "Come in. Sit down here."
    assert speech.unknown == {"ʘ": 2}
    assert speech.stopped


def test_all_pieces_are_one_batch_with_the_same_prompt_and_seeds_of_their_own(tmp_path):
    _, speaker = speak("Come in. Sit down. Eat.", prompt=tmp_path / "voice.wav", seed=4)
    (batch,) = speaker.batches
    assert {request.prompt for request in batch} == {tmp_path / "voice.wav"}
    assert len({request.seed for request in batch}) == 3
    assert batch[0].seed == 4


def test_one_sentence_is_left_as_it_is():
    request = Request(text="  just one sentence ")
    assert pieces(request, "en", Splitting()) == [request]
    assert pieces(Request(text="One. Two."), "en", Splitting(by="none"))[0].text == "One. Two."


def test_one_sentence_that_was_cut_off_is_told():
    assert not speak("Come in. This is cut. Eat.")[0].stopped


def test_a_long_sentence_is_cut_at_its_clauses():
    _, speaker = speak("when the rain falls, the old red door opens, and we go in", most=30)
    assert [request.text for request in speaker.batches[0]] == [
        "when the rain falls,",
        "the old red door opens,",
        "and we go in",
    ]


def test_a_book_is_spoken_in_batches_and_the_time_is_of_all():
    speech, speaker = speak("Come in. " * (AT_ONCE + 1), pause=0)
    assert [len(batch) for batch in speaker.batches] == [AT_ONCE, 1]
    assert speech.seconds == AT_ONCE + 1
    assert speaker.timing is not None
    assert (speaker.timing.tokens, speaker.timing.autoregressive) == (10, 2.0)


def test_every_request_gets_its_own_speech():
    speaker = Speaker()
    texts = ["One. Two.", "three", "Four. Five. Six."]
    speeches = speak_long(speaker, [Request(text=text) for text in texts], Splitting(pause=0), ["en"])
    assert [speech.seconds for speech in speeches] == [2, 1, 3]
    assert ["".join(speech.symbols) for speech in speeches] == texts


def test_a_break_is_silence_of_its_length_between_what_it_parts():
    speech, speaker = speak('Come in. Sit<break time="2s"/>down here.', pause=0.5)
    assert [request.text for request in speaker.batches[0]] == ["Come in.", "Sit", "down here."]
    assert speech.wav.tolist() == [8.0] * RATE + [0.0] * (RATE // 2) + [3.0] * RATE + [0.0] * 2 * RATE + [10.0] * RATE


def test_a_break_counts_without_sentences_too_and_a_text_of_breaks_is_refused():
    assert speak('One. Two<break time="1s"/>three', by="none")[0].seconds == 3
    with pytest.raises(UserError, match="has no words"):
        speak("<break/>")
    with pytest.raises(UserError, match="markup <b> is not read"):
        speak("<b>one</b>")


def test_phonemes_are_never_cut_and_need_a_language():
    request = Request(text="hɛ.ˈloʊ. a. Be", phonemes=True)
    assert pieces(request, "en", Splitting()) == [request]
    with pytest.raises(UserError, match="do not show their language"):
        with_language(Request(text="hɛ", phonemes=True, language="auto"), ["en-us", "de"])


@pytest.mark.parametrize("wrong", [{"by": "words"}, {"pause": -1.0}, {"pause": 60.0}, {"most": 3}])
def test_a_senseless_splitting_is_refused(wrong):
    with pytest.raises(UserError):
        Splitting(**wrong)


def test_a_language_is_detected_among_the_models_and_told():
    request, note = with_language(Request(text="Morgenstund hat Gold im Mund.", language="auto"), ["en-us", "de"])
    assert (request.language, note) == ("de", "language detected: de")
    assert with_language(Request(text="x", language="fr"), ["en-us"])[0].language == "fr"
    assert with_language(Request(text="x"), ["en-us"]) == (Request(text="x"), "")


def test_a_candidate_the_model_does_not_speak_is_refused():
    with pytest.raises(UserError, match=r"'fr' is unknown here. Choose from en-us, de"):
        with_language(Request(text="bonjour", language="auto:fr"), ["en-us", "de"])
