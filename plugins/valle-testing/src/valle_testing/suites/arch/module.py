"""The part of the suite of backbones on the `torch.nn.Module`: weights, buffers, devices, chance, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from valle_core.interfaces import Backbone
from valle_core.types import SequenceMask
from valle_testing.contract import contract, without_data
from valle_testing.suites.arch.batch import Batch, Build, batch, close, device_of, dtype_of, finished, ready, weighed
from valle_testing.watch import seeded


@contract("Backbone", "What it computes from is in its parameters and buffers")
@torch.no_grad()
def restores_from_its_state_dict(build: Build) -> None:
    """Another backbone, made under another seed, gives the same states with the weights and buffers of the first."""
    first = _trained(ready(build))
    with seeded(1):
        second = build()
    assert isinstance(first, nn.Module)
    assert isinstance(second, nn.Module)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    rows = batch(first, [9, 5], [0, 5])
    found = finished(second.eval(), rows)  # type: ignore[arg-type]
    close(found, finished(first, rows), "a second backbone with the state dict of the first")


@contract("Backbone", "`.to()` moves all of it")
def keeps_no_tensor_beside_its_buffers(build: Build) -> None:
    """No tensor is a plain attribute, or in a list, tuple or dict of one: `.to()` would leave it behind."""
    backbone = ready(build)
    assert isinstance(backbone, nn.Module)
    for path, module in backbone.named_modules():
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers"):
                continue
            for tensor in _tensors(value):
                where = f"{path}.{name}" if path else name
                raise AssertionError(f"{where} holds a tensor {tuple(tensor.shape)} that is not a parameter or buffer")


@contract("Backbone", "`.to()` moves all of it")
@torch.no_grad()
def stays_on_its_device(build: Build) -> None:
    """On the device `meta`, where no tensor of another device fits: rows without padding, whole and from a cache."""
    backbone = ready(build)
    rows = batch(backbone, [6, 6])
    cache_dtype = dtype_of(backbone)
    assert isinstance(backbone, nn.Module)
    backbone.to("meta")  # type: ignore[attr-defined]
    rows = Batch(**{name: getattr(rows, name).to("meta") for name in Batch.__slots__})
    with without_data():
        for form in (SequenceMask.causal, SequenceMask.full):
            found = finished(backbone, rows, replace(form(rows.lengths), padded=False))
            assert found.device.type == "meta", f"states of a backbone on meta are on {found.device}"
        cache = backbone.new_cache(2, 8, cache_dtype, torch.device("meta"))
        assert cache.lengths.device.type == "meta", f"lengths of a cache on meta are on {cache.lengths.device}"
        zero = torch.zeros_like(rows.lengths)
        for start, n in ((zero, 5), (zero + 5, 1)):
            mask = replace(SequenceMask.causal(start + n, query_start=start), padded=False)
            part = replace(rows, x=rows.x[:, :n], positions=rows.positions[:, :n])
            finished(backbone, part, mask, cache=cache)


@contract("Backbone", "two backbones share nothing")
@torch.no_grad()
def backbones_share_nothing(build: Build) -> None:
    """Changing every weight of one, and running it, leaves the states of another as they were."""
    first = ready(build)
    with seeded(1):
        second = build()
    assert isinstance(second, nn.Module)
    second.eval()
    rows = batch(first, [9, 5], [0, 5])
    before = finished(first, rows)
    for parameter in second.parameters():
        parameter.mul_(1.5)
    for buffer in second.buffers():
        buffer.zero_()
    finished(second, rows)  # type: ignore[arg-type]
    assert torch.equal(finished(first, rows), before), "another backbone's weights or buffers change its states"


@contract("Backbone", "nothing is kept between calls")
def keeps_nothing_between_calls(build: Build) -> None:
    """The same states after longer and shorter rows, a training step and decoding from a cache; buffers stay too."""
    backbone = ready(build)
    assert isinstance(backbone, nn.Module)
    rows = batch(backbone, [9, 5], [0, 5])
    kept = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
    with torch.no_grad():
        before = finished(backbone, rows)
    for lengths in ([20, 3, 11], [1]):
        with torch.no_grad():
            finished(backbone, batch(backbone, lengths))
    backbone.train()
    weighed(finished(backbone, batch(backbone, [7, 7]))).backward()
    backbone.eval()
    cache = backbone.new_cache(2, 12, dtype_of(backbone), device_of(backbone))
    with torch.no_grad():
        finished(backbone, rows, SequenceMask.causal(rows.lengths), cache=cache)
        assert torch.equal(finished(backbone, rows), before), "the states of rows depend on what was run before"
    for name, buffer in backbone.named_buffers():
        assert torch.equal(buffer, kept[name]), f"running changed the buffer {name}"


@contract("Backbone", "the random state of torch alone decides what is drawn")
def repeats_a_training_step_by_its_seed(build: Build) -> None:
    """Equal seeds give equal states and gradients in training mode, other work between them or not."""
    backbone = ready(build, training=True)
    assert isinstance(backbone, nn.Module)
    rows = batch(backbone, [9, 5], [0, 5])
    runs = []
    for _ in range(2):
        backbone.zero_grad()
        with seeded(4):
            states = finished(backbone, rows)
            weighed(states).backward()
        grads = [parameter.grad for parameter in backbone.parameters() if parameter.grad is not None]
        runs.append([states.detach(), *(grad.clone() for grad in grads)])
        with seeded(5):
            finished(backbone, batch(backbone, [3]))
    assert all(map(torch.equal, *runs)), "two training steps with one seed differ"


def _trained(backbone: Backbone) -> Backbone:
    """With other weights than fresh ones, as after some steps."""
    assert isinstance(backbone, nn.Module)
    random = torch.Generator().manual_seed(8)
    for parameter in backbone.parameters():
        noise = torch.randn(parameter.shape, generator=random).to(parameter)
        parameter.add_(0.1 * noise * parameter.abs().mean().clamp(min=0.01))
    return backbone


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensor itself, or those of a plain container."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, set)):
        yield from (item for item in value if isinstance(item, Tensor))
    elif isinstance(value, dict):
        yield from (item for item in value.values() if isinstance(item, Tensor))


MODULE_CHECKS: tuple[Callable[[Build], None], ...] = (
    restores_from_its_state_dict,
    keeps_no_tensor_beside_its_buffers,
    stays_on_its_device,
    backbones_share_nothing,
    keeps_nothing_between_calls,
    repeats_a_training_step_by_its_seed,
)
