"""The suite of frontends, and some texts letter by letter."""

from __future__ import annotations

import pytest
from valle_core.plugin import UserError
from valle_testing import suite

from acme_package.frontend import AcmeNameFrontend
from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC

test_it_conforms = suite.conformance("frontend", lambda: AcmeNameFrontend(AcmeNameOptions()), spec=SPEC)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Hello, world!", "h e l l o , _ w o r l d !"),
        ("Don’t (ever) sing-along", "d o n t _ e v e r _ s i n g _ a l o n g"),
        ("e\u0301t\u00e9", "\u00e9 t \u00e9"),
        ("\u0915\u093f", "\u0915\u093f"),
    ],
)
def test_a_text_becomes_its_letters(text, letters):
    symbols = AcmeNameFrontend(AcmeNameOptions()).phonemize(text, "en").symbols
    assert " ".join(symbol.replace(" ", "_") for symbol in symbols) == letters


def test_an_unknown_language_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"has no language 'enn'. Did you mean 'en'"):
        AcmeNameFrontend(AcmeNameOptions()).phonemize("hello", "enn")


def test_a_letter_is_no_mark():
    with pytest.raises(UserError, match=r"frontend.marks holds 'a', needs punctuation marks only"):
        AcmeNameOptions(marks=".a")
