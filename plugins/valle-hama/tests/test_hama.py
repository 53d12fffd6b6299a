"""The recognizer keeps its contract where hama is installed; its alignment is right on made-up frames anywhere."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from valle_hama.alphabet import sounds_of
from valle_hama.forced import forced_path
from valle_hama.network import HOP, RATE, is_phone
from valle_hama.options import HamaOptions
from valle_hama.placing import FRAME, LAG, placed
from valle_hama.plugin import SPEC
from valle_hama.recognizer import build

from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_testing import suite
from valle_testing.suites.recognizer.speech import SPOKEN, built_in

CPU = torch.device("cpu")
SPEECH = [clip for clip in built_in() if clip.text in SPOKEN.values()]
needs_hama = pytest.mark.skipif(find_spec("hama") is None, reason=f"needs hama: {SPEC.requires[0].hint}")


def made():
    return build(HamaOptions(), device=CPU)


@needs_hama
@pytest.mark.parametrize("check", [check.__name__ for check in suite.checks_of("recognizer", SPEC)])
def test_it_conforms(check):
    (outcome,) = suite.run("recognizer", made, spec=SPEC, clips=SPEECH, only=(check,)).outcomes
    assert outcome.verdict == "passed", f"{outcome.found}\ncontract: {outcome.contract}"


@needs_hama
def test_phonemes_of_speech_are_near_those_of_its_text():
    recognizer, clip = made(), SPEECH[1]
    wav = torch.from_numpy(clip.wav)[None]
    (found,) = recognizer.transcribe(wav, torch.tensor([wav.shape[1]]), languages=["en"])
    phones = [phone for segment in found.segments for phone in segment.text.split()]
    expected = recognizer.pronounce(clip.text, "en")
    assert len(set(phones) & set(expected)) >= 0.8 * len(set(expected))


@needs_hama
def test_a_text_is_pronounced_by_its_words_alone():
    pronounce = made().pronounce
    assert pronounce("two horses", "en") == pronounce(" Two — horses!? ", "en") != ()
    assert pronounce("2 horses", "en") == pronounce("two horses", "en")
    assert pronounce("…", "en") == ()
    assert made().identity().keys() == {"hama", "weights"}


def frames(*names):
    """Sure frames of a vocabulary of a, b and the blank `-`."""
    scores = np.full((len(names), 3), -9.0)
    scores[range(len(names)), ["ab-".index(name) for name in names]] = -0.1
    return scores


@pytest.mark.parametrize(
    ("phones", "tokens", "wanted"),
    [
        ("--aa-b-", [0, 1], [(2, 4), (5, 6)]),
        ("ab", [0, 1], [(0, 1), (1, 2)]),
        ("-a-a-", [0, 0], [(1, 2), (3, 4)]),
        ("aa", [0, 0], None),
        ("a", [0, 1], None),
        ("", [0], None),
        ("aab", [], None),
    ],
)
def test_known_tokens_are_placed_on_the_likeliest_path(phones, tokens, wanted):
    scores = frames(*phones)
    repeats = [False, *(one == other for one, other in pairwise(tokens))][: len(tokens)]
    assert forced_path(scores[:, tokens], scores[:, 2], repeats) == wanted


def test_the_path_is_the_likeliest_of_all_there_are():
    rng = np.random.default_rng(4)
    for tokens in ([0, 1], [0, 0], [1, 0, 1], [0, 0, 1]):
        scores = np.log(rng.dirichlet([0.5, 0.5, 0.5], size=6))
        repeats = [False, *(one == other for one, other in pairwise(tokens))]
        found = forced_path(scores[:, tokens], scores[:, 2], repeats)

        def collapsed(path):
            return [token for at, token in enumerate(path) if token != 2 and (at == 0 or path[at - 1] != token)]

        paths = [path for path in product(range(3), repeat=6) if collapsed(path) == tokens]
        best = max(paths, key=lambda path: scores[range(6), path].sum())
        starts = [at for at, token in enumerate(best) if token != 2 and (at == 0 or best[at - 1] != token)]
        assert found is not None
        assert [start for start, _ in found] == starts


KNOWN = frozenset({"eɪ", "t͡ʃ", "t", "d", "ɾ", "ə", "ʌ", "ɪ", "i", "ɹ", "ɜ", "k", "oʊ", "o", "ɔ", "a", "ː", "aɪ"})


@pytest.mark.parametrize(
    ("symbol", "first"),
    [
        ("A", ["eɪ"]),  # misaki
        ("eɪ", ["eɪ"]),  # espeak-ng
        ("ˈeɪ", ["eɪ"]),
        ("iː", ["i"]),
        ("ʧ", ["t͡ʃ"]),
        ("tʃ", ["t͡ʃ"]),
        ("t͡ʃ", ["t͡ʃ"]),
        ("aɪə", ["aɪ", "ə"]),
        ("ɚ", ["ə", "ɹ"]),
        ("ˈ", []),
        ("ː", []),
        (" ", []),
        (".", []),
        ("漢", []),
    ],
)
def test_symbols_of_either_alphabet_are_sounds_and_marks_are_none(symbol, first):
    assert [tokens[0] for tokens in sounds_of(symbol, KNOWN)] == first


class Scores:
    """A network that is sure of these tokens in these frames."""

    tokens = ("a", "t", "<wb>", "<blank>")
    boundary, blank = 2, 3

    def __init__(self, phones):
        self.phones = phones

    def log_probs(self, wav):
        scores = np.full((len(wav) // HOP, 4), -9.0)
        scores[:, self.blank] = -0.01
        for frame, token in self.phones.items():
            scores[frame] = -9.0
            scores[frame, self.tokens.index(token)] = -0.01
        return scores


def at(frame):
    return (frame + 0.5) * FRAME - LAG


def noise(*seconds):
    """Loud and quiet stretches in turn."""
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=round(one * RATE)) * (1e-5 if number % 2 else 0.1) for number, one in enumerate(seconds)]
    return np.concatenate(parts).astype(np.float32)


def test_marks_take_no_time_and_punctuation_takes_the_pause():
    network = Scores({10: "a", 20: "t", 60: "a", 70: "t"})
    found = placed(network, noise(0.5, 0.6, 0.6, 0.3), [*"ˈat, ˈat."])
    begins = [at(10), at(10), at(20), 0.5, at(60), at(60), at(60), at(70), 1.7, 2.0]
    assert found.times == pytest.approx(begins, abs=1e-9)
    assert found.found == 1.0


def test_without_punctuation_the_text_ends_with_its_last_sound():
    found = placed(Scores({10: "a", 20: "t"}), noise(0.6, 0.4), ["a", "t"])
    assert found.times == pytest.approx([at(10), at(20), 0.6])


def test_an_unknown_sound_shares_the_time_of_its_neighbours():
    found = placed(Scores({10: "a", 30: "t"}), noise(1.0), ["a", "漢", "t"])
    assert found.times == pytest.approx([at(10), (at(10) + at(30)) / 2, at(30), 1.0])


def test_sounds_that_are_not_there_lower_what_is_found():
    assert placed(Scores({10: "a"}), noise(1.0), ["a", "t", "a", "t"]).found == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("symbols", "why"), [("漢.", "knows none of the phonemes '漢 .'"), ("atat" * 20, "do not fit")]
)
def test_what_cannot_be_placed_is_refused(symbols, why):
    with pytest.raises(UserError, match=why):
        placed(Scores({}), noise(1.0), [*symbols])


@needs_hama
def test_phonemes_of_both_alphabets_lie_at_the_same_times():
    clip = SPEECH[1]  # two horses ran along the beach
    wav, lengths = torch.from_numpy(clip.wav)[None], torch.tensor([len(clip.wav)])
    misaki = [*"tˈu hˈɔɹsᵻz ɹˈæn əlˈɔŋ ðə bˈiʧ."]
    espeak = "t uː _ h ˈɔː ɹ s ᵻ z _ ɹ ˈæ n _ ɐ l ˈɑː ŋ _ ð ə _ b ˈiː tʃ".replace("_", "\u2009").split(" ")
    one, other = (
        made().place(wav, lengths, [Phonemes(symbols=tuple(symbols), words=(), language="en-us")])[0]
        for symbols in (misaki, espeak)
    )
    assert one.found > 0.8
    assert one.times[-3] == pytest.approx(other.times[-2], abs=0.02)
    assert 1.2 < one.times[-3] < len(clip.wav) / RATE


@pytest.mark.parametrize(("token", "wanted"), [("ð", True), ("aɪ", True), ("t͡ʃ", True), ("⁵", False), (" ", False),
                                               ("ː", False), ("<wb>", False), ("", False)])  # fmt: skip
def test_a_mark_is_no_phone(token, wanted):
    assert is_phone(token) is wanted


@pytest.mark.parametrize("wrong", [{"pause": 0.0}, {"pause": 11.0}, {"silence": 1.0}, {"silence": float("nan")}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=r"recognizer\.(pause|silence) must be in \["):
        HamaOptions(**wrong)
