"""An adapter from its beginning to a model that speaks with it: trained alone, saved alone, several, merged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from valle_lora.adapters import begin, fingerprint, put_on, read, save
from valle_lora.options import LoraOptions
from valle_lora.parametrization import Adapter
from valle_lora.speaking import speak_with

from valle_core.api import RunFolder, UserError, load_model
from valle_core.config.resolve import resolve
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import pack
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.run import run_training
from valle_core.types import TaskInputs
from valle_kit.init_from import start_from

SETTINGS = {
    "arch": "transformer", "arch.d_model": "16", "arch.n_layers": "1", "arch.n_heads": "2", "arch.dropout": "0",
    "steps": "3", "warmup": "0", "log_every": "1", "device": "cpu", "batching.seconds": "8", "lr": "0.01",
}  # fmt: skip
ONLY = {"train_only": "*.lora_*"}


def run(data: Path, out: Path, start: Path | None = None, **changes) -> list[dict]:
    flags = SETTINGS | {"data": str(data), "out": str(out)} | changes
    config = None
    if start:
        config = RunFolder(start).latest() / "model.yaml"
        flags = {key: value for key, value in flags.items() if not key.startswith("arch")} | {"init_from": str(start)}
    registry = Registry.open()
    resolved = resolve(TRAIN_SCHEMA, registry, yaml_file=config, flags=list(flags.items()))
    run_training(resolved, registry, Observers(), start_from=start_from)
    return [json.loads(line) for line in RunFolder(out).metrics.read_text().splitlines()]


def logits(path: Path, level: int = 0) -> torch.Tensor:
    model = load_model(path, Registry.open(), device=torch.device("cpu")).model
    codes = torch.randint(0, model.vocabulary.codebook_size, (6, model.vocabulary.num_levels),
                          generator=torch.Generator().manual_seed(1))  # fmt: skip
    inputs = TaskInputs(text=torch.tensor([1, 2]), language=0, prompt=codes[:2], response=codes)
    row = lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level])
    with torch.no_grad():
        return model(pack([row], model.rules)).logits[level]


@pytest.fixture(scope="module")
def trained(tone_dataset, tmp_path_factory):
    """A base, and two runs with an adapter of it."""
    folder = tmp_path_factory.mktemp("lora")
    run(tone_dataset, folder / "base")
    begin(folder / "base", LoraOptions(rank=2), folder / "start")
    for name, seed in (("one", "1"), ("two", "2")):
        run(tone_dataset, folder / name, folder / "start", seed=seed, **ONLY)
    return folder


def test_a_fresh_adapter_changes_nothing_and_a_trained_one_something(trained):
    torch.testing.assert_close(logits(trained / "start"), logits(trained / "base"), atol=1e-6, rtol=1e-6)
    assert (logits(trained / "one") - logits(trained / "start")).abs().max() > 1e-4


def test_several_are_put_on_a_model_that_is_about_to_speak(trained, tmp_path):
    base, device = trained / "base", torch.device("cpu")
    for name in ("one", "two"):
        save(trained / name, base, tmp_path / name)
    put_on(base, [tmp_path / "one", tmp_path / "two"], [1.0, 0.5], tmp_path / "both", merge=True)
    half, expected = (load_model(path, Registry.open(), device=device) for path in (base, tmp_path / "both"))
    speak_with((half, half), [str(tmp_path / "one"), f"{tmp_path / 'two'}=0.5"])
    found, wanted = half.model.state_dict(), expected.model.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(value, found[name]) for name, value in wanted.items())
    other = load_model(trained / "one", Registry.open(), device=device)
    with pytest.raises(UserError, match="was trained on other weights than those of"):
        speak_with((other, other), [str(tmp_path / "one")])
    with pytest.raises(UserError, match=r"the scale must be a number, as in .*one=0.5, got 'much'"):
        speak_with((other, other), [f"{tmp_path / 'one'}=much"])
    fresh = load_model(base, Registry.open(), device=device)
    with pytest.raises(UserError, match=r"the scale of adapter .*one must be above 0, got -1"):
        speak_with((fresh, fresh), [f"{tmp_path / 'one'}=-1"])


def test_each_half_gets_the_adapter_that_was_trained_on_it(trained, tmp_path, tone_dataset):
    registry, device = Registry.open(), torch.device("cpu")
    run(tone_dataset, trained / "other", seed="9")
    begin(trained / "other", LoraOptions(rank=1), trained / "other-start")
    run(tone_dataset, trained / "other-one", trained / "other-start", **ONLY)
    save(trained / "one", trained / "base", tmp_path / "a")
    save(trained / "other-one", trained / "other", tmp_path / "b")
    halves = [load_model(trained / name, registry, device=device) for name in ("base", "other")]
    before = [fingerprint(half.model) for half in halves]
    speak_with(halves, [str(tmp_path / "b"), str(tmp_path / "a")])
    assert all(fingerprint(half.model) != mark for half, mark in zip(halves, before, strict=True))


def test_nothing_but_the_adapter_is_trained(trained):
    before, after = (load_file(RunFolder(trained / n).latest() / "model.safetensors") for n in ("start", "one"))
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    assert moved
    assert all(".lora_" in name for name in moved)
    optimizer = load_file(RunFolder(trained / "one").latest() / "optimizer.safetensors")
    assert all(".lora_" in name for name in optimizer if not name.startswith("group."))


def test_saved_alone_and_put_on_the_base_again_it_says_the_same_merged_or_not(trained, tmp_path):
    layers, changed = save(trained / "one", trained / "base", tmp_path / "a")
    assert (layers, changed) == (4, 0)
    assert sum(f.stat().st_size for f in (tmp_path / "a").iterdir()) < 20_000
    put_on(trained / "base", [tmp_path / "a"], [1.0], tmp_path / "whole", merge=False)
    put_on(trained / "base", [tmp_path / "a"], [1.0], tmp_path / "merged", merge=True)
    wanted = logits(trained / "one")
    torch.testing.assert_close(logits(tmp_path / "whole"), wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logits(tmp_path / "merged"), wanted, atol=1e-5, rtol=1e-5)
    manifest = json.loads((RunFolder(tmp_path / "merged").latest() / "manifest.json").read_text())
    assert not [plugin for plugin in manifest["plugins"] if plugin["kind"] == "rewrite"]
    put_on(trained / "one", [], [], tmp_path / "own", merge=True)
    torch.testing.assert_close(logits(tmp_path / "own"), wanted, atol=1e-5, rtol=1e-5)


def test_several_count_as_much_as_they_are_asked_to(trained, tmp_path):
    for name in ("one", "two"):
        save(trained / name, trained / "base", tmp_path / name)
    both = [tmp_path / "one", tmp_path / "two"]
    put_on(trained / "base", both, [1.0, 0.5], tmp_path / "both", merge=False)
    put_on(trained / "base", both, [1.0, 0.5], tmp_path / "merged", merge=True)
    torch.testing.assert_close(logits(tmp_path / "both"), logits(tmp_path / "merged"), atol=1e-5, rtol=1e-5)
    weights = {n: load_file(RunFolder(tmp_path / n).latest() / "model.safetensors") for n in ("merged",)}["merged"]
    base = load_file(RunFolder(trained / "base").latest() / "model.safetensors")
    name = "backbone.layers.0.attention.qkv.weight"
    name = name if name in base else next(n for n in base if n.endswith("qkv.weight"))
    added = torch.zeros_like(base[name])
    for folder, scale in zip(both, (1.0, 0.5), strict=True):
        tensors, layer = read(folder).tensors, name.removeprefix("backbone.").removesuffix(".weight")
        added += scale * 8 * tensors[f"{layer}.0.lora_B"] @ tensors[f"{layer}.0.lora_A"]
    torch.testing.assert_close(weights[name], base[name] + added, atol=1e-6, rtol=1e-5)


def test_what_else_was_trained_is_saved_with_it_and_two_that_change_the_same_exclude_each_other(
    tone_dataset, trained, tmp_path
):
    more = {"train_only": "['*.lora_*', 'heads.*']"}
    run(tone_dataset, tmp_path / "r", trained / "start", **more)
    layers, changed = save(tmp_path / "r", trained / "base", tmp_path / "a")
    assert layers == 4
    assert changed >= 1
    put_on(trained / "base", [tmp_path / "a"], [1.0], tmp_path / "whole", merge=False)
    torch.testing.assert_close(logits(tmp_path / "whole"), logits(tmp_path / "r"), atol=1e-5, rtol=1e-5)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with pytest.raises(UserError, match=r"both change heads\..*; give one of them"):
        put_on(trained / "base", [tmp_path / "a", tmp_path / "b"], [1.0, 1.0], tmp_path / "no", merge=False)


def test_a_run_with_an_adapter_resumes_exactly(tone_dataset, trained, tmp_path):
    whole = run(tone_dataset, tmp_path / "whole", trained / "start", steps="4", **ONLY)
    run(tone_dataset, tmp_path / "r", trained / "start", steps="4", minutes="0.0000001", **ONLY)
    config = RunFolder(tmp_path / "r").config
    flags = [("resume", "true"), ("minutes", "0"), ("out", str(tmp_path / "r"))]
    registry = Registry.open()
    run_training(resolve(TRAIN_SCHEMA, registry, yaml_file=config, flags=flags), registry, Observers())
    lines = [json.loads(line) for line in RunFolder(tmp_path / "r").metrics.read_text().splitlines()]
    assert [line["loss"] for line in lines] == [line["loss"] for line in whole]


def test_what_does_not_fit_is_told_in_one_line(tone_dataset, trained, tmp_path):
    save(trained / "one", trained / "base", tmp_path / "a")
    with pytest.raises(UserError, match="was trained on other weights than those of"):
        put_on(trained / "two", [tmp_path / "a"], [1.0], tmp_path / "no", merge=False)
    with pytest.raises(UserError, match="there is nothing to save"):
        save(trained / "base", trained / "base", tmp_path / "no")
    with pytest.raises(UserError, match="is not an adapter"):
        put_on(trained / "base", [tmp_path / "nowhere"], [1.0], tmp_path / "no", merge=False)
    tensors = load_file(tmp_path / "a" / "adapter.safetensors")
    name = min(tensors)
    save_file({**tensors, name: torch.zeros(1)}, tmp_path / "a" / "adapter.safetensors")
    with pytest.raises(UserError, match="is missing or of another shape"):
        put_on(trained / "base", [tmp_path / "a"], [1.0], tmp_path / "no", merge=False)
    (tmp_path / "a" / "adapter.json").write_text('{"format_version": 9}')
    with pytest.raises(UserError, match="is not an adapter"):
        put_on(trained / "base", [tmp_path / "a"], [1.0], tmp_path / "no", merge=False)
    with pytest.raises(UserError, match="is not empty; choose another --out"):
        begin(trained / "base", LoraOptions(), trained / "one")
    with pytest.raises(UserError, match=r"train_only: '.*lora.*' names no parameter"):
        run(tone_dataset, tmp_path / "r", **ONLY)
    assert not (tmp_path / "no").exists()


def test_an_adapter_of_some_levels_is_trained_saved_and_put_on_but_not_merged(tone_dataset, trained, tmp_path):
    begin(trained / "base", LoraOptions(rank=2, levels="1"), tmp_path / "start")
    run(tone_dataset, tmp_path / "run", tmp_path / "start", **ONLY)
    save(tmp_path / "run", trained / "base", tmp_path / "a")
    assert [one.levels for one in read(tmp_path / "a").rewrites] == ["1"]
    put_on(trained / "base", [tmp_path / "a"], [1.0], tmp_path / "on", merge=False)
    for level in (0, 1):
        moved = (logits(tmp_path / "on", level) - logits(trained / "base", level)).abs().max()
        assert (moved > 1e-4) == (level == 1)
        torch.testing.assert_close(
            logits(tmp_path / "on", level), logits(tmp_path / "run", level), atol=1e-5, rtol=1e-5
        )
    with pytest.raises(
        UserError, match=r"levels 1 alone cannot be merged into .*which predicts 0-\d.*leave --merge out"
    ):
        put_on(trained / "base", [tmp_path / "a"], [1.0], tmp_path / "no", merge=True)
    assert not (tmp_path / "no").exists()
    half = load_model(trained / "base", Registry.open(), device=torch.device("cpu"))
    save(trained / "one", trained / "base", tmp_path / "b")
    speak_with((half, half), [str(tmp_path / "a"), str(tmp_path / "b")])
    assert {one.levels for one in half.model.backbone.modules() if isinstance(one, Adapter)} == {frozenset({1})}


def test_an_adapter_of_all_levels_that_a_half_predicts_is_merged_into_it(tone_dataset, trained, tmp_path):
    run(tone_dataset, tmp_path / "base", **{"model.parts": "ar"})
    begin(tmp_path / "base", LoraOptions(rank=2, levels="0"), tmp_path / "start")
    run(tone_dataset, tmp_path / "run", tmp_path / "start", **ONLY)
    put_on(tmp_path / "run", [], [], tmp_path / "merged", merge=True)
    torch.testing.assert_close(logits(tmp_path / "merged"), logits(tmp_path / "run"), atol=1e-5, rtol=1e-5)
    assert not any(
        ".lora_" in name for name in load_file(RunFolder(tmp_path / "merged").latest() / "model.safetensors")
    )
    with pytest.raises(UserError, match=r"levels must be among 0, which .*base predicts, got 1-2"):
        begin(tmp_path / "base", LoraOptions(levels="0-2"), tmp_path / "no")
