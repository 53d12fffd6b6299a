"""Runs with a draft: what is learnt, what is kept, and that a trained model gets heads without being changed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from valle_draft.grouped import Grouped
from valle_draft.heads import DraftHeads
from valle_draft.layer_skip import LayerSkip, exit_weights, skip_chance
from valle_draft.options import GroupedOptions, HeadsOptions, LayerSkipOptions

from valle_core.api import TRAIN_SCHEMA, Observers, Registry, RunFolder, load_model, resolve, run_training
from valle_core.plugin import UserError
from valle_kit.init_from import start_from

SETTINGS = {
    "arch": "transformer", "arch.d_model": "16", "arch.n_layers": "3", "arch.n_heads": "2", "arch.dropout": "0",
    "steps": "1", "warmup": "0", "log_every": "1", "device": "cpu", "batching.seconds": "8", "lr": "0.003",
}  # fmt: skip


def run(data: Path, out: Path, *more: tuple[str, str], **changes) -> list[dict]:
    flags = SETTINGS | {"data": str(data), "out": str(out)} | {k.replace("__", "."): v for k, v in changes.items()}
    registry = Registry.open()
    resolved = resolve(TRAIN_SCHEMA, registry, flags=[*flags.items(), *more])
    run_training(resolved, registry, Observers(), start_from=start_from)
    return [json.loads(line) for line in RunFolder(out).metrics.read_text().splitlines()]


def model_of(run: Path):
    return load_model(run, Registry.open(), device=torch.device("cpu")).model


def test_heads_learn_and_the_model_learns_nothing_from_them(tone_dataset, tmp_path):
    heads = {"draft": "heads", "draft__count": "2", "steps": "4", "clip": "0"}
    lines = run(tone_dataset, tmp_path / "heads", **heads)
    plain = run(tone_dataset, tmp_path / "plain", **heads, draft__weight="0")
    assert lines[0]["loss"] == pytest.approx(lines[0]["draft"] + plain[0]["loss"], rel=1e-5)
    assert lines[-1]["draft"] < lines[0]["draft"]
    assert {"draft_1", "draft_2"} <= lines[0].keys()
    with_loss, without = (model_of(tmp_path / name).state_dict() for name in ("heads", "plain"))
    own = {name for name in without if name.startswith("draft.")}
    assert all(torch.equal(with_loss[name], without[name]) for name in without.keys() - own)
    assert not all(torch.equal(with_loss[name], without[name]) for name in own)


def test_a_trained_model_gets_heads_and_stays_what_it_is(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "plain")
    added = tmp_path / "added"
    run(tone_dataset, added, ("train_only", "['draft.*']"), draft="heads", init_from=str(tmp_path / "plain"))
    old, new = model_of(tmp_path / "plain").state_dict(), model_of(added).state_dict()
    assert all(torch.equal(new[name], tensor) for name, tensor in old.items())
    assert any(name.startswith("draft.") for name in new)


def test_layer_skip_trains_and_has_no_weights_of_its_own(tone_dataset, tmp_path):
    options = {"draft": "layer-skip", "draft__exit": "1", "draft__dropout": "0.5", "steps": "2"}
    lines = run(tone_dataset, tmp_path / "r", **options)
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert "early_exit" in lines[0]
    model = model_of(tmp_path / "r")
    assert (type(model.draft), model.draft.exit) == (LayerSkip, 1)
    assert not [name for name in model.state_dict() if name.startswith("draft.")]


def test_groups_are_learnt_remembered_and_begin_from_a_plain_model(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "plain")
    options = {"draft": "grouped", "draft__size": "3", "steps": "4", "init_from": str(tmp_path / "plain")}
    for inside in ("recurrent", "parallel"):
        lines = run(tone_dataset, tmp_path / inside, draft__inside=inside, **options)
        assert lines[-1]["loss"] < lines[0]["loss"]
        model = model_of(tmp_path / inside)
        assert (model.draft.size, model.draft.cell is None) == (3, inside == "parallel")
        assert not torch.equal(model.draft.joined.weight, Grouped(GroupedOptions(size=3), 16).joined.weight)
        assert len(list(model.draft.places)) == (2 if inside == "parallel" else 0)


@pytest.mark.parametrize(("parts", "masked", "what"), [("nar", 0.0, "parts nar"), ("both", 1.0, "masked 1")])
def test_a_model_without_level_0_is_refused(parts, masked, what):
    model = SimpleNamespace(parts=parts, masked=masked, backbone=None)
    for draft in (DraftHeads(HeadsOptions(), 4), LayerSkip(LayerSkipOptions(), 3), Grouped(GroupedOptions(), 4)):
        with pytest.raises(UserError, match=f"which --model.{what} leaves out; leave --draft out"):
            draft.around(model, None, None)


def test_the_papers_formulas():
    assert [round(skip_chance(layer, 3, 0.2), 4) for layer in range(3)] == [0.0, 0.0828, 0.2]
    assert exit_weights(4, 0.5) == [0.0, 0.5, 1.5, 3 + 0.5 * 3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HeadsOptions(count=0), r"count must be in \[1, 16\], got 0"),
        (lambda: HeadsOptions(width=9), r"width must be in \[0.25, 8\], got 9"),
        (lambda: HeadsOptions(weight=-1), "weight must be at least 0, got -1"),
        (lambda: LayerSkipOptions(dropout=1), r"dropout must be in \[0, 1\), got 1"),
        (lambda: LayerSkipOptions(scale=2), r"scale must be in \[0, 1\], got 2"),
        (lambda: LayerSkipOptions(every=0), "every must be at least 1, got 0"),
        (lambda: LayerSkip(LayerSkipOptions(exit=3), 3), r"exit must be in \[0, 2\] for 3 layers, got 3"),
    ],
)
def test_impossible_options_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
