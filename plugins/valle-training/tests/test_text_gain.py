"""What the text is worth is measured, kept with the metrics, and said in words where it is worth nothing."""

from __future__ import annotations

import math

import pytest
import torch
from valle_training.plugin import TEXT_GAIN
from valle_training.text_gain import HOOK, Measure, TextGain, TextGainHook, measures_in
from valle_training.text_probe import TextProbe, text_probe

from valle_core.checkpoint.folder import RunFolder, read_tensors
from valle_core.data.dataset import open_dataset
from valle_core.registry.hooks import TRAINING, Observers, open_observers
from valle_core.registry.registry import Registry
from valle_core.sequence.masking import MASKED
from valle_core.sequence.pack import PackRules
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.training.live_run import LiveRun
from valle_core.training.options import TrainOptions
from valle_core.training.rows import RowSettings
from valle_testing import suite
from valle_testing.fakes.parts import FakeTask
from valle_testing.runs import lines, train

test_it_conforms = suite.conformance("hook", lambda: HOOK, spec=TEXT_GAIN)

SETTINGS = {
    "arch": "transformer", "arch.d_model": "32", "arch.n_layers": "1", "arch.n_heads": "2", "steps": "9", "warmup": "2",
    "checkpoint_every": "3", "log_every": "2", "device": "cpu", "batching.seconds": "8", "text_gain_every": "4",
}  # fmt: skip


def run(data, out, report=lambda line: None, **changes):
    return train(SETTINGS, data, out, observers=watched(), report=report, **changes)


def watched() -> Observers:
    """The hook alone, as a run has it."""
    observers = Observers()
    observers.add("text-gain", TextGainHook(), critical=True)
    return observers


def live(data, ids=slice(None), **rules) -> tuple[LiveRun, Vocabulary]:
    dataset = open_dataset(data)
    vocabulary = Vocabulary(symbols=len(dataset.symbols), languages=1, num_levels=dataset.codec.num_levels,
                            codebook_size=dataset.codec.codebook_size)  # fmt: skip
    found = RowSettings(packing=PackRules(vocabulary=vocabulary), frame_rate=dataset.frame_rate, seed=0,
                     **{"level_weights": (0.5, 0.5)} | rules)  # fmt: skip
    seen = LiveRun(options=TrainOptions(), source=dataset, ids=dataset.ids[ids], tasks=[FakeTask()], settings=found,
                   loss=lambda batch: 2.0, copy=lambda to, step: None)  # fmt: skip
    return seen, vocabulary


def gain(*measures, layout="text-first"):
    return TextGain(None, 200, layout=layout, before=[Measure(step=s, loss=loss, gain=g) for s, loss, g in measures])


def test_the_probe_differs_in_its_texts_and_in_nothing_else(tone_dataset):
    run, vocabulary = live(tone_dataset)
    probe = text_probe(run)
    assert isinstance(probe, TextProbe)
    text = vocabulary.ranges()["text"]
    for batch in (probe.right, probe.swapped):
        assert set(batch.predicted) == {0}  # the lowest level that is trained
    assert torch.equal(probe.right.predicted[0].targets, probe.swapped.predicted[0].targets)

    def split(batch):
        texts = [int(index) for index in batch.indices if int(index) in text]
        return texts, [int(index) for index in batch.indices if int(index) not in text]

    (mine, rest), (others, same) = split(probe.right), split(probe.swapped)
    assert rest == same
    assert mine != others
    again = text_probe(run)
    assert torch.equal(again.swapped.indices, probe.swapped.indices)


def test_there_is_no_probe_without_two_texts_and_none_longer_than_the_backbone_takes(tone_dataset):
    assert text_probe(live(tone_dataset, slice(1))[0]) is None
    assert text_probe(live(tone_dataset, longest=4)[0]) is None
    assert set(text_probe(live(tone_dataset, level_weights=(0.0, 1.0))[0]).right.predicted) == {1}


def test_the_probe_of_a_level_0_that_is_only_masked_hides_all_its_codes(tone_dataset):
    run, vocabulary = live(tone_dataset, masked=1.0)
    probe = text_probe(run)
    assert probe is not None
    assert set(probe.right.predicted) == {MASKED}
    frames = probe.right.indices[torch.isin(probe.right.indices, torch.tensor([*vocabulary.ranges()["NAR:0:0"]]))]
    assert set(frames.tolist()) == {vocabulary.ranges()["NAR:0:0"].stop - 1}
    assert set(text_probe(live(tone_dataset, masked=0.5)[0]).right.predicted) == {0}


def test_metrics_hold_it_at_every_multiple_and_at_the_end_and_a_resumed_run_goes_on(tone_dataset, tmp_path):
    shown = []
    result = run(tone_dataset, tmp_path / "whole", report=shown.append)
    assert lines(tmp_path / "whole") == shown
    assert [line["step"] for line in shown if "text_gain" in line] == [4, 8, 9]
    assert all(math.isfinite(line["text_gain"]) and line["text_loss"] > 0 for line in shown if "text_gain" in line)
    assert not result.warning
    assert abs(shown[-1]["text_gain"]) > 0.02

    class Stop(Exception):
        pass

    def die(line):
        if line["step"] == 6:
            raise Stop

    with pytest.raises(Stop):
        run(tone_dataset, tmp_path / "broken", report=die)
    run(tone_dataset, tmp_path / "broken", resume="true")
    whole, broken = (measures_in(RunFolder(tmp_path / name).metrics) for name in ("whole", "broken"))
    assert [measure.step for measure in whole] == [4, 8, 9]
    assert broken == whole
    assert measures_in(tmp_path / "nowhere.jsonl") == []


def test_a_run_whose_text_is_worth_nothing_says_so_at_its_end(tone_dataset, tmp_path, capsys, monkeypatch):
    words = "the model does not read its text: at step"
    monkeypatch.setattr("valle_core.training.loop.evaluated_loss", lambda *what: 2.0)
    result = run(tone_dataset, tmp_path / "r", text_gain_every="2")
    assert f"{words} 9" in result.warning
    assert capsys.readouterr().err.count(f"warning: {words} 6") == 1


def test_it_can_be_switched_off_and_changes_no_weight(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "on", **{"arch.dropout": "0.2"})
    run(tone_dataset, tmp_path / "off", text_gain_every="0", **{"arch.dropout": "0.2"})
    on, off = (lines(tmp_path / name) for name in ("on", "off"))
    assert not any("text_gain" in line for line in off)
    assert [line["loss"] for line in on] == [line["loss"] for line in off]
    weights, others = (read_tensors(RunFolder(tmp_path / name).latest(), "model") for name in ("on", "off"))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weight, others[name]) for name, weight in weights.items())


def test_it_comes_with_a_run_as_installed():
    assert "text-gain" in open_observers(Registry.open(), of=TRAINING).names


def test_a_gain_near_0_is_said_once_the_loss_has_flattened_and_not_before():
    flat = gain((200, 2.0, 0.001), (400, 1.99, 0.002), (600, 1.98, -0.004))
    words = flat.news()
    assert words.startswith("the model does not read its text: at step 600")
    assert "has stopped falling" in words
    assert words.endswith("Train with --model.layout text-last")
    assert not flat.news()  # once is enough
    assert flat.verdict()
    assert "Train longer" in gain(*[(step, 2.0, 0.0) for step in (1, 2, 3)], layout="text-last").verdict()
    falling = gain((200, 4.0, 0.001), (400, 3.0, 0.002), (600, 2.5, 0.004))
    assert not falling.verdict()
    assert "is still falling" in falling.verdict(at_the_end=True)


def test_a_model_that_reads_its_text_is_left_in_peace():
    assert not gain((200, 2.0, 0.0), (400, 2.0, 0.001), (600, 1.99, 0.3)).verdict(at_the_end=True)
    assert not gain().verdict(at_the_end=True)
    assert not gain((200, 2.0, 0.0), (400, 2.0, 0.0)).verdict()  # two measures tell nothing yet
