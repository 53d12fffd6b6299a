from __future__ import annotations

import importlib.util

import pytest
from valle_hibari import frontend
from valle_hibari.frontend import build
from valle_hibari.options import HibariOptions
from valle_hibari.plugin import HIBARI

from valle_core.plugin import UserError
from valle_testing import suite

needs_hibari = pytest.mark.skipif(
    importlib.util.find_spec("hibari") is None, reason="hibari-tts is missing: pip install hibari-tts"
)

if importlib.util.find_spec("hibari") is not None:
    test_hibari_conforms = suite.conformance("frontend", lambda: build(HibariOptions()), spec=HIBARI)
    test_hibari_of_plain_sounds_conforms = suite.conformance(
        "frontend", lambda: build(HibariOptions(stress=False, punctuation=False)), spec=HIBARI
    )


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(frontend, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs hibari-tts\. Install it with: pip install hibari-tts"):
        build(HibariOptions())


@needs_hibari
@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("The patient must be sedated before the operation.", "ðə pˈAʃənt mˈʌst bi sᵻdˈATᵻd bəfˈɔɹ ði ˌɑpəɹˈAʃən."),
        ("Hello there, Dr. Smith paid $9.99.", "həlˈO ðˈɛɹ, dˈɑktəɹ smˈɪθ pˈAd nˈIn dˈɑləɹz ænd nˈIndi nˈIn sˈɛnts."),
        ("(See below.) Yes.", "sˈi bəlˈO. jˈɛs."),
        ("2½ cups", "tˈu ænd ɐ hˈæf kˈʌps"),
        ("¾ inches", "θɹˈi kwˈɔɹTəɹz ˈɪnʧᵻz"),
        ("www.example.com", "dˈʌbᵊlju dˈʌbᵊlju dˈʌbᵊlju dˈɑt ɪɡzˈæmpəldˌɑtkˈɑm"),
    ],
)
def test_symbols_are_the_characters_of_the_corpus(text, spoken):
    assert "".join(build(HibariOptions()).phonemize(text, "en").symbols) == spoken


@needs_hibari
def test_accents_differ():
    one = build(HibariOptions())
    american, british = (one.phonemize("The water of the bath.", tag) for tag in ("en-us", "en-gb"))
    assert american.symbols != british.symbols
    assert one.phonemize("The water of the bath.", "en").symbols == american.symbols


@needs_hibari
@pytest.mark.parametrize("text", ["Say Привет to them.", "中文 is here.", "α and β", "a 😀", "٣ days", "x ☃"])
def test_what_would_be_left_out_is_refused_by_name(text):
    with pytest.raises(UserError, match="reads English and cannot say"):
        build(HibariOptions()).phonemize(text, "en")


@needs_hibari
def test_markup_of_hibari_is_read_as_text():
    symbols = build(HibariOptions()).phonemize("The [red](/blu/) fox.", "en").symbols
    assert "ɹˈɛd" in "".join(symbols)
