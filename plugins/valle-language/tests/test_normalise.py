"""Real sentences of nine languages, each with numbers and abbreviations; the words were checked by hand."""

from __future__ import annotations

import sys

import pytest

from valle_core.plugin import UserError
from valle_language.characters import unsayable
from valle_language.normalise import normalise
from valle_language.number_words import chinese

SENTENCES = [
    (
        "en-us",
        "Dr. Smith paid $5.50 on 3/5/2024 at 10:05 a.m. for 3 kg of apples, i.e. 25% more than in 1987.",
        "Doctor Smith paid five dollars and fifty cents on March fifth, twenty twenty-four at ten oh five AM "
        "for three kilograms of apples, that is twenty-five percent more than in nineteen eighty-seven.",
    ),
    (
        "en-gb",
        "The 21st guest came on 03/05/2024 with 10–12 people, 1,234 bags and no. 5.",
        "The twenty-first guest came on the third of May twenty twenty-four with ten to twelve people, "
        "one thousand two hundred and thirty-four bags and no. five.",
    ),
    (
        "en-us",
        "In Chapter IV Henry VIII waits at -5 °C; call 555-123-4567, agent 007, about 3.14.",
        "In Chapter four Henry the eighth waits at minus five degrees Celsius; call five five five, one two three, "
        "four five six seven, agent zero zero seven, about three point one four.",
    ),
    (
        "fr",
        "M. Dupont a payé 3,50 € le 1er mai 2024 à 10h30, soit 25 % de plus, etc.",
        "Monsieur Dupont a payé trois euros cinquante le premier mai deux mille vingt-quatre à dix heures trente, "
        "soit vingt-cinq pour cent de plus, et cetera.",
    ),
    (
        "fr",
        "Louis XIV régna au XVIIe siècle ; il parcourut 12 345 m en 1 h, tél. 06 12 34 56 78.",
        "Louis quatorze régna au dix-septième siècle ; il parcourut douze mille trois cent quarante-cinq mètres en "
        "une heure, téléphone zéro six, un deux, trois quatre, cinq six, sept huit.",
    ),
    (
        "de",
        "Dr. Müller kam am 3. Mai 1987 um 10:30 Uhr, z. B. mit 1 kg Äpfeln für 3,50 € usw.",
        "Doktor Müller kam am dritten Mai neunzehnhundertsiebenundachtzig um zehn Uhr dreißig, zum Beispiel mit "
        "ein Kilogramm Äpfeln für drei Euro fünfzig und so weiter.",
    ),
    (
        "de",
        "Ludwig XIV. war alt; der 2. Versuch war am 01.02.2003: 1.234 Leute, 3,14 und 25 %.",
        "Ludwig der Vierzehnte war alt; der zweite Versuch war am ersten Februar zweitausenddrei: "
        "eintausendzweihundertvierunddreißig Leute, drei Komma eins vier und fünfundzwanzig Prozent.",
    ),
    (
        "es",
        "La Sra. García pagó 21 € y 3,50 € el 03/05/2024 a las 10:30, p. ej. por 1 km.",
        "La señora García pagó veintiún euros y tres euros con cincuenta céntimos el tres de mayo de dos mil "
        "veinticuatro a las diez y treinta, por ejemplo por un kilómetro.",
    ),
    (
        "es-419",
        "En el siglo XXI, Felipe VI vive en el 1er piso; es la 2ª vez que ve 1.234 casas.",
        "En el siglo veintiuno, Felipe sexto vive en el primer piso; es la segunda vez que ve "
        "mil doscientas treinta y cuatro casas.",
    ),
    (
        "it",
        "Il Sig. Rossi ha pagato 3,50 € il 03/05/2024 alle 10:30, il 25% in più, ecc.",
        "Il signor Rossi ha pagato tre euro e cinquanta centesimi il tre maggio duemilaventiquattro alle dieci e "
        "trenta, il venticinque per cento in più, eccetera.",
    ),
    (
        "pt",
        "O Sr. Silva chegou em 3.º lugar em 03/05/2024 às 10:30, com 1 km e 3,50 € a mais, etc.",
        "O senhor Silva chegou em terceiro lugar em três de maio de dois mil e vinte e quatro às dez e trinta, com "
        "um quilómetro e três euros e cinquenta cêntimos a mais, et cetera.",
    ),
    (
        "pt-br",
        "A Dra. Souza pagou R$ 1.234,50 por 2 km no século XXI.",
        "A doutora Souza pagou mil duzentos e trinta e quatro reais e cinquenta centavos por dois quilômetros no "
        "século vinte e um.",
    ),
    (
        "ja",
        "5月3日の4時5分に3人で本を2冊、¥1,500で買い、25%増えた。",
        "ごがつみっかのよじごふんにさんにんで本をにさつ、せんごひゃくえんで買い、にじゅうごパーセント増えた。",
    ),
    (
        "zh",
        "2024年5月3日10:30，2个人花了¥1,500，增加了25%，电话13812345678。",
        "二零二四年五月三日十点三十分，两个人花了一千五百元，增加了百分之二十五，电话一三八一二三四五六七八。",
    ),
    (
        "ko",
        "2024년 6월 3일 10:30에 3명이 25% 오른 ₩1,500을 냈다.",
        "이천이십사년 유월 삼일 열 시 삼십 분에 세 명이 이십오 퍼센트 오른 천오백 원을 냈다.",
    ),
]


@pytest.mark.parametrize(
    ("language", "written", "said"), SENTENCES, ids=[f"{row[0]}-{row[1][:12]}" for row in SENTENCES]
)
def test_a_real_sentence_is_written_as_it_is_said(language, written, said):
    assert normalise(written, language) == said


@pytest.mark.parametrize("row", SENTENCES, ids=[f"{row[0]}-{row[1][:12]}" for row in SENTENCES])
def test_what_is_written_out_has_no_digit_left_and_stays_as_it_is(row):
    language, _, said = row
    assert not any(character.isdigit() and character.isascii() for character in said)
    assert normalise(said, language) == said


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-us", "the boat sails tonight, isn't it well-known?"),
        ("fr", "L'oiseau fait son nid, n'est-ce pas ?"),
        ("de", "Morgenstund hat Gold im Mund."),
        ("en-us", "I live and I mix; did XL win?"),
        ("eo", "Li aĉetis 25 pomojn por 3,50."),
    ],
)
def test_plain_words_and_languages_without_rules_stay_as_they_are(language, text):
    assert normalise(text, language) == text


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "3.5", "three point five"),
        ("de", "3,5", "drei Komma fünf"),
        ("de", "1.500", "eintausendfünfhundert"),
        ("en", "1,500", "one thousand five hundred"),
        ("fr", "1 500", "mille cinq cents"),
        ("fr", "3,05", "trois virgule zéro cinq"),
        ("en", "1.2.3", "one point two point three"),
        ("en", "3,14", "three point one four"),
        ("de", "1.2.3", "eins zwei drei"),
        ("fr", "n°5", "Numéro cinq"),
    ],
)
def test_the_marks_in_a_number_are_read_as_the_language_means_them(language, text, said):
    assert normalise(text, language) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No. 5 is here.", "Number five is here."),
        ("No. I said no.", "No. I said no."),
        ("St. Paul on Main St.", "Saint Paul on Main Street"),
        ("tea, bread etc. He left", "tea, bread et cetera. He left"),
        ("tea etc. and bread", "tea et cetera and bread"),
        ("MP3 and 2nd", "MP three and second"),
        ("E.g. this", "For example this"),
        ("the 1990s, the '80s", "the nineteen nineties, the eighties"),
        ("10 20 30 people", "ten twenty thirty people"),
        ("1,2,3", "one, two, three"),
        ("12-05-2024", "December fifth, twenty twenty-four"),
        ("COVID-19 costs many $ or 5%", "COVID-nineteen costs many dollars or five percent"),
    ],
)
def test_an_abbreviation_is_read_by_what_stands_around_it(text, said):
    assert normalise(text, "en").rstrip(".") == said.rstrip(".")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "零"),
        (10, "十"),
        (12, "十二"),
        (110, "一百一十"),
        (1001, "一千零一"),
        (10203, "一万零二百零三"),
        (100_000_000, "一亿"),
        (120_000, "十二万"),
        (100_010_000, "一亿零一万"),
    ],
)
def test_chinese_numbers_have_their_zeros(number, said):
    assert chinese(number) == said


@pytest.mark.parametrize("language", ["en", "de", "ja", "zh", "ko"])
def test_a_number_nobody_can_count_is_read_digit_by_digit(language):
    said = normalise("9" * 6000, language)
    assert not any(character in "0123456789" for character in said)
    assert len(said) >= 6000


def test_without_num2words_a_number_names_the_extra_and_plain_words_need_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "num2words", None)
    assert normalise("plain words", "en") == "plain words"
    with pytest.raises(UserError, match=r"pip install num2words"):
        normalise("25 boats", "en")


def test_characters_nobody_can_say_are_named():
    assert unsayable("“Well” (yes), isn't it — 50!") == []
    assert unsayable("good 😀 ∮") == ["😀", "∮"]
