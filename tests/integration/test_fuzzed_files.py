"""Whatever stands in a file that is read: it is used, or refused in one line; never a crash, a hang or a look outside.

Each format has its file, how it is damaged, and how it is read. The hashes that would refuse nearly all of the damage
at once are left out or made to agree, so that what lies behind them is tried.
"""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from valle.curves import read_metrics
from valle_core.checkpoint.folder import find_checkpoint, read_tensors
from valle_core.checkpoint.load import load_model
from valle_core.config.resolve import resolve
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.registry.scan import scan
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.meter import cut_after
from valle_core.training.optimizer import adamw, load_optimizer_tensors, optimizer_tensors, parameter_groups
from valle_core.training.restore import restore_random
from valle_core.types import Phonemes
from valle_data.audio import reading as wav
from valle_data.made_dataset import MADE, made_records, write_dataset
from valle_data.mixing.mix_cache import MixCache, mix_key
from valle_data.mixing.noise_set import open_noise
from valle_data.preparation.finished import read_finished
from valle_data.preparation.journal import Journal
from valle_data.preparation.layouts import lhotse, table
from valle_data.preparation.locks import Locks
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.phoneme_cache import PhonemeCache
from valle_data.preparation.plan import Plan, read_plan
from valle_data.preparation.prepare import prepare
from valle_data.preparation.recordings import Recording, facts
from valle_data.preparation.settings import read_settings
from valle_data.similar import write_similar
from valle_data.similar_index import SimilarFacts, mark_of, open_similar
from valle_data.validation import problems
from valle_testing.damaged_files import Mutate, mutate_bytes, mutate_json, mutate_safetensors
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus, tone_speech

SECONDS = 60  # that one input may take on a machine that does much else; they take milliseconds
MOST_KIB = 400 << 10  # of memory, for files of a few KiB; the interpreter with torch alone takes as much
CPU = torch.device("cpu")
OPTIONS = PrepareOptions()


@dataclass(frozen=True)
class Format:
    """One file that is read.

    Attributes:
        file: below the folder of all.
        mutate: how it is damaged.
        read: everything that reads it, given the folder of all.
        agree: makes what belongs to the file agree with it.
    """

    file: str
    mutate: Mutate
    read: Callable[[Path], Any]
    agree: Callable[[Path], None] = lambda root: None


def whole(name: str) -> Callable[[Path], None]:
    """Validate a dataset and read it as training does."""

    def read(root: Path) -> None:
        dataset = open_dataset(root / name)
        list(problems(dataset))
        list(dataset.utterances())

    return read


def index_agrees(root: Path) -> None:
    path = root / "rows/dataset.json"
    digest = hashlib.sha256((root / "rows/index.jsonl").read_bytes()).hexdigest()
    path.write_text(json.dumps({**json.loads(path.read_text()), "index_hash": digest}))


def read_mix(root: Path) -> None:
    cache = MixCache(root / "mixes", 1 << 20, MADE)
    assert cache.get(KEY) is None or cache.get(KEY).shape[1] == MADE.num_levels


def read_model(root: Path) -> None:
    load_model(root / "run", Registry.open(), device=CPU, report=lambda line: None)


def read_optimizer(root: Path) -> None:
    model = nn.Linear(3, 2)
    load_optimizer_tensors(model, fresh_adamw(model), read_tensors(root / "state", "optimizer"))


def fresh_adamw(model: nn.Module) -> torch.optim.AdamW:
    return adamw(groups=parameter_groups(model, 0.01), rate=1e-3, betas=(0.9, 0.95))


def read_random(root: Path) -> None:
    restore_random(read_tensors(root / "state", "random"), CPU, root / "state")


def read_noise(root: Path) -> None:
    open_noise(root / "noise", MADE, root).noise(7, Random(0))


def read_parts(root: Path) -> None:
    plan = read_plan(root / "begun")
    journal = Journal(root / "begun", plan or PLAN)
    journal.missing(journal.plan.numbers[:9])
    if plan is not None and len(plan) < 9:
        list(journal.outcomes())


def read_phonemes(root: Path) -> None:
    PhonemeCache(root / "phonemes.jsonl", "key").find("text", "xx")


def read_metrics_file(root: Path) -> None:
    cut_after(root / "metrics.jsonl", 3)
    read_metrics(root / "metrics.jsonl")


KEY = mix_key(MADE, torch.zeros(3, 8, dtype=torch.uint8), torch.ones(3, 8, dtype=torch.uint8), 1.0)
PLAN = Plan(ids=["a", "b"], part_size=1, group=1)
FORMATS = {
    "dataset.json": Format("files/dataset.json", mutate_json, whole("files")),
    "index.jsonl": Format("rows/index.jsonl", mutate_json, whole("rows"), index_agrees),
    "index.safetensors": Format("columns/index.safetensors", mutate_safetensors, whole("columns")),
    "a file of codes": Format("files/utterances/0000001.safetensors", mutate_safetensors, whole("files")),
    "a shard": Format("shards/shards/000000.safetensors", mutate_safetensors, whole("shards")),
    "an HDF5 file": Format("hdf5/records.h5", mutate_bytes, whole("hdf5")),
    "the similar index": Format(
        "files/similar.safetensors",
        mutate_safetensors,
        lambda root: open_similar(root / "files", open_dataset(root / "files").manifest).places(1, 1),
    ),
    "a noise set": Format("noise/dataset.json", mutate_json, read_noise),
    "a mix": Format(f"mixes/{KEY[:2]}/{KEY}.safetensors", mutate_safetensors, read_mix),
    "a checkpoint's manifest": Format("run/checkpoints/step-00000002/manifest.json", mutate_json, read_model),
    "a checkpoint's model.yaml": Format("run/checkpoints/step-00000002/model.yaml", mutate_bytes, read_model),
    "a checkpoint's weights": Format("run/checkpoints/step-00000002/model.safetensors", mutate_safetensors, read_model),
    "an optimizer's state": Format("state/optimizer.safetensors", mutate_safetensors, read_optimizer),
    "random states": Format("state/random.safetensors", mutate_safetensors, read_random),
    "metrics.jsonl": Format("metrics.jsonl", mutate_json, read_metrics_file),
    "a configuration": Format(
        "config.yaml",
        mutate_bytes,
        lambda root: resolve(TRAIN_SCHEMA, Registry.open(), yaml_file=root / "config.yaml"),
    ),
    "a CSV": Format("a.csv", mutate_bytes, lambda root: table.find(root / "a.csv", OPTIONS)),
    "a TSV": Format("a.tsv", mutate_bytes, lambda root: table.find(root / "a.tsv", OPTIONS)),
    "a JSONL table": Format("a.jsonl", mutate_json, lambda root: table.find(root / "a.jsonl", OPTIONS)),
    "recordings of lhotse": Format(
        "lhotse/recordings.jsonl", mutate_json, lambda root: lhotse.find(root / "lhotse", OPTIONS)
    ),
    "supervisions of lhotse": Format(
        "lhotse/supervisions.jsonl", mutate_json, lambda root: lhotse.find(root / "lhotse", OPTIONS)
    ),
    "cuts of lhotse": Format("cuts/cuts.jsonl", mutate_json, lambda root: lhotse.find(root / "cuts", OPTIONS)),
    "facts of a recording": Format(
        "facts.json",
        mutate_json,
        lambda root: facts(Recording(id="a", speaker="b", audio=Path("a"), facts_file=str(root / "facts.json"))),
    ),
    "prepare.json": Format("begun/prepare.json", mutate_json, lambda root: read_settings(root / "begun")),
    "sources.jsonl": Format("made/sources.jsonl", mutate_json, lambda root: read_finished(root / "made")),
    "a plan": Format("begun/parts/plan.jsonl", mutate_json, read_parts),
    "a part": Format("begun/parts/000000.jsonl", mutate_json, read_parts),
    "a lock": Format("begun/.locks/a.json", mutate_json, lambda root: Locks(root / "begun").holders()),
    "a phoneme cache": Format("phonemes.jsonl", mutate_bytes, read_phonemes),
    "entry_points.txt": Format(
        "site/acme-1.0.dist-info/entry_points.txt", mutate_bytes, lambda root: scan([str(root / "site")])
    ),
    "METADATA": Format("site/acme-1.0.dist-info/METADATA", mutate_bytes, lambda root: scan([str(root / "site")])),
    **{
        f"a {kind} file": Format(
            f"a.{kind}", mutate_bytes, lambda root, kind=kind: wav.read(root / f"a.{kind}", max_seconds=30)
        )
        for kind in ("wav", "flac", "ogg")
    },
}


def make_datasets(root: Path) -> None:
    records = list(made_records(3, seconds=(0.1, 0.2)))
    for name, storage in (("files", "files"), ("rows", "files"), ("columns", "files"), ("shards", "shards")):
        write_dataset(root / name, records, storage=storage)
    manifest = write_dataset(root / "hdf5", records, storage="hdf5")
    (packed,) = (root / "hdf5").glob("*.h5")
    index = root / "hdf5/index.jsonl"
    index.write_text(index.read_text().replace(packed.name, "records.h5"))
    packed.rename(packed.with_name("records.h5"))
    for name in ("hdf5", "rows"):  # as an older valle wrote them: nothing but the lines themselves is known
        lines = [json.loads(line) for line in (root / name / "index.jsonl").read_text().splitlines()]
        lines = [{key: value for key, value in line.items() if key != "digest"} for line in lines]
        (root / name / "index.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (root / name / "index.safetensors").unlink()
        stored = json.loads((root / name / "dataset.json").read_text())
        stored["index_hash"] = hashlib.sha256((root / name / "index.jsonl").read_bytes()).hexdigest()
        (root / name / "dataset.json").write_text(json.dumps(stored))
    columns = load_file(root / "columns/index.safetensors")
    text = json.dumps({"version": 1, "index_hash": manifest_of(root / "columns")["index_hash"]})
    save_file(
        {name: tensor.clone() for name, tensor in columns.items()}, root / "columns/index.safetensors", {"valle": text}
    )
    shutil.copytree(root / "files", root / "noise")
    (root / "noise/dataset.json").write_text(json.dumps({**manifest_of(root / "noise"), "frontend": "none"}))
    facts = SimilarFacts(
        by="codec", across=False, neighbours=2, belongs_to=mark_of(open_dataset(root / "files").manifest)
    )
    write_similar(root / "files", facts, np.array([[1, 2], [0, 2], [-1, -1]]), np.zeros((3, 2), np.float32))
    assert manifest.utterances == 3


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "dataset.json").read_text())


def make_run(root: Path) -> None:
    shutil.copytree(Path(__file__).parents[1] / "golden/run", root / "run")
    shutil.copytree(find_checkpoint(root / "run"), root / "state")
    model = nn.Linear(3, 2)
    optimizer = fresh_adamw(model)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_file(optimizer_tensors(model, optimizer), root / "state/optimizer.safetensors")
    save_file({"cpu": torch.get_rng_state()}, root / "state/random.safetensors")
    lines = [{"step": step, "loss": 2.0, "loss_0": 1.0} for step in range(1, 5)]
    (root / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = "arch:\n  name: transformer\n  d_model: 16\nsteps: 5\ndata: &d\n  path: x\ntask: [tts, tts-c]\n"
    (root / "config.yaml").write_text(settings)
    MixCache(root / "mixes", 1 << 20, MADE).put(KEY, torch.zeros(3, 8, dtype=torch.uint8))


def make_recordings(root: Path) -> None:
    tone_corpus(root / "wav", speakers=1, utterances=3)
    given = {"codec": FakeCodec(), "frontend": FakeFrontend(), "frontend_name": "fake"}
    prepare(PrepareOptions(source=root / "wav", out=root / "made"), **given)
    shutil.copytree(root / "made", root / "begun")
    PLAN.write(root / "begun")
    Journal(root / "begun", PLAN).commit(
        0, read_finished(root / "made").outcomes(open_dataset(root / "made").ids, ()), "a"
    )
    Journal(root / "begun", PLAN).commit(1, [], "b")
    with Locks(root / "begun").held("a"):
        content = (root / "begun/.locks/a.json").read_bytes()
    (root / "begun/.locks").mkdir(exist_ok=True)
    (root / "begun/.locks/a.json").write_bytes(content)
    rows = [{"audio": f"wav/{n}.wav", "text": f"text {n}", "speaker": "s", "start": 0.1, "end": 0.5} for n in range(3)]
    (root / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, between in (("a.csv", ","), ("a.tsv", "\t")):
        lines = [between.join(map(str, line)) for line in ([*rows[0]], *(row.values() for row in rows))]
        (root / name).write_text("\n".join(lines) + "\n")
    sources = [{"type": "file", "channels": [0], "source": "a.wav"}]
    recording = {"id": "r", "sources": sources, "sampling_rate": 16000, "num_samples": 16000, "duration": 1.0}
    message = {"id": "u", "recording_id": "r", "start": 0.1, "duration": 0.4, "channel": 0, "text": "a", "speaker": "b"}
    cut = {"id": "c", "type": "MonoCut", "start": 0.2, "duration": 0.5, "channel": 0, "recording": recording}
    for name, line in (
        ("lhotse/recordings", recording),
        ("lhotse/supervisions", {**message, "custom": {"tone": "calm"}}),
        ("cuts/cuts", {**cut, "supervisions": [message]}),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / f"{name}.jsonl").write_text(json.dumps(line) + "\n")
    (root / "facts.json").write_text(json.dumps({"language": "xx", "tone": "calm"}))
    cache = PhonemeCache(root / "phonemes.jsonl", "key")
    cache.add("text", "xx", Phonemes(language="xx", symbols=("a", "b"), words=((0, 2),)))
    cache.flush()
    info = root / "site/acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[valle.arch]\nacme = acme_mod:SPEC\n\n[valle.codec]\nb = c:D\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    for kind in ("wav", "flac", "ogg"):
        soundfile.write(root / f"a.{kind}", tone_speech("abc"), 16_000)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("formats")
    for make in (make_datasets, make_run, make_recordings):
        make(root)
    (root.parent / "outside").write_text("not to be read")
    return root


OPENED: list[str] = []
WATCHED = [False]


@pytest.fixture(scope="module", autouse=True)
def watch():
    """Note what Python opens (a hook stays for the life of the process, so it is made deaf again)."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if WATCHED[0] and event == "open" and isinstance(arguments[0], str | bytes):
            OPENED.append(str(arguments[0]))

    sys.addaudithook(note)
    yield
    WATCHED[0] = False


@contextmanager
def watched() -> Iterator[None]:
    """Nothing opens what hostile names lead to, and nothing takes for ever."""

    def late(*_: object) -> None:
        raise TimeoutError(f"it takes more than {SECONDS} s")

    OPENED.clear()
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    WATCHED[0] = True
    try:
        yield
    finally:
        WATCHED[0] = False
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert not [name for name in OPENED if name.startswith(("/dev/zero", "/dev/stdin", "/etc/passwd"))]
    assert not [name for name in OPENED if name.endswith("outside")]


def refusal(root: Path, name: str, seed: int) -> str:
    """What reading one damaged file is refused with; "" where it is read. Other exceptions name the input."""
    format = FORMATS[name]
    path = root / format.file
    beside = path.with_name("dataset.json")
    kept = {one: one.read_bytes() for one in (path, beside) if one.exists()}
    try:
        path.write_bytes(format.mutate(kept[path], Random(f"{name} {seed}")))
        format.agree(root)
        with watched():
            format.read(root)
    except UserError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{name}, seed {seed}: {error!r}") from error
    finally:
        for one, content in kept.items():
            one.write_bytes(content)
    return ""


def trials(root: Path, name: str, seeds: range) -> None:
    """Damaged files: each is read, or refused in one line, and none takes much memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in seeds:
        message = refusal(root, name, seed)
        assert "\n" not in message, f"{name}, seed {seed}: {message}"
        assert len(message) < 1500, f"{name}, seed {seed}: {message}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KIB, name


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read_as_it_should_be(root, name):
    FORMATS[name].read(root)


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_read_or_refused_in_one_line(root, name):
    trials(root, name, range(8))


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_many_damaged_files_are_read_or_refused_in_one_line(root, name):
    trials(root, name, range(8, 90))
