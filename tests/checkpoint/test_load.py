"""A checkpoint loads in another dtype and on another kernel; what it needs is asked for, nothing more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from valle_core.checkpoint.folder import find_checkpoint
from valle_core.checkpoint.load import load_model
from valle_core.config.resolve import resolve
from valle_core.config.schema import Part, Schema, Slot
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import pack
from valle_core.types import TaskInputs
from valle_testing.runs import change_plugin

CPU = torch.device("cpu")


@pytest.fixture
def run(tmp_path) -> Path:
    """The committed run, to be changed."""
    source = Path(__file__).parents[1] / "golden" / "run"
    return Path(shutil.copytree(source, tmp_path / "run"))


@pytest.fixture(scope="module")
def kernel() -> Part:
    return resolve(Schema((Slot("attention", "attention", "eager"),)), Registry.open()).part("attention")


@torch.inference_mode()
def logits(loaded, level: int) -> torch.Tensor:
    codes = torch.arange(20).view(5, 4)
    inputs = TaskInputs(text=torch.tensor([2, 3]), language=0, prompt=codes, response=codes)
    row = lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level])
    return loaded.model(pack([row], loaded.model.rules))[0][level]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("level", [0, 2])
def test_in_half_precision_it_says_about_the_same(run, dtype, level):
    whole, half = (load_model(run, Registry.open(), device=CPU, dtype=kind) for kind in (torch.float32, dtype))
    assert {parameter.dtype for parameter in half.model.parameters()} == {dtype}
    torch.testing.assert_close(logits(half, level).float(), logits(whole, level), atol=0.1, rtol=0.1)


def test_on_another_kernel_it_says_the_same(run, kernel):
    usual = load_model(run, Registry.open(), device=CPU)
    eager = load_model(run, Registry.open(), device=CPU, attention=kernel)
    assert type(usual.model.backbone.layers[0].attention.kernel.kernel).__name__ != (
        type(eager.model.backbone.layers[0].attention.kernel.kernel).__name__
    )
    for level in (0, 1):
        torch.testing.assert_close(logits(eager, level), logits(usual, level), atol=1e-5, rtol=1e-5)


def test_a_kernel_that_is_not_there_is_needed_only_where_no_other_is_chosen(run, kernel):
    change_plugin(run, "attention", name="psychic", distribution="valle-psychic", version="2.0")
    path = find_checkpoint(run) / "model.yaml"
    path.write_text(path.read_text().replace("sdpa", "psychic"))
    with pytest.raises(UserError, match=r"attention 'psychic' .*pip install valle-psychic==2\.0"):
        load_model(run, Registry.open(), device=CPU)
    load_model(run, Registry.open(), device=CPU, attention=kernel)


def test_an_arch_that_is_not_there_is_always_needed(run, kernel):
    change_plugin(run, "arch", name="hyena", distribution="valle-hyena", version="3.1")
    with pytest.raises(UserError, match="arch 'hyena'"):
        load_model(run, Registry.open(), device=CPU, attention=kernel)
