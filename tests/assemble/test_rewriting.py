"""Rewrites are applied in order after the backbone is built, kept with the checkpoint, and applied again at loading."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from valle_core.assemble.rewriting import rewritten
from valle_core.assemble.schema import MODEL_SCHEMA
from valle_core.checkpoint.folder import find_checkpoint
from valle_core.checkpoint.load import load_model
from valle_core.config.resolve import resolve
from valle_core.config.save import to_plain
from valle_core.plugin import PluginSpec, UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.kinds import kind_named
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.registry.scan import scan
from valle_core.registry.select import Selected
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.distribution import announce

GOLDEN = Path(__file__).parents[1] / "golden" / "run"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Options:
    mark: str = "a"


class Marked(nn.Linear):
    """A linear layer with a mark that is saved."""

    def __init__(self, linear, marks):
        super().__init__(linear.in_features, linear.out_features, bias=linear.bias is not None)
        self.marks = marks
        self.register_buffer("seen", torch.zeros(len(marks)))


class Marking:
    def __init__(self, options):
        self.mark = options.mark

    def targets(self, backbone):
        return [name for name, part in backbone.named_modules() if isinstance(part, nn.Linear)]

    def apply(self, backbone):
        if self.mark == "burst":
            raise RuntimeError("too\nmuch")
        if self.mark == "alone":
            return nn.Linear(1, 1)
        names = self.targets(backbone)
        if not names:
            raise UserError("there is nothing to mark")
        for name in names:
            old = backbone.get_submodule(name)
            backbone.set_submodule(name, Marked(old, getattr(old, "marks", "") + self.mark))
        return backbone


SPEC = f'''
from valle_core.plugin import PluginSpec
def spec(name, words):
    return PluginSpec(kind="rewrite", name=name, api=1, summary="s", factory="{__name__}:Marking",
                      options="{__name__}:Options", capabilities=frozenset(words))
MARK, FROZEN = spec("mark", ["trainable"]), spec("frozen", [])
'''


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """What is installed, and two rewrites."""
    entries = {"valle.rewrite": {"mark": "acme_marks:MARK", "frozen": "acme_marks:FROZEN"}}
    announce(tmp_path, "acme", entries, acme_marks=SPEC)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    return Registry(scan(sys.path))


@pytest.fixture
def run(tmp_path) -> Path:
    """The committed run, made before there were rewrites."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "run"))


def selected() -> Selected:
    spec = PluginSpec(
        kind="rewrite",
        name="mark",
        api=1,
        summary="",
        factory=f"{__name__}:Marking",
        options=f"{__name__}:Options",
    )
    entry = Entry(
        kind=kind_named("rewrite"),
        name="mark",
        distribution="acme",
        version="1.0",
        status="ok",
        spec=spec,
    )
    return Selected(name="mark", entry=entry, spec=spec)


def rewrite_in_checkpoint(run: Path, chain: object) -> None:
    path = find_checkpoint(run) / "model.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"rewrite": chain}))


def test_a_rewrite_that_raises_is_told_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    with pytest.raises(UserError, match=r"^rewrite 'mark' \(acme 1\.0\) could not be applied: RuntimeError: too much$"):
        rewritten(FakeBackbone(), selected(), Options("burst"))


def test_a_rewrite_that_gives_back_no_backbone_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    with pytest.raises(UserError, match="it gave back a Linear, which is not a backbone"):
        rewritten(FakeBackbone(), selected(), Options("alone"))


def test_nothing_to_replace_is_told_in_the_words_of_the_rewrite(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    backbone = FakeBackbone()
    backbone.own = backbone.seen = nn.ModuleList()
    with pytest.raises(UserError, match="there is nothing to mark"):
        rewritten(backbone, selected(), Options())


def test_a_checkpoint_made_before_there_were_rewrites_loads_without_any(run):
    loaded = load_model(run, Registry.open(), device=CPU)
    assert not any(isinstance(part, Marked) for part in loaded.model.modules())


def test_a_chain_of_rewrites_is_applied_in_order_before_the_weights_are_read(run, registry):
    rewrite_in_checkpoint(run, [{"name": "mark", "mark": "x"}, {"name": "mark", "mark": "y"}])
    with pytest.raises(UserError, match="do not fit its model"):  # the marks are not among the stored weights
        load_model(run, registry, device=CPU)
    path = find_checkpoint(run) / "model.safetensors"
    tensors = load_file(path)
    linear = {n.removesuffix(".weight") for n, t in tensors.items() if n.startswith("backbone.") and t.ndim == 2}
    tensors |= {f"{name}.seen": torch.ones(2) for name in linear}
    save_file(tensors, path)
    model = load_model(run, registry, device=CPU).model
    marked = [part for part in model.backbone.modules() if isinstance(part, Marked)]
    assert len(marked) == len(linear) > 0
    assert {part.marks for part in marked} == {"xy"}
    assert all(bool(part.seen.all()) for part in marked)


def test_a_missing_rewrite_of_a_checkpoint_is_named_with_its_distribution(run):
    path = find_checkpoint(run) / "manifest.json"
    stored = json.loads(path.read_text())
    stored["plugins"].append({"kind": "rewrite", "name": "mark", "distribution": "acme", "version": "1.0", "api": 1})
    path.write_text(json.dumps(stored))
    with pytest.raises(UserError, match=r"was made with rewrite 'mark' of acme 1\.0, which is not installed"):
        load_model(run, Registry.open(), device=CPU)


def test_the_configuration_keeps_the_chain_with_its_options(registry):
    flags = [("rewrite", "mark"), ("rewrite.mark", "b"), ("rewrite", "mark")]
    resolved = resolve(MODEL_SCHEMA, registry, flags=flags)
    assert to_plain(resolved)["rewrite"] == [{"name": "mark", "mark": "b"}, {"name": "mark", "mark": "a"}]
    assert to_plain(resolve(MODEL_SCHEMA, registry))["rewrite"] == []


def test_training_refuses_a_rewrite_that_leaves_nothing_to_train(registry):
    with pytest.raises(UserError, match=r"rewrite 'frozen' \(acme 1\.0\) cannot do trainable"):
        preflight(registry, {"rewrite": ("rewrite", ["frozen"])}, demands={"rewrite": frozenset({"trainable"})})
