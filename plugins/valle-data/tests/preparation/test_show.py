"""Hundreds of mixed recordings, ten of them bad, prepared by processes that are killed: the bytes of one whole run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from valle_core.data.dataset import open_dataset
from valle_core.data.options import STORAGES
from valle_data.preparation.components import PreparationComponents
from valle_data.preparation.journal import Journal
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.plan import PARTS
from valle_data.preparation.prepare import prepare_share
from valle_data.preparation.ranks import Ranks
from valle_data.validation import problems
from valle_testing.fakes.audio import FakeCodec, FakeFrontend
from valle_testing.fakes.mixed_corpus import MAX_SECONDS, mixed_corpus

VALLE = [sys.executable, "-m", "valle_cli"]
FAKED = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
from test_show import faked, kill_itself_after
kill_itself_after(int(sys.argv[6]))
faked(Path(sys.argv[2]), Path(sys.argv[3]), rank=int(sys.argv[4]), world_size=int(sys.argv[5]))
"""


def kill_itself_after(commits: int) -> None:
    """Let this process die at the next part after so many."""
    commit, left = Journal.commit, commits

    def dying(*arguments) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(*arguments)

    Journal.commit = dying


def faked(source: Path, out: Path, *, rank: int = 0, world_size: int = 1):
    """One rank's share with a quick codec and frontend."""
    options = PrepareOptions(
        source=source, out=out, storage="shards", shard_size=8, max_seconds=MAX_SECONDS, language="xx"
    )
    components = PreparationComponents(codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    return prepare_share(options, components, Ranks(rank=rank, world_size=world_size))


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def parts(out: Path) -> int:
    """How many parts are done."""
    return len(list((out / PARTS).glob("0*.jsonl")))


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_at(command: Sequence[str], out: Path, done: int) -> None:
    """Run it until that many parts are done, and kill it."""
    process = start(command)
    while parts(out) < done:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL


def check_report(out: Path, bad: dict[str, str], good: int) -> None:
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert {line["id"]: line["reason"] for line in report["details"]} == bad
    assert all(line["detail"] for line in report["details"])
    assert (report["utterances"], report["found"]) == (good, good + len(bad))


def assert_same(out: Path, whole: Path) -> None:
    """Ids, order, texts, codes and hashes, and in the end every byte."""
    a, b = open_dataset(out), open_dataset(whole)
    assert list(a.ids) == list(b.ids)
    assert list(a.stored_rows()) == list(b.stored_rows())
    assert a.manifest.index_hash == b.manifest.index_hash
    assert all((x.codes == y.codes).all() for x, y in zip(a.records(), b.records(), strict=True))
    assert content(out) == content(whole)


def test_killed_twice_and_by_two_ranks_the_dataset_is_that_of_one_run(tmp_path):
    bad = mixed_corpus(tmp_path / "corpus", count=44)
    faked(tmp_path / "corpus", tmp_path / "whole")
    check_report(tmp_path / "whole", bad, 44)
    out = tmp_path / "out"
    for rank, world_size in ((0, 1), (1, 2)):
        words = [__file__, str(tmp_path / "corpus"), str(out), str(rank), str(world_size), "1"]
        before, process = parts(out), start([sys.executable, "-c", FAKED, *words])
        assert process.wait() == -signal.SIGKILL, process.communicate()
        assert parts(out) == before + 1
    assert faked(tmp_path / "corpus", out, rank=0, world_size=2).missing > 0
    assert faked(tmp_path / "corpus", out, rank=1, world_size=2).utterances == 44
    assert_same(out, tmp_path / "whole")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed") / "corpus"
    return folder, mixed_corpus(folder, count=220)


def prepare(source: Path, out: Path, storage: str, *more: str) -> list[str]:
    return [*VALLE, "prepare", str(source), "--out", str(out), "--storage", storage, "--shard-size", "24",
            "--language", "en-us", "--max-seconds", str(MAX_SECONDS), "--device", "cpu", "--json", *more]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("storage", STORAGES)
def test_killed_five_times_the_dataset_is_that_of_an_uninterrupted_run(corpus, tmp_path, storage):
    source, bad = corpus
    process = start(prepare(source, tmp_path / "whole", storage))
    assert process.wait() == 0, process.communicate()
    check_report(tmp_path / "whole", bad, 220)
    for _ in range(5):
        killed_at(prepare(source, tmp_path / "out", storage), tmp_path / "out", parts(tmp_path / "out") + 1)
        assert not (tmp_path / "out" / "dataset.json").exists()
    process = start(prepare(source, tmp_path / "out", storage))
    assert process.wait() == 0, process.communicate()
    check_report(tmp_path / "out", bad, 220)
    assert_same(tmp_path / "out", tmp_path / "whole")
    assert list(problems(open_dataset(tmp_path / "out"))) == []


@pytest.mark.slow
@pytest.mark.parametrize("storage", STORAGES)
def test_of_two_ranks_one_is_killed_and_started_again(corpus, tmp_path, storage):
    source, _ = corpus
    out, cache = tmp_path / "out", str(tmp_path / "phonemes")
    process = start(prepare(source, tmp_path / "whole", storage))
    assert process.wait() == 0, process.communicate()
    ranks = [("--rank", str(rank), "--world-size", "2", "--phoneme-cache", cache) for rank in range(2)]
    one = start(prepare(source, out, storage, *ranks[0]))
    killed_at(prepare(source, out, storage, *ranks[1]), out, 2)
    output, errors = one.communicate()
    assert one.returncode == 0, errors
    facts = json.loads(output)
    assert (facts["finished"], facts["rank"]) == (False, 0)
    assert 0 < facts["missing"] <= 5
    process = start(prepare(source, out, storage, *ranks[1]))
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert json.loads(output)["finished"]
    assert_same(out, tmp_path / "whole")


@pytest.mark.slow
def test_torchrun_starts_the_same_command_on_every_rank(corpus, tmp_path):
    source, _ = corpus
    process = start(prepare(source, tmp_path / "whole", "shards"))
    assert process.wait() == 0, process.communicate()
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "valle_cli"]
    process = start([*launcher, *prepare(source, tmp_path / "out", "shards")[len(VALLE) :]])
    assert process.wait(300) == 0, process.communicate()
    assert_same(tmp_path / "out", tmp_path / "whole")
