"""A recording becomes codes where the codec is, and they come back to the CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from valle_cli.demo.spoken_check import through_codec
from valle_core.audio.wav import write
from valle_core.synthesis.prompt import Prompts, at_the_bound, encode_prompt, fitting_codes
from valle_core.types import PromptRange
from valle_kit.pauses import cut_at_pause
from valle_testing.fakes.audio import FakeCodec

ELSEWHERE = torch.device("meta")


class FarCodec(FakeCodec):
    """Takes only what lies on its device, as a codec on a GPU does; its answers are on the CPU, to be looked at."""

    def encode(self, wav, lengths):
        assert wav.device == lengths.device == ELSEWHERE
        return torch.ones(1, 10, 4, dtype=torch.long), torch.tensor([9])


def test_a_prompt_is_encoded_where_the_codec_is(tmp_path):
    write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(8000) / 9), 16000)
    codes, remark = encode_prompt(tmp_path / "a.wav", FarCodec(), Prompts(max_seconds=3), device=ELSEWHERE)
    assert not remark
    assert codes.shape == (9, 4)
    assert codes.device.type == "cpu"


def test_a_codecs_verdict_is_made_where_the_codec_is(tmp_path):
    """`valle demo` on a machine with a GPU."""
    write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(8000) / 9), 16000)
    (wav,) = through_codec([tmp_path / "a.wav"], FarCodec(), 4, device=ELSEWHERE)
    assert wav.shape == (9 * 320,)


RATE = 16000


def voice(*parts: tuple[float, bool]) -> np.ndarray:
    """Seconds of tone (True) and of silence (False)."""
    return np.concatenate([0.3 * loud * np.sin(np.arange(round(s * RATE)) / 9) for s, loud in parts]).astype(np.float32)


TRAINED = PromptRange(shortest=1.0, longest=3.0)


@pytest.fixture
def encoded(tmp_path):
    """`encoded(wav, **Prompts)` → seconds of the codes, the remark."""

    def encoded(wav: np.ndarray, **prompts) -> tuple[float, str]:
        write(tmp_path / "a.wav", wav, RATE)
        given = Prompts(**{"trained": TRAINED, "cut": cut_at_pause} | prompts)
        codes, remark = encode_prompt(tmp_path / "a.wav", FakeCodec(), given, device=torch.device("cpu"))
        return len(codes) / FakeCodec().frame_rate, remark

    return encoded


def test_a_longer_prompt_is_cut_in_a_pause_before_the_longest_trained(encoded):
    seconds, remark = encoded(voice((2.2, True), (0.4, False), (6.0, True)))
    assert seconds == pytest.approx(2.4, abs=0.15)
    assert remark.startswith(
        "the prompt lasts 8.6 s, and the model was trained on prompts of 1 to 3 s: cut in a pause at"
    )


@pytest.mark.parametrize(
    "trained", [TRAINED, PromptRange(shortest=3.0, longest=3.0), PromptRange(shortest=0.1, longest=0.2)]
)
def test_speech_without_a_pause_is_cut_all_the_same_and_never_longer_than_trained(encoded, trained):
    seconds, remark = encoded(voice((9.0, True)), trained=trained)
    assert 0.5 * trained.longest <= seconds <= trained.longest + 0.02
    assert "at a quiet place" in remark


def test_without_what_looks_for_pauses_it_is_cut_at_the_bound(encoded):
    seconds, remark = encoded(voice((2.2, True), (0.4, False), (6.0, True)), cut=at_the_bound)
    assert seconds == 3.0
    assert remark.endswith("cut without looking for a pause at 3.0 s")


def test_a_prompt_whose_words_are_given_with_it_is_named_and_not_cut(encoded):
    seconds, remark = encoded(voice((2.2, True), (0.4, False), (6.0, True)), continues=True)
    assert seconds == pytest.approx(8.6, abs=0.05)
    assert remark.endswith("give a shorter recording, and the words of that")


def test_what_fits_is_left_alone_and_what_is_short_is_named(encoded):
    assert encoded(voice((2.0, True))) == (2.0, "")
    assert encoded(voice((3.04, True)))[1] == ""
    assert encoded(voice((0.5, True)))[1] == (
        "the prompt lasts 0.5 s, and the model was trained on prompts of 1 to 3 s; a longer one may be followed better"
    )
    assert encoded(voice((8.0, True)), trained=None) == (8.0, "")  # an older checkpoint does not say


def test_no_prompt_is_named_unless_it_was_trained():
    assert "was never trained without one" in Prompts(trained=TRAINED).remark(None)
    assert not Prompts(trained=replace(TRAINED, none=True)).remark(None)
    assert not Prompts().remark(None)


def test_a_prompt_of_codes_is_cut_at_the_bound():
    codes = torch.arange(40)[:, None]
    assert [len(fitting_codes(codes, 10.0, Prompts(trained=trained))[0]) for trained in (TRAINED, None)] == [30, 40]
    assert fitting_codes(codes, 10.0, Prompts(trained=TRAINED))[1].endswith("cut at 3.0 s")
    assert fitting_codes(codes[:20], 10.0, Prompts(trained=TRAINED))[1] == ""
    kept, remark = fitting_codes(codes, 10.0, Prompts(trained=TRAINED, continues=True))
    assert len(kept) == 40
    assert remark
