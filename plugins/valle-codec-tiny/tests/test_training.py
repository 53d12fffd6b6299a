from __future__ import annotations

import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from valle_codec_tiny import codec
from valle_codec_tiny.checkpoint import export_run, read, write
from valle_codec_tiny.commands import SCHEMA, train_codec
from valle_codec_tiny.features import HOP
from valle_codec_tiny.network import NetworkSize
from valle_codec_tiny.reporter import Reporter
from valle_codec_tiny.schedule import Progress
from valle_codec_tiny.speech import Crops, read_wav
from valle_codec_tiny.team import Team
from valle_codec_tiny.train import TrainOptions, draws, train

from valle_core.plugin import UserError
from valle_testing.command import context_of

SMALL = NetworkSize(
    encoder=24, encoder_blocks=1, codes=16, levels=3, coarse=24, coarse_blocks=1, fine=24, fine_blocks=1
)
OPTIONS = TrainOptions(
    steps=24,
    lr=0.02,
    batch=2,
    frames=30,
    warmup=4,
    unquantized_steps=4,
    local_steps=4,
    compile=False,
    eval_clips=1,
    eval_minutes=99,
    save_minutes=0,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for number, path in enumerate(sorted((Path(__file__).parent / "held_out").glob("*.wav"))):
        place = folder / ("held-out" if number == 0 else "train") / path.stem / "0000.wav"
        place.parent.mkdir(parents=True)
        shutil.copyfile(path, place)
    return folder


def _run(corpus: Path, out: Path, options: TrainOptions = OPTIONS) -> dict[str, torch.Tensor]:
    out.mkdir(exist_ok=True)
    team = Team(0, 1, torch.zeros(2, 1, 500_000), multiprocessing.get_context("spawn").Barrier(1))
    train(team, corpus, out, SMALL, options)
    return read(out / "last.safetensors")[0]


def _rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_a_run_learns_scores_held_out_speech_and_exports_weights_that_load(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Reporter, "EVERY", 8)
    _run(corpus, tmp_path)
    rows = _rows(tmp_path)
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < 0.8 * losses[0]
    assert set(rows[-1]["held_out"]) == {"1", "2", "3"}
    assert not list(tmp_path.glob("*.tmp"))
    loaded = codec.build(codec.TinyOptions(weights=str(tmp_path / "tiny.safetensors")), device=torch.device("cpu"))
    assert (loaded.num_levels, loaded.codebook_size) == (3, 16)


def test_a_resumed_run_ends_with_the_tensors_of_an_uninterrupted_one(corpus, tmp_path, monkeypatch):
    whole = _run(corpus, tmp_path / "whole")
    keep, calls = Reporter.keep, []

    def die(self: Reporter) -> None:
        keep(self)
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Reporter, "keep", die)
    with pytest.raises(KeyboardInterrupt):
        _run(corpus, tmp_path / "cut")
    assert read(tmp_path / "cut" / "last.safetensors")[1]["progress"]["step"] == 12
    resumed = _run(corpus, tmp_path / "cut")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_another_seed_ends_elsewhere(corpus, tmp_path):
    options = replace(OPTIONS, steps=4)
    one, two = _run(corpus, tmp_path / "a", options), _run(corpus, tmp_path / "b", replace(options, seed=1))
    assert not torch.equal(one["network.decoder.out.weight"], two["network.decoder.out.weight"])


def test_a_run_of_another_size_or_a_damaged_checkpoint_is_refused(corpus, tmp_path):
    _run(corpus, tmp_path, replace(OPTIONS, steps=4))
    team = Team(0, 1, torch.zeros(2, 1, 500_000), multiprocessing.get_context("spawn").Barrier(1))
    with pytest.raises(UserError, match="another size"):
        train(team, corpus, tmp_path, replace(SMALL, fine=32), OPTIONS)
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        export_run(tmp_path)


def test_a_bad_corpus_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"no train/SPEAKER/\*.wav"):
        Crops(tmp_path, 100)
    place = tmp_path / "train" / "someone"
    place.mkdir(parents=True)
    (place / "a.wav").write_bytes(b"RIFFnonsense")
    with pytest.raises(UserError, match=r"cannot read .*a\.wav"):
        Crops(tmp_path, 100)
    with pytest.raises(UserError, match="no trainer for codec 'dac'"):
        train_codec(context_of(SCHEMA, corpus=tmp_path, out=tmp_path / "out", codec="dac"))


def test_crops_are_speech_of_the_asked_length_and_repeat_with_the_seed(corpus):
    crops = Crops(corpus, 20 * HOP)
    one, two = (crops.draw(3, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (3, 20 * HOP)
    assert not torch.equal(one, crops.draw(3, torch.Generator().manual_seed(5)))


def test_every_rank_and_step_draws_its_own_and_always_the_same():
    seen = {
        tuple(torch.rand(2, generator=draws(*key)).tolist()) for key in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    }
    assert len(seen) == 4
    assert torch.equal(torch.rand(2, generator=draws(3, 4, 1)), torch.rand(2, generator=draws(3, 4, 1)))


def test_a_wrong_sample_rate_is_refused(tmp_path):
    source = next((Path(__file__).parent / "held_out").glob("*.wav")).read_bytes()
    (tmp_path / "fast.wav").write_bytes(source[:24] + (22050).to_bytes(4, "little") + source[28:])
    with pytest.raises(UserError, match="22050 Hz"):
        read_wav(tmp_path / "fast.wav")


def test_time_in_which_the_run_was_stopped_is_not_charged(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("valle_codec_tiny.schedule.time.monotonic", lambda: now[0])
    progress = Progress(minutes=1, steps=0)
    for _ in range(20):
        now[0] += 0.1
        progress.advance(skipped=False)
    now[0] += 3600
    progress.advance(skipped=False)
    assert 2.0 < progress.seconds < 2.3


def test_the_rate_warms_up_and_anneals_to_zero():
    progress = Progress(minutes=0, steps=100)
    factors = []
    while not progress.done:
        factors.append(progress.factor(10))
        progress.advance(skipped=False)
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) > 0.95
    assert factors[-1] < 1e-3


def test_a_run_with_discriminators_and_averages_resumes_to_the_same_tensors(corpus, tmp_path, monkeypatch):
    options = replace(
        OPTIONS,
        codec="small",
        steps=16,
        adversarial=1.0,
        feature_matching=1.0,
        discriminator_warmup=6,
        average=0.9,
        lr=0.002,
    )
    monkeypatch.setattr(Reporter, "EVERY", 8)
    whole = _run(corpus, tmp_path / "whole", options)
    kinds = {name.partition(".")[0] for name in whole}
    assert kinds == {"network", "average", "critic", "optimizer", "critic-optimizer"}
    keep, calls = Reporter.keep, []

    def die(self: Reporter) -> None:
        keep(self)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Reporter, "keep", die)
    with pytest.raises(KeyboardInterrupt):
        _run(corpus, tmp_path / "cut", options)
    monkeypatch.setattr(Reporter, "keep", keep)
    resumed = _run(corpus, tmp_path / "cut", options)
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []
    assert {"critic", "adversarial", "matching"} <= set().union(*_rows(tmp_path / "whole"))


def test_discriminators_may_join_a_run_that_began_without(corpus, tmp_path):
    _run(corpus, tmp_path, replace(OPTIONS, steps=4))
    tensors = _run(corpus, tmp_path, replace(OPTIONS, steps=8, adversarial=1.0, discriminator_warmup=0, average=0.9))
    assert any(name.startswith("critic.") for name in tensors)
    assert any(name.startswith("average.") for name in tensors)


def test_the_averaged_weights_are_exported_under_the_codecs_name(corpus, tmp_path):
    tensors = _run(corpus, tmp_path, replace(OPTIONS, codec="small", steps=8, average=0.5))
    exported, facts = read(export_run(tmp_path))
    assert facts["codec"] == "small"
    name = "decoder.out.weight"
    assert torch.equal(exported[name], tensors[f"average.{name}"].half())
    assert not torch.equal(exported[name], tensors[f"network.{name}"].half())


def test_phones_are_read_from_the_first_level_where_the_corpus_says_them(corpus, tmp_path, monkeypatch):
    options = replace(OPTIONS, steps=8, phones=0.5, first_level_rows=2)
    with pytest.raises(UserError, match=r"no row of '.*train\.jsonl' has phones"):
        _run(corpus, tmp_path / "none", options)
    names = [path.relative_to(corpus).as_posix() for path in sorted((corpus / "train").glob("*/*.wav"))]
    rows = [{"audio": name, "phones": ["a", "b"], "durations": [0.5, 0.5, 0.5, 9.0]} for name in names]
    (corpus / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(Reporter, "EVERY", 4)
    whole = _run(corpus, tmp_path / "whole", options)
    (corpus / "train.jsonl").unlink()
    assert any(name.startswith("reader.") for name in whole)
    assert any(name.startswith("reader-optimizer.") for name in whole)
    assert any("phones" in row for row in _rows(tmp_path / "whole"))


def test_a_checkpoint_that_stores_options_by_their_older_names_goes_on_and_is_exported(corpus, tmp_path):
    _run(corpus, tmp_path, replace(OPTIONS, steps=4))
    older = {"local_steps": "alone", "unquantized_steps": "free", "teacher_forcing_steps": "told", "warmup": "warm"}
    path = tmp_path / "last.safetensors"
    tensors, facts = read(path)
    facts["options"] = {older.get(name, name): value for name, value in facts["options"].items()}
    write(path, tensors, facts)
    assert read(export_run(tmp_path))[1]["codec"] == "tiny"
    _run(corpus, tmp_path, replace(OPTIONS, steps=8))
    kept = read(path)[1]
    assert kept["progress"]["step"] == 8
    assert {*older} <= {*kept["options"]}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"local_steps": 0}, "local_steps must be at least 1, got 0"),
        ({"warmup": 0}, "warmup must be at least 1, got 0"),
        ({"teacher_forcing_steps": -1}, "teacher_forcing_steps must be at least 0, got -1"),
        ({"minutes": float("nan")}, "minutes must be at least 0, got nan"),
        ({"minutes": 0}, "minutes must be above 0 where steps is 0, got 0"),
        ({"average": 1.5}, r"average must be in \[0, 1\], got 1.5"),
    ],
)
def test_an_option_out_of_its_range_is_refused(given, error):
    with pytest.raises(UserError, match=f"^{error}$"):
        TrainOptions(**given)
