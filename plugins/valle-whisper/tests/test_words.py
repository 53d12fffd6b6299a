"""Tokens of words, at the level of bytes."""

from __future__ import annotations

import pytest
from valle_whisper.untrained import make_tokenizer
from valle_whisper.words import Spelling


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    return Spelling(make_tokenizer(["three", "one", "naïve"], seconds=2))


@pytest.mark.parametrize("text", ["three one", "one, three!  naïve…", "don't  say thr\u00e9e", "日本 語です", "٣ один"])
def test_words_are_the_text_split_at_spaces_and_their_tokens_cover_it(spelling, text):
    tokens = spelling.tokens(text)
    words = spelling.words(tokens)
    assert [word.text for word in words] == text.split()
    assert spelling.text(tokens) == " ".join(text.split())
    for word in words:
        assert spelling.text(tokens[word.first : word.last + 1]) == word.text


def test_a_taught_word_is_one_token(spelling):
    assert [len(spelling.tokens(word)) for word in ("three", "one", "naïve", "two")] == [1, 1, 1, 3]


def test_without_spaces_words_are_characters_with_the_punctuation_after_them(spelling):
    tokens = spelling.tokens("日本、語 iPhone 3です。", spaced=False)
    assert [word.text for word in spelling.words(tokens, unspaced=True)] == [
        "日", "本、", "語", "iPhone", "3", "で", "す。"
    ]  # fmt: skip


def test_damaged_bytes_are_one_word_and_special_tokens_none(spelling):
    cut = spelling.tokens("語", spaced=False)[:2]
    assert [word.text for word in spelling.words([spelling.end, *cut, spelling.end + 3])] == ["\ufffd"]
    assert len(spelling.words(cut, unspaced=True)) == 1


def test_text_is_what_the_tokenizer_decodes(spelling):
    tokens = spelling.tokens("one naïve 語 three.")
    assert spelling._tokenizer.decode([*tokens, spelling.end], skip_special_tokens=True).strip() == spelling.text(
        tokens
    )
