"""The folder of a run: whose it is while it is trained, what is left of it, and how it is gone on from."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
import torch
from filelock import SoftFileLock

from valle.continued import continued
from valle_core.checkpoint.folder import RunFolder, find_checkpoint, read_manifest, read_tensors
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers, hookimpl
from valle_core.registry.registry import Registry
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.training.config import TRAIN_SCHEMA, RunOptions
from valle_core.training.interrupt import StopRequest
from valle_core.training.place import LOCK
from valle_core.training.run import run_training
from valle_kit.init_from import start_from

SETTINGS = {
    "arch": "transformer", "arch.d_model": "16", "arch.n_layers": "1", "arch.n_heads": "2",
    "steps": "4", "warmup": "2", "log_every": "1", "checkpoint_every": "2", "device": "cpu", "batching.seconds": "64",
}  # fmt: skip


def configured(data: Path, out: Path, config: Path | None = None, **changes):
    settings = {} if config else SETTINGS | {"data": str(data)}
    settings |= {"out": str(out)} | {k.replace("__", "."): v for k, v in changes.items()}
    return resolve(TRAIN_SCHEMA, Registry.open(), yaml_file=config, flags=list(settings.items()))


def run(data: Path, out: Path, *, observers=None, report=lambda line: None, config=None, **changes):
    resolved = configured(data, out, config, **changes)
    return run_training(resolved, Registry.open(), observers or Observers(), report=report, start_from=start_from)


@pytest.fixture(scope="module")
def whole(tone_dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    run(tone_dataset, out)
    return out


# --- one process ------------------------------------------------------------------------------------------------------


def test_a_second_training_in_the_same_folder_is_refused_while_the_first_is_at_work(tone_dataset, tmp_path):
    refused = []

    def second(line):
        if line["step"] == 1:
            with pytest.raises(UserError, match=rf"r' is being trained by process {os.getpid()}\. Wait for it") as e:
                run(tone_dataset, tmp_path / "r")
            refused.append(e)

    assert run(tone_dataset, tmp_path / "r", report=second).step == 4
    assert refused
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["checkpoints", "config.yaml", "metrics.jsonl"]


def test_a_resumed_training_is_refused_too_and_the_folder_stays_as_it_is(tone_dataset, tmp_path, whole):
    shutil.copytree(whole, tmp_path / "r")
    with SoftFileLock(tmp_path / "r" / LOCK), pytest.raises(UserError, match="is being trained by"):
        run(tone_dataset, tmp_path / "r", resume="true", steps="6")
    assert RunFolder(tmp_path / "r").steps() == [2, 4]


# --- nothing is left --------------------------------------------------------------------------------------------------


def failing(hook) -> Observers:
    def fail():
        raise RuntimeError("boom")

    observers = Observers(lambda line: None)
    observers.add("guard", type("Guard", (), {hook: staticmethod(hookimpl(fail))})(), critical=True)
    return observers


def test_a_new_run_that_comes_to_nothing_leaves_no_folder(tone_dataset, tmp_path):
    with pytest.raises(UserError, match="boom"):
        run(tone_dataset, tmp_path / "a" / "b", observers=failing("train_start"), log_every="4")
    assert not list(tmp_path.iterdir())


def test_a_step_that_was_taken_before_a_hook_failed_is_saved(tone_dataset, tmp_path):
    with pytest.raises(UserError, match="boom"):
        run(tone_dataset, tmp_path / "r", observers=failing("train_step_end"), log_every="4")
    assert RunFolder(tmp_path / "r").steps() == [1]
    assert run(tone_dataset, tmp_path / "r", resume="true").step == 4


@pytest.mark.parametrize(
    "change",
    [{"device": "cuda:9"}, {"precision": "fp16"}, {"codec": "mel-gl"}, {"model__levels": "9"}, {"init_from": "nowhere"},
     {"batching__min_seconds": "7"}, {"arch__n_heads": "3"}],
    ids=str,
)  # fmt: skip
def test_a_refused_run_leaves_no_folder(tone_dataset, tmp_path, change):
    with pytest.raises(UserError):
        run(tone_dataset, tmp_path / "a" / "b", **change)
    assert not list(tmp_path.iterdir())


def test_what_was_in_the_folder_before_stays(tone_dataset, tmp_path):
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(UserError):
        run(tone_dataset, tmp_path, precision="fp16")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


# --- what is removed meanwhile ----------------------------------------------------------------------------------------


def test_a_folder_that_is_removed_while_training_is_made_again_and_said_to_be(tone_dataset, tmp_path, capsys):
    out = tmp_path / "r"
    run(tone_dataset, out, report=lambda line: shutil.rmtree(out) if line["step"] == 3 else None)
    assert (
        "r was removed while the run was training, and is written again; its earlier metrics" in capsys.readouterr().err
    )
    assert [json.loads(line)["step"] for line in (out / "metrics.jsonl").open()] == [4]
    assert run(tone_dataset, out, config=out / "config.yaml", resume="true", steps="5").step == 5


@pytest.mark.parametrize(
    ("name", "words"), [("config.yaml", "written again"), ("metrics.jsonl", "goes on from step 3")]
)
def test_a_file_that_is_removed_while_training_is_written_again_and_said_to_be(
    tone_dataset, tmp_path, capsys, name, words
):
    out = tmp_path / "r"
    run(tone_dataset, out, report=lambda line: (out / name).unlink() if line["step"] == 2 else None)
    err = capsys.readouterr().err
    assert err.count("was removed while the run was training") == 1
    assert words in err
    assert (out / name).is_file()


# --- which run --------------------------------------------------------------------------------------------------------


def test_the_config_of_a_run_names_its_data_from_everywhere(tone_dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tone_dataset.parent)
    run(Path("data"), tmp_path / "r")
    monkeypatch.chdir(tmp_path)
    assert run(Path(), tmp_path / "r", config=tmp_path / "r" / "config.yaml", resume="true", steps="5").step == 5


def test_resuming_by_a_config_means_the_folder_that_holds_it(whole, tmp_path, monkeypatch):
    copied = tmp_path / "copy"
    shutil.copytree(whole, copied)
    (tmp_path / "link.yaml").symlink_to(copied / "config.yaml")
    monkeypatch.chdir(copied)
    for config in (copied / "config.yaml", Path("config.yaml"), Path("../copy/config.yaml"), tmp_path / "link.yaml"):
        resolved = resolve(TRAIN_SCHEMA, Registry.open(), yaml_file=config, flags=[("resume", "true")])
        meant, note = continued(resolved, config, frozenset({"resume"}))
        assert Path(meant.sections["run"].out).resolve() == copied.resolve()
        assert str(whole) in note
        assert continued(resolved, config, frozenset({"resume", "out"})) == (resolved, "")
    shutil.copy(whole / "config.yaml", tmp_path / "mine.yaml")  # no run beside it: its own word counts
    resolved = resolve(TRAIN_SCHEMA, Registry.open(), yaml_file=tmp_path / "mine.yaml", flags=[("resume", "true")])
    assert continued(resolved, tmp_path / "mine.yaml", frozenset()) == (resolved, "")
    assert Path(resolved.sections["run"].out) == whole


# --- another checkpoint, another run ----------------------------------------------------------------------------------


def test_where_the_newest_checkpoint_is_damaged_the_message_names_another_and_that_one_is_gone_on_from(
    tone_dataset, tmp_path, whole, capsys
):
    shutil.copytree(whole, tmp_path / "r")
    (RunFolder(tmp_path / "r").latest() / "optimizer.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"optimizer\.safetensors.*--resume --checkpoint step-00000002$"):
        run(tone_dataset, tmp_path / "r", resume="true", steps="5")
    result = run(tone_dataset, tmp_path / "r", resume="true", checkpoint="step-00000002", steps="5")
    assert result.step == 5
    assert RunFolder(tmp_path / "r").steps() == [2, 4, 5]
    assert (tmp_path / "r" / "checkpoints" / "set-aside-step-00000004").is_dir()
    assert "is now set-aside-step-00000004" in capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "r" / "metrics.jsonl").open()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
    old = [json.loads(line) for line in (whole / "metrics.jsonl").open()]
    assert [line["loss"] for line in lines[:4]] == [line["loss"] for line in old]


def test_a_way_that_was_left_is_set_aside_whole_and_the_run_goes_on_with_the_new_one(tone_dataset, tmp_path, whole):
    shutil.copytree(whole, tmp_path / "r")
    place = RunFolder(tmp_path / "r")
    for left, rate in ((4, "1e-4"), (3, "1e-3")):
        before = place.metrics.read_text()
        run(tone_dataset, place.path, resume="true", checkpoint="2", steps="3", lr=rate)
        assert place.steps() == [2, 3]
        aside = place.checkpoints / f"set-aside-step-0000000{left}"
        assert (aside / "metrics.jsonl").read_text() == before
        assert read_manifest(find_checkpoint(aside)).step == left, "a new run may start from it"
    other = [json.loads(line) for line in place.metrics.open()]
    assert run(tone_dataset, place.path, resume="true", steps="5").step == 5
    assert [json.loads(line) for line in place.metrics.open()][:3] == other


@pytest.mark.parametrize("name", ["2", "step-00000002"])
def test_a_checkpoint_is_named_by_its_folder_or_its_step(tone_dataset, tmp_path, whole, name):
    shutil.copytree(whole, tmp_path / "r")
    assert run(tone_dataset, tmp_path / "r", resume="true", checkpoint=name, steps="3").step == 3


def test_a_checkpoint_that_is_not_there_is_refused_with_those_that_are(tone_dataset, whole):
    with pytest.raises(UserError, match=r"no checkpoint 'step-9'\. There are: step-00000002, step-00000004"):
        run(tone_dataset, whole, resume="true", checkpoint="step-9")
    with pytest.raises(UserError, match="give both"):
        RunOptions(checkpoint="2")


def test_a_new_run_starts_from_the_weights_of_another(tone_dataset, tmp_path, whole, capsys):
    run(tone_dataset, tmp_path / "r", init_from=str(whole), steps="1", lr="0", batching__seconds="12")
    mine, theirs = (read_tensors(RunFolder(out).latest(), "model") for out in (tmp_path / "r", whole))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert json.loads((tmp_path / "r" / "metrics.jsonl").open().readline())["step"] == 1
    assert "was trained with" not in capsys.readouterr().err
    first = RunFolder(whole).checkpoint(2)
    run(tone_dataset, tmp_path / "s", init_from=str(first), steps="1", lr="0", arch__dropout="0.3")
    assert "step-00000002 was trained with arch.dropout 0.0, this run has 0.3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [({"arch__d_model": "24"}, r"another shape .*give the options of its run: --config .*model\.yaml"),
     ({"arch": "llama"}, r"trained with --arch transformer; give the same"),
     ({"model__levels": "2"}, "another shape")],
)  # fmt: skip
def test_weights_of_another_model_are_refused(tone_dataset, tmp_path, whole, change, message):
    with pytest.raises(UserError, match=message):
        run(tone_dataset, tmp_path / "r", init_from=str(whole), **change)
    assert not (tmp_path / "r").exists()


def test_symbols_and_languages_that_came_later_start_untrained_and_the_others_keep_their_rows(
    tone_dataset, tmp_path, whole, capsys
):
    """The old run knew neither the last symbol of the dataset nor its language; another of its symbols is gone."""
    shutil.copytree(whole, tmp_path / "old")
    checkpoint = RunFolder(tmp_path / "old").latest()
    stored = json.loads((checkpoint / "manifest.json").read_text())
    new_symbol, new_language = stored["symbols"][-1], stored["languages"][0]
    stored["symbols"][-1], stored["languages"][0] = "ʘ", "yy"
    stored["symbols"][2:4] = stored["symbols"][3:1:-1]
    (checkpoint / "manifest.json").write_text(json.dumps(stored))
    run(tone_dataset, tmp_path / "r", init_from=str(tmp_path / "old"), steps="1", lr="0")
    assert f"does not know the symbols {new_symbol}; they start untrained" in capsys.readouterr().err
    mine, theirs = (read_tensors(RunFolder(out).latest(), "model") for out in (tmp_path / "r", whole))
    rows = range(mine["embedding.table"].shape[0])
    same = [bool((mine["embedding.table"][row] == theirs["embedding.table"][row]).all()) for row in rows]
    manifest = read_manifest(RunFolder(tmp_path / "r").latest())
    tables = Vocabulary(
        symbols=len(manifest.symbols), languages=len(manifest.languages), num_levels=manifest.codec.num_levels,
        codebook_size=manifest.codec.codebook_size,
    ).ranges()  # fmt: skip
    text, language = tables["text"], tables["language"]
    assert [row for row in rows if not same[row]] == [language.start, text.start + 2, text.start + 3, text.stop - 1]
    moved, were = mine["embedding.table"], theirs["embedding.table"]
    assert torch.equal(moved[text.start + 2], were[text.start + 3])
    assert torch.equal(moved[text.start + 3], were[text.start + 2])
    assert new_language in manifest.languages


def test_other_batch_options_name_the_way_on_and_it_is_one(tone_dataset, tmp_path, whole):
    shutil.copytree(whole, tmp_path / "old")
    with pytest.raises(UserError, match=r"batch options are not those .*--init-from (\S+) --out NEW") as told:
        run(tone_dataset, tmp_path / "old", resume="true", steps="5", batching__seconds="12")
    source = str(told.value).split("--init-from ")[1].split()[0]
    changed = {"steps": "1", "batching__seconds": "12"}
    result = run(tone_dataset, tmp_path / "new", config=tmp_path / "old" / "config.yaml", init_from=source, **changed)
    assert result.step == 1


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def not_under_nohup():
    """What starts the tests may ignore SIGHUP, which `valle train` respects."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("not_under_nohup")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_that_asks_to_stop_saves_and_is_told(tone_dataset, tmp_path, number):
    result = run(tone_dataset, tmp_path / "r", report=lambda line: line["step"] > 1 or os.kill(os.getpid(), number))
    assert (result.reason, result.signal) == ("interrupted", number)
    assert RunFolder(tmp_path / "r").steps()[-1] == result.step < 4


def test_nohup_is_respected_and_what_was_there_comes_back():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGHUP)
        assert not stop.asked
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_signals_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def look():
        with StopRequest():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
