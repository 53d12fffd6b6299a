"""A model in a folder of its own speaks as the run did, runs no code, and says which plugins it lacks."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from valle_core.api import Registry, load_model
from valle_core.checkpoint.folder import RunFolder
from valle_core.types import SequenceMask


@pytest.fixture(scope="session")
def exported(spine, tmp_path_factory):
    """The spine's run, exported."""
    from valle_cli.main import run

    out = tmp_path_factory.mktemp("exported") / "model"
    assert run(["export", str(spine.run), "--out", str(out), "--licence", "cc0-1.0"]) == 0
    return out


def said(valle, spine, model, wav) -> bytes:
    words = spine.speaking(wav, "--prompt", str(spine.prompt), "--seed", "3")
    words[words.index("--model") + 1] = str(model)
    code, _, err = valle(*words)
    assert code == 0, err
    return wav.read_bytes()


def test_it_speaks_as_the_run_bit_for_bit(valle, spine, exported, tmp_path):
    assert said(valle, spine, exported, tmp_path / "a.wav") == said(valle, spine, spine.run, tmp_path / "b.wav")


def test_it_speaks_from_another_place_when_the_run_is_gone(valle, spine, exported, tmp_path, monkeypatch):
    before = said(valle, spine, exported, tmp_path / "a.wav")
    shutil.copytree(exported, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert said(valle, spine, "moved", tmp_path / "b.wav") == before


def test_no_path_of_the_machine_is_in_it(spine, exported):
    texts = [path.read_text("utf-8") for path in exported.rglob("*") if path.suffix in (".yaml", ".json", ".md")]
    assert len(texts) == 5
    assert not [text for text in texts if str(spine.root) in text]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_half_the_size_and_speaks(valle, spine, exported, tmp_path, dtype):
    code, out, err = valle("export", spine.run, "--out", tmp_path / "half", "--dtype", dtype, "--json")
    assert code == 0, err
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (exported, tmp_path / "half")]
    assert sizes[1] / sizes[0] == pytest.approx(0.5, abs=0.02)
    assert json.loads(out)["dtype"] == dtype
    assert said(valle, spine, tmp_path / "half", tmp_path / "a.wav")
    whole, half = (load_file(folder / "model.safetensors") for folder in (exported, tmp_path / "half"))
    assert all(torch.equal(half[name], whole[name].to(getattr(torch, dtype))) for name in whole)


def test_the_average_or_the_weights_that_training_goes_on_from(valle, spine, tmp_path):
    assert valle(*spine.training(tmp_path / "run", "--average", "0.9", "--steps", "4"))[0] == 0
    for weights, stem in (("average", "model"), ("current", "current")):
        assert valle("export", tmp_path / "run", "--out", tmp_path / weights, "--weights", weights)[0] == 0
        expected = load_file(RunFolder(tmp_path / "run").latest() / f"{stem}.safetensors")
        found = load_file(tmp_path / weights / "model.safetensors")
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in found)


def test_a_new_run_starts_from_it(valle, spine, exported, tmp_path):
    code, _, err = valle(*spine.training(tmp_path / "run", "--init-from", str(exported), "--lr", "0", "--steps", "1"))
    assert code == 0, err
    started, given = (
        load_file(RunFolder(tmp_path / "run").latest() / "model.safetensors"),
        load_file(exported / "model.safetensors"),
    )
    assert all(torch.equal(started[name], given[name]) for name in given)


def test_code_in_the_folder_is_never_run(valle, spine, exported, tmp_path, monkeypatch):
    shutil.copytree(exported, tmp_path / "model")
    trap = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    for name in ("__init__.py", "modeling_valle.py", "torch.py", "sitecustomize.py", "valle_llama.py"):
        (tmp_path / "model" / name).write_text(trap)
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.chdir(tmp_path / "model")
    assert said(valle, spine, ".", tmp_path / "a.wav") == said(valle, spine, exported, tmp_path / "b.wav")
    assert not (tmp_path / "ran").exists()


def test_yaml_that_names_python_objects_is_refused(valle, refused, spine, exported, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    (tmp_path / "model" / "training.yaml").write_text("!!python/object/apply:os.system ['false']\n")
    assert said(valle, spine, tmp_path / "model", tmp_path / "a.wav")
    (tmp_path / "model" / "model.yaml").write_text("arch: !!python/object/apply:os.system ['false']\n")
    words = spine.speaking(tmp_path / "o.wav")
    words[words.index("--model") + 1] = str(tmp_path / "model")
    assert "model.yaml" in refused(*words)


def test_every_missing_plugin_is_named_with_what_installs_it(valle, spine, exported, tmp_path, monkeypatch):
    manifest = json.loads((exported / "manifest.json").read_text())
    for plugin in manifest["plugins"]:
        if plugin["kind"] in ("arch", "task"):
            plugin |= {"name": f"gone-{plugin['kind']}", "distribution": f"acme-{plugin['kind']}", "version": "2.0"}
    shutil.copytree(exported, tmp_path / "model")
    (tmp_path / "model" / "manifest.json").write_text(json.dumps(manifest))
    words = spine.speaking(tmp_path / "o.wav")
    words[words.index("--model") + 1] = str(tmp_path / "model")
    code, _, err = valle(*words)
    lines = [line for line in err.splitlines() if "gone-" in line]
    assert code == 2
    assert len(lines) == 2
    assert (
        "arch 'gone-arch' of acme-arch 2.0, which is not installed. Install it with: pip install acme-arch==2.0" in err
    )
    assert "Install it with: pip install acme-task==2.0" in err
    code, out, _ = valle("plugins", "lock", tmp_path / "model", "--check")
    assert code == 1
    assert "2 of 5 plugins are missing\ninstall them with: pip install acme-arch==2.0 acme-task==2.0" in out


def test_weights_of_a_codec_are_taken_along(valle, spine, tmp_path):
    import valle_codec_tiny.codec

    own = tmp_path / "mine" / "codec.safetensors"
    own.parent.mkdir()
    tensors = load_file(valle_codec_tiny.codec.SHIPPED)
    save_file(tensors, own, metadata=_metadata(valle_codec_tiny.codec.SHIPPED))
    code, _, err = valle("prepare", spine.recordings, "--out", tmp_path / "data", "--codec", "tiny", "--codec.weights",
                         own, "--device", "cpu", "--quiet")  # fmt: skip
    assert code == 0, err
    words = spine.training(tmp_path / "run", "--steps", "2")
    words[words.index("--data") + 1] = str(tmp_path / "data")
    assert valle(*words)[0] == 0
    before = said(valle, spine, tmp_path / "run", tmp_path / "a.wav")
    assert valle("export", tmp_path / "run", "--out", tmp_path / "model")[0] == 0
    shutil.rmtree(own.parent)
    shutil.rmtree(tmp_path / "data")
    shutil.move(tmp_path / "model", tmp_path / "moved")
    assert said(valle, spine, tmp_path / "moved", tmp_path / "b.wav") == before
    words = spine.speaking(tmp_path / "o.wav")
    words[words.index("--model") + 1] = str(tmp_path / "run")
    assert valle(*words)[0] == 2
    code, _, err = valle("export", tmp_path / "run", "--out", tmp_path / "again")
    assert (code, "--codec.weights" in err, (tmp_path / "again").exists()) == (2, True, False)


def _metadata(path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def test_what_is_there_is_not_replaced(refused, spine, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    assert "is there already. Choose another --out" in refused("export", spine.run, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "nowhere", "--out", "o"], "no such run"),
        (["export", "RUN", "--out", "o", "--format", "tarball"], "tarball"),
        (["export", "RUN", "--out", "o", "--dtype", "int4"], "int4"),
        (["export", "RUN"], "missing --out"),
        (["plugins", "lock", "nowhere.json", "--check"], "not a list of plugins"),
        (["plugins", "lock", "--check"], "Name a run"),
    ],
)
def test_mistakes_are_told_in_one_line(refused, spine, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*(str(spine.run) if word == "RUN" else word for word in words))


def test_adapters_are_merged_into_the_weights(valle, spine, tmp_path):
    assert valle("adapter", "new", spine.run, "--rank", "2", "--out", tmp_path / "start")[0] == 0
    config = RunFolder(tmp_path / "start").latest() / "model.yaml"
    words = ["train", "--config", config, "--data", spine.data, "--init-from", tmp_path / "start", "--train-only",
             "*.lora_*", "--out", tmp_path / "run", "--steps", "4", "--lr", "0.05", "--warmup", "0", "--device", "cpu",
             "--batching.seconds", "10", "--quiet"]  # fmt: skip
    code, _, err = valle(*words)
    assert code == 0, err
    code, _, err = valle("export", tmp_path / "run", "--out", tmp_path / "model", "--merge")
    assert code == 0, err
    assert "rewrite: []" in (tmp_path / "model" / "model.yaml").read_text()
    found, base = (
        load_file(folder / "model.safetensors") for folder in (tmp_path / "model", RunFolder(spine.run).latest())
    )
    assert found.keys() == base.keys()
    changed = [name for name in base if not torch.equal(found[name], base[name])]
    assert changed
    assert all(name.startswith("backbone.") and name.endswith(".weight") for name in changed)
    adapted, merged = (
        load_model(folder, Registry.open(), device=torch.device("cpu")).model
        for folder in (tmp_path / "run", tmp_path / "model")
    )
    x, mask = torch.randn(1, 5, 32), SequenceMask.full(torch.tensor([5]))
    h = [model.backbone(x, mask, torch.arange(5)[None], condition=x[:, 0]).h for model in (adapted, merged)]
    torch.testing.assert_close(h[0], h[1], atol=1e-5, rtol=1e-5)


def test_where_there_are_no_adapters_nothing_changes(valle, spine, tmp_path):
    assert valle("export", spine.run, "--out", tmp_path / "model", "--merge")[0] == 0
    base = load_file(RunFolder(spine.run).latest() / "model.safetensors")
    found = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.equal(found[name], base[name]) for name in base)
