"""Tables as programs and people write them: every row is a recording or is named, and no two rows become one."""

from __future__ import annotations

import pytest

from valle_core.plugin import UserError
from valle_data.preparation.languages import read_speaker_languages
from valle_data.testing import find, reasons

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.wav").touch()
    return tmp_path


def table(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return find(path)


def texts_of(found):
    return {one.id: (one.text, one.speaker) for one in found.recordings}


ROWS = {"a": ("hello, you", "bob"), "b": ("the second", "anna"), "c": ("three", "bob")}


def written(separator, *, quote="", end="\n", head="audio{0}text{0}speaker"):
    rows = [f"{name}.wav{separator}{quote}{text}{quote}{separator}{speaker}" for name, (text, speaker) in ROWS.items()]
    return end.join([head.format(separator), *rows, ""])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", written(",", quote='"')),
        ("t.csv", written(";")),
        ("t.csv", written("\t")),
        ("t.csv", written("|")),
        ("t.tsv", written("\t")),
        ("t.tsv", written("\t", quote='"')),
        ("t.tsv", written("|", quote='"')),
        ("t.TSV", written("\t", end="\r\n")),
        ("t.tsv", written("\t", end="\r")),
        ("t.csv", b"\xef\xbb\xbf" + written(";", end="\r\n").encode()),
        ("t.tsv", written("\t", end="\r\n").encode("utf-16")),
        ("t.csv", written(";", head=" Audio {0} TEXT{0}\u200bSpeaker")),
        ("t.csv", written(";", head="audio{0}text{0}speaker{0}{0}")),
        ("t.csv", written(";").replace("\n", ";;\n")),
        ("t.csv", written(" | ").replace("audio", "\ufeffaudio")),
        ("t.csv", "\n\n" + written(";", end="\n\n")),
        ("t.csv", written(", ", quote='"')),
        ("t.csv", ',audio,text,speaker\n0,a.wav,"hello, you",bob\n1,b.wav,the second,anna\n2,c.wav,three,bob\n'),
    ],
)
def test_the_same_rows_are_read_whatever_separates_and_quotes_them(folder, name, content):
    found = table(folder, content, name)
    assert texts_of(found) == ROWS
    assert not found.rejected


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("t.tsv", 'a.wav\t"oh\tx\nb.wav\tsaid "he" twice\tx\n', ['"oh', 'said "he" twice']),
        (
            "t.tsv",
            'a.wav\t"good morning\tx\nb.wav\tsecond\tx\nc.wav\tnobody"\tx\n',
            ['"good morning', "second", 'nobody"'],
        ),
        ("t.csv", 'a.wav,"good morning,x\nb.wav,second,x\nc.wav,nobody",x\n', ['"good morning', "second", 'nobody"']),
        ("t.tsv", 'a.wav\t"hi\tbob "the fish"\nb.wav\tthree\tx\n', ['"hi', "three"]),
        ("t.tsv", 'a.wav\t"hi\tthe fish"\nb.wav\tthree\tx\n', ['"hi', "three"]),
        ("t.csv", 'a.wav,5" of snow,x\nb.wav,12",x\n', ['5" of snow', '12"']),
        ("t.tsv", 'a.wav\t"Yes," he said.\tx\nb.wav\t"No."\tx\n', ['"Yes," he said.', '"No."']),
        ("t.csv", 'a.wav,"say ""a, b""",x\nb.wav,"fine",x\n', ['say "a, b"', "fine"]),
        ("t.tsv", 'a.wav\t"one\ttwo"\tx\nb.wav\tthree\tx\n', ["one\ttwo", "three"]),
        ("t.csv", 'a.wav,"first line\nsecond line",x\nb.wav,three,x\n', ["first line\nsecond line", "three"]),
        ("t.csv", 'a.wav, "one, two" ,x\nb.wav,three,x\n', ["one, two", "three"]),
    ],
)
def test_quotes_are_quotes_or_letters_over_the_whole_file(folder, name, content, texts):
    separator = "\t" if name.endswith("tsv") else ","
    found = table(folder, separator.join(("audio", "text", "speaker")) + "\n" + content, name)
    assert [one.text for one in found.recordings] == texts
    assert not found.rejected
    letters = any(text.startswith('"') for text in texts)
    assert found.notes == [f"the quotes of '{name}' do not pair up: they are taken as letters"] * letters


def test_a_quote_that_neither_closes_nor_can_be_a_letter_is_refused_with_its_line(folder):
    content = 'audio,text\na.wav,fine\nb.wav,"oh\nc.wav,"one, two"\n'
    with pytest.raises(
        UserError, match=r"t\.csv': the quote on line 3 does not close.*Write a quote inside of a field"
    ):
        table(folder, content)
    fixed = table(folder, content.replace('"oh', '"""oh"'))
    assert [one.text for one in fixed.recordings] == ["fine", '"oh', "one, two"]


SPEAKERS = ["bob", " bob", "bob\u00a0", "\u200bbob", "bob\u200f", "bo\u200bb", "\ufeffbob", "b\u00adob", "bob\u2060"]


@pytest.mark.parametrize("name", ["t.tsv", "t.jsonl"])
@pytest.mark.parametrize("speaker", SPEAKERS)
def test_what_nobody_sees_makes_no_second_speaker(folder, name, speaker):
    if name == "t.tsv":
        content = f"audio\ttext\tspeaker\na.wav\tx\tbob\nb.wav\tx\t{speaker}\n"
    else:
        rows = [("a.wav", "bob"), (" b.wav\u200b", speaker)]
        content = "".join(f'{{"audio": "{audio}", "speaker": "{name}"}}\n' for audio, name in rows)
    assert [one.speaker for one in table(folder, content, name).recordings] == ["bob", "bob"]


def test_joiners_stay_inside_of_words_and_speakers_that_look_alike_are_noted(folder):
    found = table(
        folder, "audio\ttext\tspeaker\na.wav\tx one\tمی\u200cخواهم\nb.wav\tx two\tBob\nc.wav\tx\tbob\n", "t.tsv"
    )
    assert [one.speaker for one in found.recordings] == ["می\u200cخواهم", "Bob", "bob"]
    assert found.notes == ["speakers 'Bob' and 'bob' differ in capitals or width only and are kept apart"]


def test_a_number_is_the_name_of_a_speaker(folder):
    rows = ['{"audio": "a.wav", "text": "x", "speaker": 7, "id": 1}', '{"audio": "b.wav", "text": "x", "speaker": 7.0}']
    rows += ['{"audio": "c.wav", "text": "x", "speaker": "7"}', '{"audio": "d.wav", "text": "x", "speaker": true}']
    found = table(folder, "\n".join(rows), "t.jsonl")
    assert [(one.id, one.speaker) for one in found.recordings] == [("1", "7"), ("b", "7"), ("c", "7")]
    assert reasons(found) == {"bad-line": 1}


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("t.csv", "audio,text,text\na.wav,x,y\n", "has two columns text"),
        ("t.csv", "audio,text, Text\na.wav,x,y\n", "has two columns text"),
        ("t.csv", "a.wav,hello\nb.wav,you\n", "looks like a recording: write one above it .*: audio,text,speaker"),
        ("t.csv", "a.wav|hello|bob\n", r"write one above it .*: audio\|text\|speaker"),
        ("t.tsv", "a\thello\n", r"looks like|should name the columns, e\.g\. audio"),
        ("t.csv", "\n \n", "is empty"),
        ("t.csv", "audio,text\na.wav,\0\n", "line 2 holds a zero byte"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused_by_name(folder, name, content, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        table(folder, content, name)
    assert "\n" not in str(caught.value)


def test_the_line_that_a_message_asks_for_mends_the_table(folder):
    found = table(folder, "audio|text|speaker\na.wav|hello|bob\n")
    assert texts_of(found) == {"a": ("hello", "bob")}


def test_an_object_with_a_name_twice_or_too_deep_is_a_bad_line(folder):
    deep = "[" * 100_000
    rows = ['{"audio": "a.wav", "text": "x", "text": "y"}', deep, '{"audio": "b.wav", "Text": "x"}']
    found = table(folder, "\n".join(rows), "t.jsonl")
    assert reasons(found) == {"bad-line": 2}
    assert [one.text for one in found.recordings] == ["x"]


@pytest.mark.parametrize(
    "named",
    [
        "a.wav",
        "./a.wav",
        "a",
        "a.WAV",
        "A/../a.wav",
        "a.flac",
        "sub\\f.wav",
        "sub/f",
        "sub/é.wav",
        "sub/two  words.wav",
    ],
)
def test_a_file_is_found_however_it_is_named(folder, named):
    (folder / "sub").mkdir()
    for name in ("f.WAV", "e\u0301.wav", "two  words.wav"):
        (folder / "sub" / name).touch()
    found = table(folder, f"audio\ttext\n{named}\tx\n{folder / 'b.wav'}\ty\nfile://{folder / 'c.wav'}\tz\n", "t.tsv")
    assert not found.rejected
    assert found.recordings[0].audio.is_file()
    assert len(found.recordings) == 3


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("gone/u9.wav", "no such file"),
        ("gone.wav", "no such file"),
        ("https://example.org/u.wav", "the address 'https://example.org/u.wav'. Download it first"),
        ("s3://bucket/u.wav", "Download it first"),
        ("a.wav/b.wav", "no such file"),
        ("x" * 5000, "no such file"),
        ("", "names no audio"),
    ],
)
def test_a_row_without_its_audio_is_named_and_the_others_are_read(folder, named, why):
    found = table(folder, f"audio\ttext\na.wav\tx\n{named}\ty\nb.wav\tz\n", "t.tsv")
    assert [one.id for one in found.recordings] == ["a", "b"]
    (bad,) = found.rejected
    assert bad.reason == "no-audio"
    assert bad.detail.startswith("t.tsv:3 ")
    assert why in bad.detail


def test_a_transcript_beside_may_have_another_ending(tmp_path):
    for name in ("spk/a.TXT", "spk/b.lab", "spk/c.LAB", "spk/d.Txt", "spk/e.lab", "spk/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
        (tmp_path / name).with_suffix(".wav").touch()
    texts = {one.id: one.text_file.rpartition("/")[2] for one in find(tmp_path).recordings}
    assert texts == {"spk/a": "a.TXT", "spk/b": "b.lab", "spk/c": "c.LAB", "spk/d": "d.Txt", "spk/e": "e.txt"}
    (tmp_path / "t.csv").write_text("audio,speaker\nspk/a.wav,x\nspk/c.wav,x\n")
    assert [one.text_file.rpartition("/")[2] for one in find(tmp_path / "t.csv").recordings] == ["a.TXT", "c.LAB"]


def test_swapped_columns_are_noted_with_two_rows(folder):
    rows = [f"{name}.wav\t{'bob' if name in 'ac' else 'anna'}\tsentence number {name} is long" for name in NAMES]
    found = table(folder, "audio\ttext\tspeaker\n" + "\n".join(rows), "t.tsv")
    (note,) = found.notes
    assert "are the columns text and speaker swapped?" in note
    assert "'bob'" in note
    assert "'anna'" in note


def test_a_file_of_speakers_languages_is_read_like_any_table(tmp_path):
    path = tmp_path / "l.csv"
    for content in (
        "speaker,language\nbob,en\n",
        "\ufeffbob\u200b;en\r\n",
        "bob\ten\n",
        "Speaker|Language\nbob | en\n",
    ):
        path.write_text(content)
        assert read_speaker_languages(path) == {"bob": "en"}
