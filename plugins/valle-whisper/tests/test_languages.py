from __future__ import annotations

import pytest
from valle_whisper.languages import accepted, tag_of, whisper_code

from valle_core.plugin import UserError

KNOWN = ("en", "fr", "zh", "pt", "no", "jw", "he", "tl")


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en-us", "en"),
        ("en", "en"),
        ("EN_gb", "en"),
        ("fr-fr", "fr"),
        ("zh", "zh"),
        ("cmn", "zh"),
        ("cmn-latn-pinyin", "zh"),
        ("fr-ca", "fr"),
        ("pt-br", "pt"),
        ("nb", "no"),
        ("jv", "jw"),
        ("iw", "he"),
    ],
)
def test_tags_are_brought_to_whispers_codes(tag, code):
    assert whisper_code(tag, KNOWN) == code


def test_cantonese_is_its_own_where_the_model_has_it():
    assert whisper_code("yue", [*KNOWN, "yue"]) == "yue"
    with pytest.raises(UserError, match="no language 'yue'"):
        whisper_code("yue", KNOWN)


def test_what_is_listed_is_accepted_and_what_is_detected_is_listed():
    tags = accepted(KNOWN)
    assert {"en-us", "pt-br", "cmn", "nb"} < set(tags)
    assert not {"de", "de-de"} & set(tags)
    assert all(whisper_code(tag, KNOWN) == code for tag, code in tags.items())
    for nonsense in ("en-qqqq", "enzq", "en us", ""):
        with pytest.raises(UserError, match="has no language"):
            whisper_code(nonsense, KNOWN)
    assert {tag_of(code) for code in KNOWN} <= set(tags)
    assert all(whisper_code(tag_of(code), KNOWN) == code for code in KNOWN)
