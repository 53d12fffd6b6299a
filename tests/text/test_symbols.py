"""The numbering of phonemes is fixed, and what it lacks is counted."""

from __future__ import annotations

import json

import pytest

from valle_core.plugin import UserError
from valle_core.text.symbols import SymbolMap, language_index


def test_observed_symbols_are_sorted_after_the_specials():
    symbols = SymbolMap.from_observed(["ʃ", "a", " ", "a", "b"])
    assert symbols.symbols == ("<pad>", "<unk>", " ", "a", "b", "ʃ")
    assert symbols.indices(["a", "ʃ", " "]) == [3, 5, 2]
    assert symbols == SymbolMap.from_observed([*reversed(symbols.symbols)])


def test_an_unknown_symbol_is_kept_as_unknown_and_counted():
    symbols = SymbolMap.from_observed("ab")
    assert symbols.indices("axbx") == [2, 1, 3, 1]
    assert symbols.unknown("axbx") == {"x": 2}
    assert "x" not in symbols


def test_the_map_survives_json():
    symbols = SymbolMap.from_observed(["ʃ", "ː"])
    assert SymbolMap.from_json(json.loads(json.dumps(symbols.to_json())), "m") == symbols


@pytest.mark.parametrize("stored", [None, "ab", ["a"], ["<pad>", "<unk>", 3], ["<pad>", "<unk>", "a", "a"]])
def test_a_damaged_map_is_refused(stored):
    with pytest.raises(UserError):
        SymbolMap.from_json(stored, "m.json")


def test_an_unknown_language_is_refused_with_those_known():
    assert language_index(("de", "en-us"), "en-us") == 1
    with pytest.raises(UserError, match=r"'fr' is unknown here\. Choose one of de, en-us"):
        language_index(("de", "en-us"), "fr")
