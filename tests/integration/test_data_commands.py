"""`valle data …` on a real dataset: what each prints, what it leaves, and its exit codes."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from valle_data.made_dataset import made_row, write_facts


def test_a_dataset_goes_through_every_storage_and_stays_valid(valle, spine, tmp_path):
    before = json.loads(valle("data", "list", spine.data, "--json")[1])
    source = spine.data
    for storage in ("shards", "hdf5", "files"):
        out = tmp_path / storage
        code, output, err = valle("data", "convert", source, "--out", out, "--storage", storage, "--json")
        assert code == 0, err
        assert json.loads(output)["storage"] == storage
        assert valle("data", "validate", out, "--quiet")[:2] == (0, "8 utterances, all well\n")
        source = out
    after = json.loads(valle("data", "list", source, "--json")[1])
    assert after == before
    code, _, err = valle(*[str(word).replace(str(spine.data), str(tmp_path / "hdf5")) for word in
                           spine.training(tmp_path / "run", "--steps", "1")])  # fmt: skip
    assert code == 0, err


def test_a_preparation_into_hdf5_is_one_file_that_a_second_run_leaves_alone(valle, spine, tmp_path, listed):
    words = ["prepare", spine.recordings, "--out", tmp_path / "data", "--codec", "mel-gl", "--device", "cpu",
             "--storage", "hdf5", "--quiet"]  # fmt: skip
    assert valle(*words)[0] == 0
    before = listed(tmp_path)
    code, out, _ = valle(*words)
    assert (code, "0 new" in out) == (0, True)
    files = [path for path in before if "report.json" not in path]
    assert {name: listed(tmp_path)[name] for name in files} == {name: before[name] for name in files}
    assert valle("data", "validate", tmp_path / "data", "--quiet")[0] == 0


def test_two_ranks_share_a_preparation_and_half_of_it_is_refused_with_what_to_do(
    valle, spine, tmp_path, refused, monkeypatch
):
    words = ["prepare", spine.recordings, "--codec", "mel-gl", "--device", "cpu", "--storage", "shards",
             "--shard-size", "2", "--json"]  # fmt: skip
    code, out, err = valle(*words, "--out", tmp_path / "data", "--rank", "0", "--world-size", "2")
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["finished"], facts["parts"], facts["missing"], facts["prepared"]) == (False, 4, 2, 4)
    training = [str(word).replace(str(spine.data), str(tmp_path / "data")) for word in spine.training(tmp_path / "run")]
    for command in (training, ["data", "stats", tmp_path / "data"]):
        assert "is half-written. Finish it: run the same `valle prepare` again" in refused(*command)
    assert "belong together" in refused(*words, "--out", tmp_path / "x", "--rank", "0")
    assert "holds codes of codec 'mel-gl'" in refused(
        *[word if word != "mel-gl" else "tiny" for word in words], "--out", tmp_path / "data"
    )
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, out, err = valle(*words, "--out", tmp_path / "data")
    assert code == 0, err
    assert (json.loads(out)["finished"], json.loads(out)["utterances"]) == (True, 8)
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name)
    assert valle(*words, "--out", tmp_path / "whole")[0] == 0
    for path in (path for path in (tmp_path / "whole").rglob("*") if path.is_file()):
        assert path.read_bytes() == (tmp_path / "data" / path.relative_to(tmp_path / "whole")).read_bytes(), path


def test_stats_say_what_is_there_and_draw_it(valle, spine, tmp_path):
    code, out, err = valle("data", "stats", spine.data, "--out", tmp_path / "figures", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["utterances"], len(found["speakers"]), found["codec"]) == (8, 2, "mel-gl")
    assert len(found["figures"]) == 4 == len(list((tmp_path / "figures").glob("*.png")))
    code, out, _ = valle("data", "stats", spine.data, "--quiet")
    assert code == 0
    assert "en-us+f2 (4, " in out


def test_list_filters_and_says_who_is_there(valle, spine, refused):
    rows = valle("data", "list", spine.data)[1].splitlines()
    assert [row.split("\t")[0] for row in rows] == sorted(row.split("\t")[0] for row in rows)
    (speaker,) = {row.split("\t")[1] for row in rows if "f2" in row}
    assert len(valle("data", "list", spine.data, "--speaker", speaker)[1].splitlines()) == 4
    assert len(valle("data", "list", spine.data, "--speaker", speaker, "--limit", "3")[1].splitlines()) == 3
    assert len(json.loads(valle("data", "list", spine.data, "--language", "en-us", "--json")[1])) == 8
    assert "no speaker in" in refused("data", "list", spine.data, "--speaker", "anna")
    assert "It has en-us" in refused("data", "list", spine.data, "--language", "de")


def test_tones_are_listed_filtered_and_counted(valle, tmp_path, refused):
    rows = [
        dataclasses.replace(made_row(id, 0, 50, "a", "h", speakers=1, texts=("t",)), tone=tone)
        for id, tone in (("a", "calm"), ("b\nc", None), ("d", "glad"))
    ]
    write_facts(tmp_path / "data", rows, storage="files", held_out=(), phonemes=set("t"))
    output = valle("data", "list", tmp_path / "data")[1].splitlines()
    assert output == ["a\ts0\tyy\t1.00\tcalm\tt", "b\\nc\ts0\tyy\t1.00\t\tt", "d\ts0\tyy\t1.00\tglad\tt"]
    assert valle("data", "list", tmp_path / "data", "--tone", "glad")[1].startswith("d\t")
    assert "has no tone 'sad'. It has calm, glad" in refused("data", "list", tmp_path / "data", "--tone", "sad")


def test_sample_writes_audio_and_a_page(valle, spine, tmp_path, refused):
    out = tmp_path / "listen"
    code, output, err = valle("data", "sample", spine.data, "--out", out, "--number", "1", "--device", "cpu", "--json")
    assert code == 0, err
    assert len(json.loads(output)["samples"]) == 1
    assert sorted(path.name for path in out.iterdir()) == ["1.png", "1.wav", "index.html"]
    line = refused("data", "sample", spine.data, "--out", tmp_path / "other", "--codec", "tiny", "--device", "cpu")
    assert "holds codes of codec 'mel-gl'" in line


def test_each_problem_is_a_line_with_the_id_and_the_exit_code_is_1(valle, spine, tmp_path):
    data = shutil.copytree(spine.data, tmp_path / "data")
    bad = sorted((data / "utterances").rglob("*.safetensors"))[:2]
    bad[0].unlink()
    bad[1].write_bytes(bad[1].read_bytes()[:-1])
    code, out, _ = valle("data", "validate", data, "--quiet")
    lines = out.splitlines()
    assert (code, lines[-1]) == (1, "8 utterances, 2 problems")
    assert [line.partition(":")[0] for line in lines[:2]] == [
        str(path.relative_to(data / "utterances").with_suffix("")) for path in bad
    ]
    code, out, _ = valle("data", "validate", data, "--json")
    assert (code, len(json.loads(out)["problems"])) == (1, 2)


@pytest.mark.parametrize("command", ["convert", "stats", "validate", "list", "sample"])
def test_what_is_no_dataset_or_half_written_is_refused(refused, tmp_path, command):
    half = tmp_path / "half"
    (half / "parts").mkdir(parents=True)
    (half / "prepare.json").write_text("{}")
    more = {"convert": ["--storage", "hdf5", "--quiet"], "sample": []}.get(command)
    words = [*(more or []), *(["--out", tmp_path / "x"] if more is not None else [])]
    assert "is not a folder" in refused("data", command, tmp_path / "none", *words)
    assert "is half-written" in refused("data", command, half, *words)


def test_a_conversion_that_is_refused_says_why(refused, spine, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").touch()
    there = tmp_path / "there"
    assert "exists already" in refused("data", "convert", spine.data, "--out", there, "--storage", "hdf5", "--quiet")
    assert "storage" in refused("data", "convert", spine.data, "--out", tmp_path / "a", "--storage", "tape")
    assert "--storage" in refused("data", "convert", spine.data, "--out", tmp_path / "a")
