"""Written forms of each language and what a reader says: tables in `written/`, a form and its words on each line."""

from __future__ import annotations

from pathlib import Path

import pytest

from valle_language.characters import unsayable
from valle_language.normalise import normalise

TABLES = {file.stem: file for file in sorted((Path(__file__).parent / "written").glob("*.txt"))}
ROWS = [
    (language, *line.split(" → ", 1))
    for language, file in TABLES.items()
    for line in file.read_text(encoding="utf-8").splitlines()
]
SIGNS = tuple("% ‰ ℃ ° § № # & @ + = ~ ^ / \\ < > ≤ ≥ ≠ ≈ ± × ÷ √ € £ $ ¥ ¢ ½ ¾ ⅓ ² ³ * _ ∞ ©".replace(" ", ""))
"""Each has a word in every language, wherever it stands."""


@pytest.mark.parametrize(("language", "written", "said"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_a_written_form_is_said_as_a_reader_says_it(language, written, said):
    assert normalise(written, language) == said
    assert not any(character.isnumeric() and character.isascii() for character in said)
    assert not unsayable(said)
    assert normalise(said, language) == said


@pytest.mark.parametrize("language", TABLES)
def test_the_table_of_a_language_is_no_handful(language):
    assert sum(row[0] == language for row in ROWS) >= 40


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("language", TABLES)
def test_a_sign_has_a_word_in_every_language(language, sign):
    first = () if sign in "*#" else (f"{sign} a",)  # the layout of a list, a title
    for text in (sign, f"a {sign} a", f"a {sign}", *first, f"5 {sign} 7", f"{sign}5", f"5{sign}"):
        said = normalise(text, language)
        assert not unsayable(said), (text, said)
        assert said.split() != normalise(text.replace(sign, " "), language).split(), (text, said)
