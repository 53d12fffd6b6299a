"""Each layout finds what lies in it, with groups, speakers and texts; what is missing is counted by its reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.finding import choose_layout, find_recordings
from valle_data.preparation.layouts.known import LAYOUTS
from valle_data.preparation.recordings import Rejection, transcript
from valle_data.testing import find, reasons, run
from valle_testing.fakes.audio import tone_speech

NAMES = ("table", "ljspeech", "vctk", "commonvoice", "lhotse", "libritts", "folders")


def make(folder: Path, *names: str, **texts: str) -> Path:
    """Files of half a second of tones for names of audio; the others hold `a b`."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".wav", ".flac"):
            write(path, tone_speech("abcdefgh"), 16_000)
        else:
            path.write_text(texts.get(name, "a b"), encoding="utf-8")
    return folder


def ljspeech(folder):
    make(folder, "wavs/LJ-1.wav", "wavs/LJ-2.wav")
    (folder / "metadata.csv").write_text("LJ-1|A 1|a one\nLJ-2|b|b\n")
    return folder


def libritts(folder):
    for subset in ("test-clean", "train-clean-100"):
        make(folder / subset, "84/121/84_121_000.wav", "84/121/84_121_000.normalized.txt", "84/121/84_121_001.wav",
             "84/121/84_121_001.original.txt")  # fmt: skip
    return folder


def librispeech(folder):
    chapter = make(folder / "test-clean" / "61" / "70968", "61-70968-0000.flac", "61-70968-0001.flac")
    (chapter / "61-70968.trans.txt").write_text("61-70968-0000 HE BEGAN\n61-70968-0001 A BED\n61-70968-0002 GONE\n")
    return folder


def vctk(folder):
    for speaker in ("p225", "p311"):
        for number in ("001", "002"):
            stem = f"{speaker}/{speaker}_{number}"
            make(folder, *(f"wav48_silence_trimmed/{stem}_{mic}.flac" for mic in ("mic1", "mic2")), f"txt/{stem}.txt")
    (folder / "speaker-info.txt").write_text(
        "ID  AGE  GENDER  ACCENTS  REGION COMMENTS\np225  23  F    English    Southern  England\n"
        "p311  21  M    American    Iowa\np376 22 M Indian\n"
    )
    return folder


def old_vctk(folder):
    make(folder, "wav48/p225/p225_001.wav", "txt/p225/p225_001.txt", "txt/p225/p225_002.txt")
    (folder / "speaker-info.txt").write_text("ID  AGE  GENDER  ACCENTS  REGION\n225  23  F    English    England\n")
    return folder


CV = "client_id\tpath\tsentence\tup_votes\tlocale\n"


def commonvoice(folder):
    make(folder / "clips", "cv_1.wav", "cv_2.wav", "cv_3.wav")
    lines = ['f00\tcv_1.wav\tthe "end"\t2\txx', "f00\tcv_2.wav\tb\t2\txx", "a11\tcv_3.wav\tc\t2\txx"]
    (folder / "validated.tsv").write_text(CV + "\n".join(lines) + "\n")
    (folder / "test.tsv").write_text(CV + lines[2] + "\n")
    return folder


def table(folder):
    make(folder, "anna/one.wav", "two.wav", "two.txt")
    (folder / "corpus.csv").write_text("audio,text,speaker\nanna/one.wav,a,\ntwo.wav,,otto\n")
    return folder / "corpus.csv"


def folders(folder):
    return make(folder, "train/anna/1.wav", "train/anna/1.txt", "otto/2.wav", "otto/2.txt")


CORPORA = {
    "folders": (folders, {"otto/2": "otto", "train/anna/1": "train/anna"}),
    "ljspeech": (ljspeech, {"LJ-1": "corpus", "LJ-2": "corpus"}),
    "libritts": (
        libritts,
        {f"{subset}/84/121/84_121_00{n}": "84" for subset in ("test-clean", "train-clean-100") for n in (0, 1)},
    ),
    "vctk": (vctk, {f"{s}/{s}_00{n}_mic1": s for s in ("p225", "p311") for n in (1, 2)}),
    "commonvoice": (commonvoice, {"validated/cv_1": "f00", "validated/cv_2": "f00", "validated/cv_3": "a11"}),
    "table": (table, {"anna/one": "anna", "two": "otto"}),
}


@pytest.mark.parametrize("layout", CORPORA)
def test_a_layout_is_found_by_what_lies_there_and_prepared(layout, tmp_path):
    make_corpus, speakers = CORPORA[layout]
    source = make_corpus(tmp_path / "corpus")
    assert choose_layout(source, "auto").name == layout
    assert choose_layout(source, layout).name == layout
    run(source, tmp_path / "out", language="xx")
    dataset = open_dataset(tmp_path / "out")
    assert {id: dataset.row(id).speaker for id in dataset.ids} == speakers


def test_there_is_one_file_and_one_row_for_each_layout():
    assert tuple(layout.name for layout in LAYOUTS) == (*NAMES, "noise")
    folder = Path(find_recordings.__code__.co_filename).parent / "layouts"
    for layout in LAYOUTS:
        assert (folder / f"{layout.name}.py").is_file()


@pytest.mark.parametrize("layout", [name for name in CORPORA if name != "folders"])
def test_a_layout_that_does_not_fit_is_refused_in_one_line_naming_what_was_looked_for(layout, tmp_path):
    other = folders(tmp_path / "corpus") if layout != "folders" else ljspeech(tmp_path / "corpus")
    with pytest.raises(
        UserError, match=r"is not of layout '\w+': looked for .* It looks like: --layout folders$"
    ) as caught:
        find(other, layout=layout)
    looks_for = next(one.looks_for for one in LAYOUTS if one.name == layout)
    assert looks_for in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_layout_and_a_file_that_is_no_table_are_refused(tmp_path):
    source = folders(tmp_path / "corpus")
    with pytest.raises(UserError, match=r"layout 'libritt' is unknown\. Choose auto or one of table, ljspeech, vctk"):
        find(source, layout="libritt")
    with pytest.raises(UserError, match="is of no known layout"):
        find(source / "train/anna/1.txt")
    with pytest.raises(UserError, match="It looks like: --layout ljspeech"):
        find(ljspeech(tmp_path / "lj"), layout="vctk")


@pytest.mark.parametrize(
    ("corpus", "group"), [(libritts, "test-clean"), (librispeech, "test-clean"), (folders, "train"), (vctk, "p225")]
)
def test_a_group_is_held_out_as_a_whole(corpus, group, tmp_path):
    source = corpus(tmp_path / "corpus")
    run(source, tmp_path / "out", language="xx", held_out_groups=(group,))
    held_out = open_dataset(tmp_path / "out", part="held-out")
    rest = open_dataset(tmp_path / "out", part="train")
    assert {id.split("/")[0] for id in held_out.ids} == {group}
    assert group not in {id.split("/")[0] for id in rest.ids}


def test_libritts_takes_the_normalised_text_and_counts_texts_without_audio(tmp_path):
    source = libritts(tmp_path / "corpus")
    chapter = source / "test-clean" / "84" / "121"
    (chapter / "84_121_000.original.txt").write_text("raw")
    (chapter / "84_121_000.normalized.txt").write_text("said")
    make(chapter, "84_121_009.normalized.txt", "84_121_010.wav")
    make(source, "stray.wav")
    found = find(source)
    texts = {recording.id: transcript(recording) for recording in found.recordings}
    assert texts["test-clean/84/121/84_121_000"] == "said"
    assert texts["test-clean/84/121/84_121_001"] == "a b"
    assert isinstance(texts["test-clean/84/121/84_121_010"], Rejection)
    assert reasons(found) == {"no-audio": 1, "no-speaker": 1}


def test_librispeech_reads_the_chapters_table_and_a_subset_alone_works(tmp_path):
    source = librispeech(tmp_path / "corpus")
    found = find(source)
    assert {one.id: one.text for one in found.recordings} == {
        "test-clean/61/70968/61-70968-0000": "he began",
        "test-clean/61/70968/61-70968-0001": "a bed",
    }
    assert [(one.id, one.reason) for one in found.rejected] == [("test-clean/61/70968/61-70968-0002", "no-audio")]
    alone = find(source / "test-clean")
    assert (alone.recordings[0].id, alone.recordings[0].speaker) == ("61/70968/61-70968-0000", "61")


@pytest.mark.parametrize(("microphone", "kept", "left"), [("mic1", 4, 4), ("mic2", 4, 4), ("all", 8, 0)])
def test_vctk_takes_one_microphone_and_counts_the_other(microphone, kept, left, tmp_path):
    found = find(vctk(tmp_path / "corpus"), microphone=microphone)
    assert len(found.recordings) == kept
    assert reasons(found) == ({"other-microphone": left} if left else {})
    assert found.languages == {"p225": "en-gb", "p311": "en-us"}
    assert all(transcript(one) == "a b" for one in found.recordings)
    assert ["hold out whole speakers" in note for note in found.notes] == [True] * (microphone == "all")


def test_vctk_without_a_text_or_without_the_audio_is_counted_and_the_older_one_works(tmp_path):
    source = vctk(tmp_path / "corpus")
    (source / "txt/p225/p225_001.txt").unlink()
    (source / "wav48_silence_trimmed/p311/p311_002_mic1.flac").unlink()
    found = find(source)
    assert [one.id for one in found.recordings if isinstance(transcript(one), Rejection)] == ["p225/p225_001_mic1"]
    assert reasons(found) == {"no-audio": 1, "other-microphone": 4}
    old = find(old_vctk(tmp_path / "old"))
    assert [(one.id, one.speaker) for one in old.recordings] == [("p225/p225_001", "p225")]
    assert (reasons(old), old.languages) == ({"no-audio": 1}, {"p225": "en-gb"})


def test_common_voice_reads_the_tables_that_are_named_and_every_bad_row_is_counted(tmp_path):
    source = commonvoice(tmp_path / "corpus")
    (source / "train.tsv").write_text(
        CV + "f00\tcv_1.wav\ta\t2\txx\nf00\tgone.mp3\tb\t2\txx\n\tcv_2.wav\tb\t2\txx\nf00\tcv_2.wav\n"
    )
    found = find(source, tables=("train",))
    assert [(one.id, one.speaker, one.text, one.language) for one in found.recordings] == [
        ("train/cv_1", "f00", "a", "xx")
    ]
    assert reasons(found) == {"no-audio": 1, "no-speaker": 1, "bad-line": 1}
    assert found.notes == ["2 clips are in none of the tables read (train)"]
    assert find(source).recordings[0].text == 'the "end"'
    with pytest.raises(UserError, match=r"there is no '.*dev.tsv'. Choose --tables from: test, train, validated"):
        find(source, tables=("dev",))


def test_a_clip_of_two_tables_is_in_the_later_one_so_that_a_test_set_stays_unseen(tmp_path):
    source = commonvoice(tmp_path / "corpus")
    found = find(source, tables=("validated,test",))
    assert [one.id for one in found.recordings] == ["test/cv_3", "validated/cv_1", "validated/cv_2"]
    assert reasons(found) == {"named-again": 1}


def test_an_id_that_would_leave_the_folder_is_counted_and_a_second_of_a_name_too(tmp_path):
    make(tmp_path, "a.wav")
    ids = ["../../etc/passwd", "/root", "a//b", "a/./b", "x" * 2000, "good", "good", "null\0"]
    rows = "".join(f'{{"audio": "a.wav", "text": "a", "id": "{id}"}}\n' for id in ids[:-1])
    (tmp_path / "t.jsonl").write_text(rows + '{"audio": "a.wav", "text": "a", "id": "null\\u0000"}\n')
    found = find(tmp_path / "t.jsonl")
    assert [one.id for one in found.recordings] == ["good"]
    assert reasons(found) == {"bad-id": 5, "same-name": 1, "bad-line": 1}


def test_files_that_are_not_read_and_folders_that_cannot_be_are_counted(tmp_path, monkeypatch):
    source = make(tmp_path / "corpus", "anna/1.wav", "anna/1.txt", "anna/2.m4a", "anna/3.WMA", "anna/notes.pdf")
    report = run(source, tmp_path / "out", language="xx")
    assert report.unsupported == {".m4a": 1, ".wma": 1}
    assert "not read: .m4a (1), .wma (1)" in report.summary()
    from valle_data.preparation.layouts import walking

    real = walking.os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    (source / "closed").mkdir()
    monkeypatch.setattr(walking.os, "scandir", scandir)
    found = find(source, layout="folders")
    assert [(one.id, one.reason) for one in found.rejected][-1] == ("closed", "unreadable-folder")


def test_a_link_that_leads_back_is_counted_once(tmp_path):
    source = make(tmp_path / "corpus", "train/anna/1.wav", "train/anna/1.txt")
    (source / "train" / "anna" / "up").symlink_to(source / "train")
    found = find(source)
    assert ([one.id for one in found.recordings], reasons(found)) == (["train/anna/1"], {"link-loop": 1})


def test_links_are_followed_and_those_that_lead_nowhere_are_counted(tmp_path):
    source = make(tmp_path / "corpus", "train/anna/1.wav", "train/anna/1.txt", "train/anna/nowhere.txt")
    (source / "train" / "otto").symlink_to(source / "train" / "anna")
    (source / "train" / "anna" / "self.wav").symlink_to("self.wav")
    (source / "train" / "anna" / "nowhere.wav").symlink_to("gone.wav")
    report = run(source, tmp_path / "out", language="xx")
    assert list(open_dataset(tmp_path / "out").ids) == ["train/anna/1", "train/otto/1"]
    assert report.reasons == {"no-audio": 2, "no-transcript": 2}


def test_a_message_of_nothing_found_names_every_layout(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        find(tmp_path / "empty")
    assert all(f"({name})" in str(caught.value) for name in NAMES)
    assert re.match(r"no recordings in '.*empty' \(\.wav, ", str(caught.value))
