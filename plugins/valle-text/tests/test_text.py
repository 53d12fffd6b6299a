from __future__ import annotations

import json

import pytest
from valle_text.commands import SCHEMA
from valle_text.commands import train_tokenizer as run_train_tokenizer
from valle_text.frontend import build
from valle_text.options import TextOptions
from valle_text.training import texts_of, train_tokenizer

from valle_core.plugin import UserError
from valle_testing.command import context_of

TEXTS = [("the boat sails tonight, and the other boat sails too", "en"), ("don't be late at 5", "en")]


@pytest.fixture(scope="module")
def content():
    return train_tokenizer(TEXTS, size=60, options=TextOptions())[0]


def words(phonemes):
    return ["".join(phonemes.symbols[start:end]) for start, end in phonemes.words]


def test_characters_are_symbols_and_words_are_as_written():
    phonemes = build(TextOptions()).phonemize("Don't “stop” (now), well-known friend!", "en")
    assert words(phonemes) == ["don't", "stop", "now", "well-known", "friend"]
    assert phonemes.symbols[phonemes.words[2][1]] == ","
    assert phonemes.symbols[-1] == "!"


def test_numbers_are_words_of_their_own():
    assert words(build(TextOptions()).phonemize("Am 3. Mai um 10:30 Uhr", "de")) == (
        ["am", "dritten", "mai", "um", "zehn", "uhr", "dreißig"]
    )


def test_numbers_can_be_left_as_digits():
    assert words(build(TextOptions(normalise=False)).phonemize("25 boats", "en")) == ["25", "boats"]


def test_bytes_spell_every_script_with_the_same_symbols():
    frontend = build(TextOptions(unit="bytes"))
    phonemes = frontend.phonemize("né 世", "fr")
    assert phonemes.symbols == ("n", "0xC3", "0xA9", " ", "0xE4", "0xB8", "0x96")
    assert set(phonemes.symbols) <= set(frontend.symbols())


def test_tokens_are_pieces_of_words_and_spell_them(content):
    frontend = build(TextOptions(trained=content))
    phonemes = frontend.phonemize("The boats sail.", "en")
    assert words(phonemes) == ["the", "boats", "sail"]
    assert "boat" in phonemes.symbols
    assert set(phonemes.symbols) <= set(frontend.symbols())


def test_a_letter_the_tokenizer_never_saw_is_refused_by_name(content):
    with pytest.raises(UserError, match="does not know 'é' in 'boaté'"):
        build(TextOptions(trained=content)).phonemize("the boaté", "en")


@pytest.mark.parametrize("text", ["so nice 😀", "left ⌘ right"])
def test_a_character_nobody_can_say_is_refused_by_name(text):
    with pytest.raises(UserError, match=r"GRINNING FACE|PLACE OF INTEREST SIGN"):
        build(TextOptions()).phonemize(text, "en")


def test_equal_texts_give_equal_tokenizers(content):
    assert train_tokenizer(TEXTS, size=60, options=TextOptions())[0] == content


def test_a_tokenizer_without_room_for_the_letters_is_refused():
    with pytest.raises(UserError, match="Raise --size"):
        train_tokenizer(TEXTS, size=5, options=TextOptions())


def test_a_language_it_was_not_told_of_is_refused_and_can_be_told():
    with pytest.raises(UserError, match=r"--frontend.languages tlh"):
        build(TextOptions()).phonemize("nuqneH", "tlh")
    assert build(TextOptions(languages=("tlh",))).phonemize("nuqneH", "tlh").language == "tlh"


def test_the_options_to_carry_hold_the_tokenizer_itself(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    frontend = build(TextOptions(tokenizer=str(tmp_path / "tokenizer.json")))
    carried = json.loads(json.dumps(frontend.portable_options()))
    (tmp_path / "tokenizer.json").unlink()
    again = build(TextOptions(**carried | {"languages": tuple(carried["languages"])}))
    assert again.phonemize("the boats", "en") == frontend.phonemize("the boats", "en")


@pytest.mark.parametrize("content", [None, "no tokenizer", '{"a": 1}'])
def test_a_file_that_is_no_tokenizer_is_refused_with_the_command_that_makes_one(content, tmp_path):
    if content is not None:
        (tmp_path / "broken.json").write_text(content)
    with pytest.raises(UserError, match=r"broken.json' cannot be read .*valle train-tokenizer"):
        build(TextOptions(tokenizer=str(tmp_path / "broken.json")))


def test_the_command_reads_transcripts_and_writes_a_tokenizer(tmp_path):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "1.txt").write_text("the boat sails tonight\n")
    done = run_train_tokenizer(context_of(SCHEMA, source=tmp_path, out=tmp_path / "t.json", size=30))
    assert done.text.startswith(f"wrote {tmp_path / 't.json'}: ")
    assert words(build(TextOptions(tokenizer=str(tmp_path / "t.json"))).phonemize("the boat", "en")) == ["the", "boat"]


def test_lj_speech_gives_its_normalised_column(tmp_path):
    (tmp_path / "metadata.csv").write_text("a|No. 5|number five\n")
    assert list(texts_of(tmp_path, "en")) == [("number five", "en")]
