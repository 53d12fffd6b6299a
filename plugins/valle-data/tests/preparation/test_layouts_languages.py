"""Which of the places that name a language counts, and tone labels from the recording to the list of utterances."""

from __future__ import annotations

import json

import numpy as np
import pytest

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.made_dataset import made_row
from valle_data.preparation.finding import find_recordings
from valle_data.preparation.languages import read_speaker_languages, with_languages
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_data.preparation.recordings import Recording, facts, spoken_language
from valle_data.statistics import statistics
from valle_data.storage.columns import ColumnWriter
from valle_data.storage.facts import row_json
from valle_data.storage.index import Index
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus, tone_speech


class ManyLanguages(FakeFrontend):
    def languages(self):
        return ("en", "en-us", "en-gb", "fr", "fr-fr", "de", "xx", "yy")


def place(folder, *, row=None, speaker=None, file=None, corpus=None, asked=None, beside=None):
    """The language of one recording that the places name as given."""
    audio = folder / "g" / "s" / "a.wav"
    audio.parent.mkdir(parents=True, exist_ok=True)
    audio.touch()
    audio.with_suffix(".txt").write_text("a")
    table = None
    if speaker:
        table = folder / "speakers.csv"
        table.write_text(f"speaker,language\ns,{speaker}\n")
    if file:
        (folder / "g" / "language.txt").write_text(f"{file}\n")
    audio.with_suffix(".json").write_text(json.dumps({"language": beside} if beside else {}))
    one = Recording(id="g/s/a", speaker="g/s", audio=audio, language=row, facts_file=str(audio.with_suffix(".json")))
    found = Found(recordings=[one], languages={"g/s": corpus} if corpus else {})
    options = PrepareOptions(source=folder, language=asked, speaker_languages=table)
    (resolved,) = with_languages(found, options, ManyLanguages())
    return spoken_language(resolved, asked, facts(resolved))


ORDER = ("row", "speaker", "file", "corpus", "asked", "beside")


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_places_that_name_a_language_count_in_this_order(first, tmp_path):
    tags = dict(zip(ORDER[first:], ("de", "fr-fr", "en-us", "en-gb", "xx", "yy"), strict=False))
    assert place(tmp_path, **tags) == "de"


@pytest.mark.parametrize(
    ("row", "asked", "spoken"),
    [("en", "en-gb", "en-gb"), ("en-us", "en-gb", "en-us"), ("fr", "en-gb", "fr"), ("de", None, "de")],
)
def test_a_language_without_a_region_takes_the_region_that_is_asked_for(row, asked, spoken, tmp_path):
    assert place(tmp_path, row=row, asked=asked) == spoken


def test_a_corpus_that_names_a_language_the_frontend_lacks_leaves_it_to_the_one_asked_for(tmp_path):
    assert place(tmp_path, corpus="en-gb-scotland", asked="en-us") == "en-us"


def test_the_nearest_language_file_counts_and_a_transcript_of_that_name_does_not(tmp_path):
    for speaker in ("anna", "otto"):
        (tmp_path / "c" / speaker).mkdir(parents=True)
        for name in ("a", "language"):
            (tmp_path / "c" / speaker / f"{name}.wav").touch()
            (tmp_path / "c" / speaker / f"{name}.txt").write_text("fr")
    (tmp_path / "c" / "otto" / "language.wav").unlink()
    (tmp_path / "c" / "language.txt").write_text("de\n")
    options = PrepareOptions(source=tmp_path / "c")
    found = find_recordings(options)
    assert {one.id: one.language for one in with_languages(found, options, ManyLanguages())} == {
        "anna/a": "de",
        "anna/language": "de",
        "otto/a": "fr",
    }
    (tmp_path / "c" / "language.txt").write_text("in German")
    with pytest.raises(UserError, match=r"must hold one language tag, e.g. en-us, got 'in German'"):
        with_languages(found, options, ManyLanguages())


@pytest.mark.parametrize("content", ["anna\n", "anna,de,fr\n", "anna,de\nanna,fr\n", ",de\n"])
def test_a_file_of_speakers_languages_that_is_not_clear_is_refused(content, tmp_path):
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(UserError, match=r"s\.csv:\d: "):
        read_speaker_languages(tmp_path / "s.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_speaker_languages(tmp_path / "gone.csv")


def test_speakers_that_are_named_but_absent_are_noted_and_another_language_is_followed(tmp_path):
    tone_corpus(tmp_path / "c", speakers=2, utterances=2)
    (tmp_path / "s.csv").write_text("train/s0,yy\nnobody,xx\n")

    def run():
        options = PrepareOptions(source=tmp_path / "c", out=tmp_path / "out", speaker_languages=tmp_path / "s.csv")
        return prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")

    report = run()
    assert report.languages == {"xx": 2, "yy": 2}
    assert "names 'nobody', who did not record anything" in report.notes[0]
    (tmp_path / "s.csv").write_text("s1,yy\n")
    report = run()
    assert (report.prepared, report.languages) == (4, {"xx": 2, "yy": 2})


@pytest.fixture
def toned(tmp_path):
    for number, tone in enumerate(["calm", "glad", None, "calm"]):
        path = tmp_path / "c" / "s" / f"{number}.wav"
        write(path, tone_speech("abcdefgh"), 16_000)
        path.with_suffix(".txt").write_text("a")
        path.with_suffix(".json").write_text(json.dumps({"language": "xx", **({"tone": tone} if tone else {})}))
    options = PrepareOptions(source=tmp_path / "c", out=tmp_path / "out")
    prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    return tmp_path / "out"


def test_tones_are_in_the_index_its_columns_and_the_statistics(toned):
    dataset = open_dataset(toned)
    assert [dataset.row(id).tone for id in dataset.ids] == ["calm", "glad", None, "calm"]
    names, numbers = dataset.toned()
    assert (names, numbers.tolist()) == (("calm", "glad"), [0, 1, -1, 0])
    (toned / "index.safetensors").unlink()
    assert [row.tone for row in open_dataset(toned).rows()] == ["calm", "glad", None, "calm"]
    shares = statistics(dataset).tones
    assert {name: share.utterances for name, share in shares.items()} == {"calm": 2, "glad": 1}


def test_a_dataset_without_tones_is_written_as_it_always_was():
    writer = ColumnWriter()
    rows = [made_row(id, 0, 3, "a", "h", speakers=1, texts=("t",)) for id in "ab"]
    for row in rows:
        writer.add(row)
    columns = writer.columns()
    assert not [name for name in columns if "tone" in name]
    assert "tone" not in row_json(rows[0])
    index = Index(columns)
    assert (index.tone_names, index.tones.tolist()) == ((), [-1, -1])
    assert [index.row(place) for place in range(2)] == rows
    assert index.tones.dtype == np.int32


def test_a_tone_that_is_no_text_is_bad_facts_where_the_language_is_needed(tmp_path):
    tone_corpus(tmp_path / "c", speakers=1, utterances=3)
    (tmp_path / "c/train/s0/000.json").write_text('{"language": "xx", "tone": 3}')
    options = PrepareOptions(source=tmp_path / "c", out=tmp_path / "out")
    report = prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    assert report.reasons == {"bad-facts": 1}
    assert "tone must be text, got 3" in report.rejected[0].detail
