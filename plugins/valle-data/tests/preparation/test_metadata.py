"""`metadata.csv` with two, three or four columns in each order: read by what they hold, by their names, or refused."""

from __future__ import annotations

from itertools import permutations

import pytest

from valle_core.plugin import UserError
from valle_data.testing import find, reasons

TEXTS = [
    "It cost 5 pounds.",
    "The second line is here,",
    "seven green bottles",
    "Dr. Who came at 8",
    "nobody knows the way",
    "rain and wind again",
]
SPOKEN = [
    "It cost five pounds.",
    "The second line is here,",
    "seven green bottles",
    "doctor Who came at eight",
    "nobody knows the way",
    "rain and wind again",
]
SPEAKERS = ["anna", "ben", "anna", "ben", "anna", "ben"]
NUMBERS = ["0", "12", "0", "12", "0", "12"]
LANGUAGES = ["EN", "EN", "de-DE", "EN", "EN", "de-DE"]
COLUMNS = {"text": TEXTS, "spoken": SPOKEN, "speaker": SPEAKERS, "number": NUMBERS, "language": LANGUAGES}


def corpus(folder, lines, files=None):
    (folder / "wavs").mkdir(exist_ok=True)
    for name in files or [f"u{number}.wav" for number in range(6)]:
        (folder / "wavs" / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / "wavs" / name).touch()
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return find(folder)


def rows(*columns, separator="|"):
    return [separator.join((f"u{number}", *values)) for number, values in enumerate(zip(*columns, strict=True))]


KINDS = [
    ("text",),
    ("text", "spoken"),
    ("text", "speaker"),
    ("text", "number"),
    ("text", "language"),
    ("text", "spoken", "speaker"),
    ("text", "spoken", "number"),
    ("text", "spoken", "language"),
    ("text", "speaker", "language"),
    ("text", "number", "language"),
]
ORDERS = [
    order
    for kinds in KINDS
    for order in permutations(kinds)
    if "spoken" not in order or order.index("text") < order.index("spoken")
]


@pytest.mark.parametrize("order", ORDERS, ids="|".join)
def test_columns_are_told_by_what_they_hold_in_every_order(tmp_path, order):
    found = corpus(tmp_path, rows(*(COLUMNS[name] for name in order)))
    speakers = next((COLUMNS[name] for name in order if name in ("speaker", "number")), [tmp_path.name] * 6)
    assert [one.text for one in found.recordings] == (SPOKEN if "spoken" in order else TEXTS)
    assert [one.speaker for one in found.recordings] == speakers
    tags = [tag.lower() for tag in LANGUAGES] if "language" in order else [None] * 6
    assert [one.language for one in found.recordings] == tags
    guessed = "speaker" in order or "number" in order
    assert len(found.notes) == guessed
    if guessed:
        assert found.notes[0].count("'u") == 2, "two rows are shown"


HEADINGS = {"text": "Text", "spoken": "normalized_text", "speaker": "speaker_name", "language": "lang"}


@pytest.mark.parametrize("separator", ["|", "\t", ",", ";"])
@pytest.mark.parametrize("order", [order for order in ORDERS if "number" not in order], ids="|".join)
def test_columns_that_a_first_line_names_are_read_by_their_names(tmp_path, order, separator):
    columns = {**COLUMNS, "text": [text.replace(",", "") for text in TEXTS]}
    columns["spoken"] = [text.replace(",", "") for text in SPOKEN]
    head = separator.join(("audio_file", *(HEADINGS[name] for name in order)))
    found = corpus(tmp_path, [head, *rows(*(columns[name] for name in order), separator=separator)])
    assert [one.text for one in found.recordings] == columns["spoken" if "spoken" in order else "text"]
    assert [one.speaker for one in found.recordings] == (SPEAKERS if "speaker" in order else [tmp_path.name] * 6)
    assert not found.notes


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ((TEXTS, ["m", "f", "m", "f", "m", "f"]), "looks like a gender"),
        ((["yes", "no", "go", "up", "yes", "no"], ["ann", "ben", "ann", "ben", "ann", "ben"]), "both short"),
        ((TEXTS, ["x1", "x2", "x3", "x4", "x5", "x6"]), "another value in every row"),
        ((TEXTS, SPEAKERS, NUMBERS), "neither, or both, are languages"),
        ((TEXTS, SPOKEN, SPEAKERS, LANGUAGES), "5 columns"),
    ],
)
def test_what_is_not_clear_is_refused_and_a_first_line_mends_it(tmp_path, columns, why):
    lines = rows(*columns)
    with pytest.raises(
        UserError, match=rf"not clear what the columns hold \(.*{why}.*'u0.*' and 'u1.*\. Write a first"
    ):
        corpus(tmp_path, lines)
    extra = "|".join(["kind", "speaker", "more"][: len(columns) - 1])
    found = corpus(tmp_path, [f"name|text|{extra}", *lines])
    assert [one.text for one in found.recordings] == list(columns[0])


def test_a_text_in_another_script_is_taken_as_the_normalised_one_with_a_note(tmp_path):
    written = ["卡尔普陪外孙玩滑梯。", "假语村言别再拥抱我。", "宝马配挂跛骡鞍。"]
    spoken = ["ka2 er2 pu3 pei2 wai4 sun1, wan2 hua2 ti1.", "jia2 yu3 cun1 yan2, bie2 zai4.", "bao2 ma3 pei4 gua4."]
    found = corpus(tmp_path, rows(written, spoken), files=["u0.wav", "u1.wav", "u2.wav"])
    assert [one.text for one in found.recordings] == spoken
    assert "is read as name|text|normalised text (the two texts of a row are not alike)" in found.notes[0]


@pytest.mark.parametrize(
    "named",
    ["u0", "u0.wav", "u0.WAV", " u0 ", "u0\u200b", "wavs/u0", "wavs/u0.wav", "./wavs/u0.wav", "wavs\\u0.wav",
     "/mnt/LJ/wavs/u0.wav", "C:\\LJ\\wavs\\u0.wav", "../LJ/wavs/u0", "u0.flac"],
)  # fmt: skip
def test_a_file_is_found_however_it_is_named(tmp_path, named):
    found = corpus(tmp_path, [f"{named}|hello there", "u1|b"], files=["u0.WAV", "u1.wav"])
    assert [(one.id, one.text) for one in found.recordings] == [("u0", "hello there"), ("u1", "b")]
    assert not found.rejected


def test_files_in_folders_below_are_told_apart(tmp_path):
    files = ["a/x.wav", "b/x.wav", "b/y.wav"]
    found = corpus(tmp_path, ["a/x|one", "b/x.wav|two", "y|three", "c/y|four", "x|five", "z|six"], files=files)
    assert {one.id: one.text for one in found.recordings} == {"a/x": "one", "b/x": "two", "b/y": "three"}
    assert reasons(found) == {"no-audio": 3}


def test_rows_with_other_numbers_of_fields_are_bad_lines(tmp_path):
    lines = rows(TEXTS, SPEAKERS)
    lines[1] += "|more"
    lines[2] = "u2|no speaker here"
    lines[3] = "u3"
    lines[4] += "||"
    found = corpus(tmp_path, lines)
    assert reasons(found) == {"bad-line": 3}
    assert [one.id for one in found.recordings] == ["u0", "u4", "u5"]
    assert {one.detail.partition(" ")[0] for one in found.rejected} == {f"metadata.csv:{n}" for n in (2, 3, 4)}


@pytest.mark.parametrize("quoted", [['"Hello," he said.', '"Yes"'], ['"open', 'close"'], ['said "no"', "fine"]])
def test_quotes_of_a_text_join_no_rows(tmp_path, quoted):
    found = corpus(tmp_path, [f"u{at}|{text}" for at, text in enumerate(quoted)], files=["u0.wav", "u1.wav"])
    assert [one.text for one in found.recordings] == quoted
