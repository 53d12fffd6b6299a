"""Long text is cut between sentences, never inside of an abbreviation or a number."""

from __future__ import annotations

import pytest

from valle_language.sentences import length, pieces_of, split_long, split_sentences

CASES = [
    (
        "en",
        ["Dr. Smith met J. S. Bach at 3.14 p.m.", "He left.", '"Really?" she said.', "The U.S. is big.",
         "Wait... what?", "No. 5 is alive!", "Yes."],
    ),
    ("en", ["He said no.", "I left."]),
    (
        "de",
        ["Am 3. Mai kam Dr. Weber, z. B. mit 1.234 Leuten usw.", "Danach ging er.", "Das war 1987.",
         "Am 2. Tag war Ruhe."],
    ),
    ("fr", ["M. Dupont est là.", "Il a 3,5 ans.", "« Oui ! » dit-il.", "Fin."]),
    ("es", ["¿Dónde está la Sra. García?", "¡No sé!", "Vino EE. UU. en 2020.", "Adiós."]),
    ("it", ["Il Sig. Rossi è qui.", "Ha 3,5 anni ecc.", "Ciao!"]),
    ("pt", ["O Sr. Silva chegou.", "Pagou 3,50 €.", "Tchau!"]),
    ("ko", ["안녕하세요.", "3.5개입니다!", "네?"]),
    ("nl", ["Het is laat.", "Ga slapen!"]),
]  # fmt: skip


@pytest.mark.parametrize(("language", "sentences"), CASES)
def test_a_text_is_cut_at_its_sentences_and_nowhere_else(language, sentences):
    assert split_sentences(" ".join(sentences), language) == sentences
    assert split_sentences("\n".join(sentences), language) == sentences


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("ja", ["今日は晴れです。", "明日は雨？", "「はい！」と言った。", "終わり"]),
        ("zh", ["你好。", "他说：“好的！”", "然后走了。", "3.14是π。"]),
    ],
)
def test_languages_without_spaces_are_cut_at_their_own_marks(language, sentences):
    assert split_sentences("".join(sentences), language) == sentences


def test_an_empty_line_parts_and_a_text_without_words_has_no_sentence():
    assert split_sentences("A title\n\nthen a text", "en") == ["A title", "then a text"]
    assert split_sentences(" ... \n\n ?!", "en") == []


def test_a_long_sentence_is_cut_at_clauses_and_no_piece_is_too_long():
    text = "one two three, four five six; seven eight nine ten eleven, twelve thirteen fourteen fifteen sixteen"
    pieces = split_long(text, 30)
    assert pieces[:2] == ["one two three, four five six;", "seven eight nine ten eleven,"]
    assert max(map(length, pieces)) <= 30
    assert " ".join(pieces) == text


def test_wide_letters_count_more_and_an_endless_word_is_cut_anyway():
    pieces = split_long("春眠不觉晓，处处闻啼鸟，夜来风雨声，花落知多少", 36)
    assert pieces == ["春眠不觉晓，处处闻啼鸟，", "夜来风雨声，花落知多少"]
    assert "".join(split_long("春" * 30, 30)) == "春" * 30


def test_pieces_never_cut_a_number():
    assert pieces_of("It costs 1,234,567.89 dollars or more than that.", "en", 24) == (
        ["It costs 1,234,567.89", "dollars or more than", "that."]
    )
