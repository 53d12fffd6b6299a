"""What `fused` refuses, what it leaves alone, and what the suite says when its bounds are swapped."""

from __future__ import annotations

import importlib.util
import inspect
import os
from dataclasses import replace

import pytest
import torch
from valle_attention_fused import forward, kernel, operators, plugin, tiles
from valle_attention_fused.options import FusedOptions
from valle_attention_fused.plugin import FUSED, INTERPRETER

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_testing import planted
from valle_testing.suites.attention import rule

LENGTHS = torch.tensor([6, 4])
Q = torch.zeros(2, 4, 6, 16)


@pytest.fixture
def fused():
    return kernel.build(FusedOptions())


def loaded(name, path):
    """A module anew, beside the one that was imported."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def faulty(tmp_path, changes):
    """The forward kernel with some of its source replaced."""
    source = inspect.getsource(forward)
    for old, new in changes.items():
        assert old in source
        source = source.replace(old, new)
    path = tmp_path / "faulty_forward.py"
    path.write_text(source)
    return loaded("faulty_forward", path).forward


FAULTS = {
    "the two bounds of the mask are swapped": {
        "tl.maximum(prefix, latest + 1)": "tl.maximum(prefix, earliest + 1)",
        "tl.maximum(prefix, earliest + 1)) // N": "tl.maximum(prefix, latest + 1)) // N",
    },
}


@pytest.mark.usefixtures("unchecked_integers")
@pytest.mark.parametrize("name", FAULTS)
def test_the_suite_sees_a_fault_planted_in_the_bounds(name, fused, tmp_path, monkeypatch, record_property):
    monkeypatch.setenv(INTERPRETER, "1")
    monkeypatch.setattr(operators, "forward", faulty(tmp_path, FAULTS[name]))
    monkeypatch.setattr(kernel, "MOST_QUERIES", 0)
    fault = planted.Fault(kind="attention", name=name, check="equals_the_rule", given=(fused, FUSED.capabilities))
    assert fault.caught(record_property)


def test_the_interpreter_is_not_left_on():
    assert operators.INTERPRETED
    assert INTERPRETER not in os.environ
    assert FUSED.devices == ("cuda",)


def test_without_the_interpreter_a_cpu_is_refused_with_what_would_do(fused, monkeypatch):
    monkeypatch.setattr(kernel, "INTERPRETED", False)
    with pytest.raises(UserError) as refusal:
        fused(Q, Q, Q, SequenceMask.causal(LENGTHS))
    assert str(refusal.value) == ("attention 'fused' needs a CUDA device; TRITON_INTERPRET=1 runs it slowly on the CPU")


def test_what_is_said_of_the_device_follows_the_variable(monkeypatch):
    monkeypatch.setenv(INTERPRETER, "1")
    again = loaded("again", plugin.__file__)
    assert again.FUSED.devices == ("cpu",)
    assert again.FUSED.advisories == ("It runs in Triton's interpreter, slowly.",)


@pytest.mark.parametrize(
    ("message", "inputs"),
    [
        (r"head width must be in \[1, 256\], got 257", (torch.zeros(2, 4, 6, 257),) * 3),
        ("runs in float32, bfloat16, float16, got float64", (Q.double(),) * 3),
        ("3 key heads do not divide 4", (Q, Q[:, :3], Q[:, :3])),
        ("one dtype, got float32, float16", (Q, Q.half(), Q)),
    ],
)
def test_what_it_cannot_take_is_one_line(message, inputs, fused):
    with pytest.raises(UserError, match=f"attention 'fused'.*{message}"):
        fused(*inputs, SequenceMask.causal(LENGTHS))


def test_a_tree_is_refused(fused):
    mask = replace(SequenceMask.causal(LENGTHS), tree=torch.zeros(2, 6, dtype=torch.long))
    with pytest.raises(UserError, match="does not take tree masks"):
        fused(Q, Q, Q, mask)


@pytest.mark.parametrize("softcap", [-1.0, float("inf"), float("nan")])
def test_a_softcap_out_of_range_is_refused(softcap):
    with pytest.raises(UserError, match=r"softcap must be in \[0, inf\), got"):
        FusedOptions(softcap=softcap)


@pytest.mark.usefixtures("unchecked_integers")
@pytest.mark.parametrize("learns", [True, False])
def test_softcap_is_its_formula(learns):
    q, k, v = (torch.randn(2, 2, 6, 16, generator=torch.Generator().manual_seed(n)) * 2 for n in range(3))
    lent, exact = ([x.detach().requires_grad_(learns) for x in (q, k, v)] for _ in range(2))
    found = kernel.build(FusedOptions(softcap=1.5))(*lent, SequenceMask.causal(LENGTHS))
    q, k, v = (x.double() for x in exact)
    scores = 1.5 * torch.tanh(q @ k.mT / 4 / 1.5)
    p, j = torch.arange(6)[:, None], torch.arange(6)
    seen = (j <= p) & (torch.maximum(p, j) < LENGTHS[:, None, None])
    weights = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1).nan_to_num(0.0)
    wanted = weights @ v
    rule.close(found, wanted, 2e-5, "output")
    if learns:
        for out in (found, wanted):
            (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        for name, x, y in zip("qkv", lent, exact, strict=True):
            rule.close(x.grad, y.grad, 1e-4, f"gradient of {name}")


def test_blocks_of_packed_rows_are_found_without_reading_the_device(monkeypatch):
    mask = PackedMask(offsets=torch.tensor([0, 5, 5, 6, 13]), prefix=torch.tensor([0, 0, 1, 7]))
    for word in ("item", "tolist", "__bool__", "__int__"):
        monkeypatch.setattr(torch.Tensor, word, lambda *_: pytest.fail("the device was read"))
    blocks = kernel.Reader().rows(mask, 13, 4).blocks
    monkeypatch.undo()
    inside = [(s, b) for s, b in zip(*blocks.tolist(), strict=True) if b * 4 < mask.offsets.diff()[s]]
    assert inside == [(0, 0), (0, 1), (2, 0), (3, 0), (3, 1)]


def test_layers_of_one_forward_share_their_blocks():
    reader = kernel.Reader()
    mask = PackedMask(offsets=torch.tensor([0, 5]), prefix=torch.tensor([0]))
    first = reader.rows(mask, 5, 4)
    assert reader.rows(mask, 5, 4) is first
    mask.offsets.mul_(1)
    assert reader.rows(mask, 5, 4) is not first


def test_a_step_gives_every_processor_two_programs_but_no_program_less_than_a_tile(monkeypatch):
    monkeypatch.setattr(tiles, "_processors", lambda device: 132)
    cuda = torch.device("cuda")
    assert tiles.splits_for(cuda, 16384, 4, 128) * 4 >= 264
    assert tiles.splits_for(cuda, 300, 4, 128) == 3
    assert tiles.splits_for(cuda, 16384, 1000, 128) == 1
    assert tiles.splits_for(cuda, 0, 4, 128) == 1


@pytest.mark.parametrize(("width", "padded"), [(1, 16), (16, 16), (17, 32), (80, 128), (128, 128), (256, 256)])
def test_widths_are_padded_to_powers_of_two(width, padded):
    assert tiles.padded_width(width) == padded
    for dtype in (torch.float32, torch.bfloat16):
        assert tiles.tiles_for(torch.device("cuda"), dtype, width, 1000).block >= 16
