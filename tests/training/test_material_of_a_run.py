"""Noise, mixes and similar prompts in real runs, drawn in between or by workers, by a task that others have made."""

from __future__ import annotations

import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from valle_core.audio.wav import write
from valle_core.checkpoint.folder import RunFolder, read_tensors
from valle_core.config.resolve import resolve
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.run import run_training
from valle_data.batching.workers import _Refusal, _Rows
from valle_data.preparation.noise import prepare_noise
from valle_data.preparation.noise_options import NoiseOptions
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_data.similar import make_similar
from valle_data.testing import prepared_tones
from valle_testing.fakes.audio import FakeCodec, FakeFrontend
from valle_testing.fakes.distribution import announce
from valle_testing.runs import SMALL, figures

PLUGIN = '''
"""What a third party would write: a codec, and a task whose prompt is noisy or has a second voice in it."""

from dataclasses import dataclass, replace

from valle_core.plugin import PluginSpec


@dataclass(frozen=True, kw_only=True)
class Nothing:
    pass


@dataclass(frozen=True, kw_only=True)
class NoisyOptions:
    db: float = 6.0


def spec(kind, name, factory, options, **more):
    return PluginSpec(kind=kind, name=name, api=1, summary="", factory=f"acme_noisy:{factory}",
                      options=f"acme_noisy:{options}", **more)


CODEC = spec("codec", "fake", "codec", "Nothing")
TASK = spec("task", "noisy", "task", "NoisyOptions", capabilities=frozenset({"codes"}))


def codec(options, *, device):
    from valle_testing.fakes.audio import FakeCodec

    return FakeCodec(device=device)


def task(options):
    from valle_testing.fakes.parts import FakeTask

    class NoisyTask(FakeTask):
        def draw(self, utterance, pool, rng, *, frame_rate):
            inputs = super().draw(utterance, pool, rng, frame_rate=frame_rate)
            if inputs is None:
                return None
            if rng.random() < 0.5:
                beside = pool.noise(len(inputs.prompt), rng)
            else:
                other = rng.choice([one for one in pool.speakers() if one != utterance.speaker])
                beside = pool.codes(rng.choice(pool.other(other, utterance.id)))
            return replace(inputs, prompt=pool.mix(inputs.prompt, beside, options.db))

    return NoisyTask()
'''

SETTINGS = SMALL | {"steps": "20", "checkpoint_every": "4", "batching.seconds": "64"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """`data`, `noise`, and a distribution on the path that brings the codec and the task."""
    root = tmp_path_factory.mktemp("material")
    site = root / "site"
    entries = {"valle.codec": {"fake": "acme_noisy:CODEC"}, "valle.task": {"noisy": "acme_noisy:TASK"}}
    announce(site, "acme-noisy", entries, acme_noisy=PLUGIN)
    prepared_tones(root, utterances=6)
    hiss(root / "noises" / "fan.wav", 1.0)
    hiss(root / "noises" / "rain.wav", 3.0)
    prepare_noise(NoiseOptions(source=root / "noises", out=root / "noise"), codec=FakeCodec())
    make_similar(open_dataset(root / "data"), FakeCodec(), neighbours=3)
    sys.path.insert(0, str(site))
    yield root
    sys.path.remove(str(site))
    sys.modules.pop("acme_noisy", None)


def hiss(path: Path, seconds: float, codec_rate: int = 16_000) -> None:
    wav = 0.1 * np.random.default_rng(int(seconds)).standard_normal(round(codec_rate * seconds))
    write(path, wav.astype(np.float32), codec_rate)


def run(root: Path, out: Path, *, report=lambda line: None, tasks=("tts", "noisy"), similar="2", **changes):
    flags = SETTINGS | {"data": str(root / "data"), "data.noise": str(root / "noise"), "out": str(out)}
    flags |= {name.replace("__", "."): value for name, value in changes.items()}
    chain = [("task", task) for task in tasks]
    if "tts" in tasks:
        chain[1:1] = [("task.prompt", "similar"), ("task.similar", similar)]
    registry = Registry.open()
    kept = [(name, value) for name, value in flags.items() if value is not None]
    return run_training(resolve(TRAIN_SCHEMA, registry, flags=[*kept, *chain]), registry, Observers(), report=report)


@pytest.fixture(scope="module")
def whole(root) -> Path:
    """Twenty steps without workers."""
    run(root, root / "whole", data__mixes=str(root / "mixes"))
    return root / "whole"


def test_a_run_with_noise_second_voices_and_similar_prompts_learns(whole, root):
    losses = [line["loss"] for line in figures(whole)]
    assert len(losses) == 20
    assert all(math.isfinite(loss) for loss in losses)
    assert len(list((root / "mixes").rglob("*.safetensors"))) > 20
    assert not (root / "data" / "mixes").exists()


def same_weights(one: Path, other: Path) -> bool:
    mine, expected = (read_tensors(RunFolder(run).latest(), "model") for run in (one, other))
    return all(torch.equal(mine[name], tensor) for name, tensor in expected.items())


def test_resumed_with_a_worker_it_ends_as_without(whole, root):
    """The folder of mixes is another, so the worker makes them itself. Two are a slow test: a start takes seconds."""
    out = Path(shutil.copytree(whole, root / "resumed"))
    shutil.rmtree(RunFolder(out).checkpoint(20))
    run(root, out, resume="true", data__workers="1", data__mixes=str(root / "of a worker"))
    assert figures(out) == figures(whole)
    assert same_weights(out, whole)


@pytest.mark.slow
def test_two_workers_and_a_resumed_run_give_the_same_losses_and_weights(whole, root):

    class Stop(Exception):
        pass

    def die_at_ten(line):
        if line["step"] == 10:
            raise Stop

    out, changes = root / "workers", {"data__workers": "2", "data__mixes": str(root / "others")}
    with pytest.raises(Stop):
        run(root, out, report=die_at_ten, **changes)
    assert figures(out) == figures(whole)[:10]
    run(root, out, resume="true", **changes)
    assert figures(out) == figures(whole)
    assert same_weights(out, whole)
    made, remade = ({path.name for path in (root / one).rglob("*.safetensors")} for one in ("mixes", "others"))
    assert made <= remade


def test_the_present_place_is_that_of_the_batch_trained_on(whole):
    """And not of those that workers make ahead."""
    from valle_core.training.examples import ExampleStream
    from valle_core.training.rows import Example

    class Numbered:
        epoch = 0

        def __init__(self):
            self.at = 0

        def __iter__(self):
            while True:
                self.at += 1
                yield (str(self.at),)

        def state_dict(self):
            return {"at": self.at}

        def load_state_dict(self, state):
            self.at = state["at"]

    def five_ahead(batch_ids):
        waiting = [next(batch_ids) for _ in range(5)]
        for ids in batch_ids:
            waiting.append(ids)
            yield Example(batch=waiting.pop(0), seconds=1.0, tokens=1, skipped={})  # type: ignore[arg-type]

    stream = ExampleStream(Numbered(), five_ahead)
    assert stream.state_dict()["at"] == 0
    for count, example in zip(range(1, 9), stream, strict=False):
        assert example.batch == (0, (str(count),))
        assert stream.state_dict()["at"] == count
    other = ExampleStream(Numbered(), five_ahead)
    other.load_state_dict(stream.state_dict())
    assert next(iter(other)).batch == (0, ("9",))


def test_what_a_worker_refuses_keeps_its_one_line(root):
    from valle_core.training.config import DataOptions
    from valle_core.training.recipe import RowRecipe

    recipe = RowRecipe(data=DataOptions(path=str(root / "nothing")), tasks=(), codec=None, settings=None)  # type: ignore[arg-type]
    refusal = _Rows(recipe)[(0, ("a",))]
    assert isinstance(refusal, _Refusal)
    assert "is not a folder" in refusal.message
    assert "\n" not in refusal.message


def test_what_safe_switches_off_stays_off_in_workers(root):
    from valle_core.config.schema import Part
    from valle_core.training.config import DataOptions
    from valle_core.training.recipe import RowRecipe

    facts = {
        "data": DataOptions(path=str(root / "data")),
        "tasks": (Part("noisy", None),),
        "codec": None,
        "settings": None,
    }
    safe, other = (_Rows(RowRecipe(safe=safe, **facts))[(0, ())] for safe in (True, False))  # type: ignore[arg-type]
    assert isinstance(safe, _Refusal)
    assert isinstance(other, _Refusal)
    assert "--safe" in safe.message
    assert "takes options of type NoisyOptions" in other.message
    assert Registry.open(safe=True).safe
    assert not Registry.open().safe


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__noise": None, "tasks": ("noisy",)}, r"a task asks for noise.*valle prepare-noise"),
        ({"data__noise": "nowhere"}, r"valle prepare-noise"),
        ({"similar": "9"}, r"9 similar utterances are asked for.*--neighbours 9"),
        ({"data__workers": "-1"}, r"--data.workers must be in \[0, 256\], got -1"),
        ({"data__workers": "100000"}, r"--data.workers must be in \[0, 256\], got 100000"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_written(root, tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as error:
        run(root, tmp_path / "r", **changes)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "r").exists()


def test_a_dataset_without_its_index_is_told_the_command(root, tmp_path):
    options = PrepareOptions(source=root / "wav", out=tmp_path / "data")
    prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    with pytest.raises(UserError, match=f"Make it: valle data similar {tmp_path / 'data'}$"):
        run(root, tmp_path / "r", data=str(tmp_path / "data"))
    assert not (tmp_path / "r").exists()


def test_noise_of_another_codec_is_refused_and_both_are_named(root, tmp_path):
    codec = FakeCodec()
    codec.identity = replace(codec.identity, weights_hash="f" * 16)
    prepare_noise(NoiseOptions(source=root / "noises", out=tmp_path / "noise"), codec=codec)
    with pytest.raises(UserError, match=r"weights 0123456789abcdef.*weights f{16}.*differ in weights_hash"):
        run(root, tmp_path / "r", data__noise=str(tmp_path / "noise"))


def test_training_on_noise_is_refused(root, tmp_path):
    with pytest.raises(UserError, match="holds noise without text"):
        run(root, tmp_path / "r", data=str(root / "noise"))


def test_resuming_with_other_noise_is_refused(root, whole, tmp_path):
    hiss(tmp_path / "noises" / "other.wav", 2.0)
    prepare_noise(NoiseOptions(source=tmp_path / "noises", out=tmp_path / "noise"), codec=FakeCodec())
    with pytest.raises(UserError, match=r"not that of the interrupted run.*--data\.noise"):
        run(root, whole, resume="true", steps="21", data__noise=str(tmp_path / "noise"))
