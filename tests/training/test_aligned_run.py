"""A run over data with times takes an alignment by itself, resumes exactly, and keeps to what its checkpoint has."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from valle_core.checkpoint.folder import RunFolder, read_tensors
from valle_core.checkpoint.load import load_model
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_data.preparation import encoding
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_kit.init_from import fitted_weights
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus
from valle_testing.runs import SMALL, figures, train

SETTINGS = SMALL | {"steps": "4", "checkpoint_every": "2", "batching.seconds": "64", "average": "0.9"}


run = partial(train, SETTINGS)


@pytest.fixture(scope="module")
def timed(tmp_path_factory) -> Path:
    """A corpus whose phonemes are evenly spread over its recordings."""
    folder, make_record = tmp_path_factory.mktemp("timed"), encoding.make_record

    def with_times(codec, id, codes, phonemes, times=()):
        record = make_record(codec, id, codes, phonemes, times)
        n, length = len(record.phonemes), 1000 * len(codes) / codec.frame_rate
        return replace(record, times=tuple(round(length * k / n) for k in range(n + 1)))

    tone_corpus(folder / "wav")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("valle_data.preparation.work.make_record", with_times)
        options = PrepareOptions(source=folder / "wav", out=folder / "data")
        prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    return folder / "data"


@pytest.fixture(scope="module")
def whole(timed, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    run(timed, out)
    return out


def _eighth(tensors, *names):
    """These of the tensors as whole numbers with a scale for each row, without the rows that are zero."""
    stored = dict(tensors)
    for name in names:
        rows = tensors[name].flatten(1).any(1).nonzero().flatten()
        scale = tensors[name][rows].abs().amax(-1) / 127
        stored |= {f"{name}.scale": scale, f"{name}.rows": rows.int()}
        stored[name] = (tensors[name][rows] / scale[..., None]).round().to(torch.int8)
    return stored


@pytest.mark.parametrize("eighth", [False, True])
def test_a_new_run_with_other_symbols_and_languages_takes_what_the_pointer_knew_of_the_old_ones(whole, eighth):
    loaded = load_model(RunFolder(whole).latest(), Registry.open(), device=torch.device("cpu"))
    now, model, trained = loaded.manifest, loaded.model, dict(loaded.model.state_dict())
    symbols = [*now.symbols]
    before = replace(now, symbols=(*symbols[:2], "ʘ", *symbols[3:][::-1]), languages=("yy",))
    table, language = "alignment.encoder.table", "alignment.encoder.language"
    reverse = [0, 1, 2, *range(3, len(symbols))[::-1], *range(len(symbols), len(symbols) + 2)]
    old = trained | {
        table: trained[table][reverse],
        "alignment.dwells.counts": trained["alignment.dwells.counts"][reverse],
    }
    found = fitted_weights(_eighth(old, table, language) if eighth else old, model, before, now)
    fresh, near = trained[table][2], {"atol": 0.02 if eighth else 0, "rtol": 0}
    assert torch.allclose(found[table], trained[table], **near)
    assert torch.equal(found[table][2], fresh)
    assert torch.equal(found["alignment.dwells.counts"], trained["alignment.dwells.counts"])
    assert torch.equal(found[language], trained[language])
    assert found.keys() == trained.keys()
    smaller = replace(now, symbols=now.symbols[:-2])
    old[table] = torch.cat([trained[table][: len(symbols) - 2], trained[table][-2:]])
    found = fitted_weights(_eighth(old, table) if eighth else old, model, smaller, now)
    assert torch.allclose(found[table], trained[table], **near)


def test_data_with_times_is_aligned_unless_told_otherwise(timed, whole, tone_dataset, tmp_path):
    assert "alignment:\n  name: pointer" in (whole / "config.yaml").read_text()
    assert any("advance" in line for line in figures(whole))
    for out, data, how in (("plain", timed, {"alignment": "none"}), ("untimed", tone_dataset, {})):
        run(data, tmp_path / out, steps="1", **how)
        assert load_model(tmp_path / out, Registry.open(), device=torch.device("cpu")).model.alignment is None


def test_it_resumes_exactly_with_averaged_weights(timed, whole, tmp_path):
    random.seed(0)
    run(timed, tmp_path / "r", minutes="0.000001")
    run(timed, tmp_path / "r", resume="true")
    assert figures(tmp_path / "r") == figures(whole)
    for stem in ("model", "current"):
        one, other = (read_tensors(RunFolder(out).latest(), stem) for out in (whole, tmp_path / "r"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), stem


def test_the_average_is_what_is_spoken_with(whole):
    averaged, current = (read_tensors(RunFolder(whole).latest(), stem) for stem in ("model", "current"))
    assert not torch.equal(averaged["alignment.here"], current["alignment.here"])
    assert torch.equal(averaged["alignment.dwells.counts"], current["alignment.dwells.counts"])
    model = load_model(whole, Registry.open(), device=torch.device("cpu")).model
    assert torch.equal(model.state_dict()["alignment.here"], averaged["alignment.here"])


def test_a_resumed_run_keeps_its_alignment(timed, whole, tmp_path):
    with pytest.raises(UserError, match="was trained with --alignment pointer, got none"):
        run(timed, whole, resume="true", alignment="none")


def test_an_alignment_without_times_is_refused_with_what_helps(tone_dataset, tmp_path):
    with pytest.raises(UserError, match=r"no times of its phonemes \(--alignment none needs none\)"):
        run(tone_dataset, tmp_path / "r", alignment="pointer")
    with pytest.raises(UserError, match="cannot do times"):
        run(tone_dataset, tmp_path / "r", alignment="pointer", task="tts-c")
    with pytest.raises(UserError, match="name the alignment that has it: --alignment NAME"):
        run(tone_dataset, tmp_path / "r", alignment__jitter="0.1")


@pytest.mark.parametrize("arch", ["llama", "mixtral"])
def test_bf16_trains_rotary_backbones(arch, timed, tmp_path):
    run(timed, tmp_path / "r", precision="bf16", steps="1", arch=arch, arch__dropout="0.0")
