"""Every fix that a message about a dataset names is followed here, and repairs it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from valle_core.data.dataset import open_dataset
from valle_core.data.options import STORAGES
from valle_core.plugin import UserError
from valle_data.preparation.finished import SOURCES
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.plan import PARTS
from valle_data.preparation.prepare import prepare
from valle_data.storage.facts import row_json
from valle_data.storage.index import INDEX
from valle_data.validation import problems
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus


class Refusing(FakeCodec):
    """Must not be asked."""

    def encode(self, wav, lengths):
        raise AssertionError("the codec was asked")


def run(source: Path, out: Path, *, codec=None, progress=None, **options):
    return prepare(
        PrepareOptions(source=source, out=out, shard_size=4, **options),
        codec=codec or FakeCodec(),
        frontend=FakeFrontend(),
        frontend_name="fake",
        progress=progress,
    )


def wrong_with(out: Path) -> list[str]:
    """What opening or validating says."""
    try:
        return [str(problem) for problem in problems(open_dataset(out))]
    except UserError as error:
        return [str(error)]


def records(out: Path) -> list[dict]:
    """The rows without their places, which a repair may change."""
    return [{**row_json(row), "location": None} for row in open_dataset(out).rows()]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    tone_corpus(folder, speakers=3, utterances=4)
    return folder


@pytest.fixture(scope="module", params=STORAGES)
def whole(request, corpus, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / request.param
    run(corpus, out, storage=request.param)
    assert wrong_with(out) == []
    return out


@pytest.fixture
def out(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def a_record(out: Path) -> Path:
    return sorted([*out.glob("utterances/*/*/*.safetensors"), *out.glob("shards/*"), *out.glob("*.h5")])[0]


def flip(path: Path, place: float = 0.6) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0x40
    path.write_bytes(content)


DAMAGE = {
    "a missing record": lambda out: a_record(out).unlink(),
    "an empty record": lambda out: a_record(out).write_bytes(b""),
    "a truncated record": lambda out: a_record(out).write_bytes(a_record(out).read_bytes()[:-3]),
    "a record of something else": lambda out: a_record(out).write_bytes(b"x" * 99),
    "a record that is a link outside": lambda out: lead_outside(a_record(out), out.parent / "elsewhere"),
    "a truncated index": lambda out: (out / INDEX).write_bytes((out / INDEX).read_bytes()[:-30]),
    "an index without its last line": lambda out: (out / INDEX).write_text(
        "".join((out / INDEX).read_text().splitlines(keepends=True)[:-1])
    ),
    "an index with another text": lambda out: (out / INDEX).write_text(
        (out / INDEX).read_text().replace('"text": "', '"text": "not ', 1)
    ),
    "a missing index": lambda out: (out / INDEX).unlink(),
    "an empty dataset.json": lambda out: (out / "dataset.json").write_text(""),
    "a dataset.json of something else": lambda out: (out / "dataset.json").write_text("[1]"),
    "a dataset.json without symbols": lambda out: change(out, symbols=None),
    "a dataset.json of an older format": lambda out: change(out, format_version=0),
    "another index hash": lambda out: change(out, index_hash="0"),
}


def change(out: Path, **facts) -> None:
    path = out / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def lead_outside(path: Path, outside: Path) -> None:
    path.rename(outside)
    path.symlink_to(outside)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_dataset_is_repaired_by_what_its_message_names(corpus, whole, out, damage):
    DAMAGE[damage](out)
    found = wrong_with(out)
    assert found
    assert all("`valle prepare` with --repair" in line and "\n" not in line for line in found)
    report = run(corpus, out, storage=whole.name, repair=True)
    assert report.utterances == 12
    assert wrong_with(out) == []
    assert records(out) == records(whole)
    assert open_dataset(out).symbols == open_dataset(whole).symbols
    assert run(corpus, out, storage=whole.name, codec=Refusing()).kept == 12


def test_only_what_is_damaged_is_made_anew(corpus, tmp_path):
    run(corpus, tmp_path / "out")
    flip(a_record(tmp_path / "out"), 0.99)
    report = run(corpus, tmp_path / "out", repair=True)
    assert (report.prepared, report.kept) == (1, 11)
    assert run(corpus, tmp_path / "out", repair=True, codec=Refusing()).kept == 12


def test_columns_that_are_damaged_are_not_used_and_made_anew_by_the_next_run(corpus, whole, out, caplog):
    flip(out / "index.safetensors", 0.98)
    assert records(out) == records(whole)
    assert "does not fit index.jsonl, which is read instead" in caplog.text
    run(corpus, out, storage=whole.name, codec=Refusing())
    assert (out / "index.safetensors").read_bytes() == (whole / "index.safetensors").read_bytes()


def test_a_damaged_sources_file_is_repaired_by_removing_it(corpus, whole, out):
    flip(out / SOURCES, 0.0)
    with pytest.raises(UserError, match=r"damaged .* remove '.*sources\.jsonl' and run the same command again"):
        run(corpus, out, storage=whole.name)
    (out / SOURCES).unlink()
    run(corpus, out, storage=whole.name)
    assert wrong_with(out) == []
    assert records(out) == records(whole)


@pytest.mark.parametrize("name", ["plan.jsonl", "000000.jsonl"])
@pytest.mark.parametrize("damage", [b"", b"[" * 9999, b'{"format_version": 1}\n', b"{}", b"\xff"])
def test_a_damaged_beginning_is_repaired_by_what_its_message_names(corpus, tmp_path, name, damage):
    def interrupt(done, total, seconds):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(corpus, tmp_path / "out", storage="shards", progress=interrupt)
    path = tmp_path / "out" / PARTS / name
    assert path.exists()
    path.write_bytes(damage)
    with pytest.raises(UserError, match=r"is damaged .*Remove (it|the folder '.*parts') and run") as raised:
        run(corpus, tmp_path / "out", storage="shards")
    if removed := re.search(r"the folder '(.*)' and", str(raised.value)):
        shutil.rmtree(removed[1])
    else:
        path.unlink()
    assert run(corpus, tmp_path / "out", storage="shards").utterances == 12
    assert wrong_with(tmp_path / "out") == []


def test_a_repair_is_the_work_of_one_process(corpus, tmp_path):
    from valle_data.preparation.components import PreparationComponents
    from valle_data.preparation.prepare import prepare_share
    from valle_data.preparation.ranks import Ranks

    options = PrepareOptions(source=corpus, out=tmp_path / "out", repair=True)
    components = PreparationComponents(codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    with pytest.raises(UserError, match="repaired by one process"):
        prepare_share(options, components, Ranks(rank=0, world_size=2))


def test_a_dataset_of_a_newer_valle_is_not_repaired(corpus, tmp_path):
    run(corpus, tmp_path / "out")
    change(tmp_path / "out", format_version=99)
    before = (tmp_path / "out" / "dataset.json").read_bytes()
    with pytest.raises(UserError, match="Update valle"):
        run(corpus, tmp_path / "out", repair=True)
    assert (tmp_path / "out" / "dataset.json").read_bytes() == before
