"""Steps that are replayed, as CUDA graphs are: same codes, whatever comes between them, and nothing is read."""

from __future__ import annotations

import copy

import pytest
import torch
from valle_attention_sdpa import sdpa as kernels
from valle_attention_sdpa.options import KernelOptions
from valle_llama.factory import build
from valle_llama.options import LlamaOptions

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.graphs.step import MOST, StepGraphs
from valle_kit.mixed_rows import MixedRows
from valle_testing.fakes.recorded import by_recording

CPU = torch.device("cpu")
WORDS = frozenset({"causal", "full"})


class Counted:
    """Records as a graph is captured, and counts."""

    def __init__(self):
        self.captures = self.replays = 0

    def __call__(self, run, undo):
        self.captures += 1
        found = by_recording(run, undo)

        def replay():
            self.replays += 1
            found.replay()

        return type(found)(found.out, replay, found.operations)


@pytest.fixture
def pair(monkeypatch):
    """(backbone whose steps are replayed, the same by its layers, what counts)."""
    monkeypatch.setattr(kernels, "may_look", lambda device: False)  # as on a GPU
    torch.manual_seed(3)
    options = LlamaOptions(d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, decode_step="layers")
    made = [build(options, attention=MixedRows(kernels.sdpa(KernelOptions()), WORDS)).eval() for _ in range(2)]
    for parameter in made[0].parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.2)
    made[1].load_state_dict(made[0].state_dict())
    counted = Counted()
    made[0].graphs = StepGraphs(counted, device="cpu")
    return made[0], made[1], counted


def prompted(model, x, lengths, room=40):
    cache = model.new_cache(len(x), x.shape[1] + room, torch.float32, CPU)
    model(x, SequenceMask.causal(lengths), torch.arange(x.shape[1]).expand(len(x), -1), cache=cache)
    return cache


def both(pair, caches, x):
    """A step of each; they agree."""
    mine, theirs = (model.step(x, cache) for model, cache in zip(pair[:2], caches, strict=True))
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)
    assert caches[0].lengths.tolist() == caches[1].lengths.tolist()
    return mine


@pytest.mark.parametrize("lengths", [[5], [9, 2, 6], [4, 4]])
@torch.inference_mode()
def test_replayed_steps_equal_those_by_the_layers(pair, lengths):
    x, lengths = torch.randn(len(lengths), 9, 32), torch.tensor(lengths)
    caches = [prompted(model, x, lengths) for model in pair[:2]]
    for _ in range(6):
        both(pair, caches, torch.randn(len(x), 1, 32))
    assert (pair[2].captures, pair[2].replays) == (1, 6)


@torch.inference_mode()
def test_rows_may_leave_change_places_and_be_rewound_between_steps(pair):
    x, lengths = torch.randn(5, 7, 32), torch.tensor([7, 3, 5, 1, 6])
    caches = [prompted(model, x, lengths) for model in pair[:2]]
    both(pair, caches, torch.randn(5, 1, 32))
    for rows in (torch.tensor([4, 0, 2]), torch.tensor([1, 1, 0, 2]), torch.tensor([2])):
        for cache in caches:
            cache.select(rows)
        for _ in range(2):
            both(pair, caches, torch.randn(len(rows), 1, 32))
    for cache in caches:
        cache.rewind(cache.lengths - 2)
    both(pair, caches, torch.randn(1, 1, 32))
    new = torch.randn(1, 3, 32)  # several positions by the forward
    for model, cache in zip(pair[:2], caches, strict=True):
        mask = SequenceMask.causal(cache.lengths + 3, query_start=cache.lengths)
        model(new, mask, cache.lengths[:, None] + torch.arange(3), cache=cache)
    both(pair, caches, torch.randn(1, 1, 32))
    assert pair[2].captures == 3, "of 8, 4 and 1 rows"


@torch.inference_mode()
def test_later_requests_use_what_was_captured_and_those_at_once_share_nothing(pair):
    x, length = torch.randn(1, 4, 32), torch.tensor([4])
    for _ in range(3):
        caches = [prompted(model, x, length) for model in pair[:2]]
        both(pair, caches, torch.randn(1, 1, 32))
    assert pair[2].captures == 1
    first, second = ([prompted(model, one, length) for model in pair[:2]] for one in (x, -x))
    del caches
    for _ in range(3):
        for caches in (first, second):
            both(pair, caches, torch.randn(1, 1, 32))
    twin = [copy.deepcopy(cache) for cache in first]
    for caches in (twin, first, twin):
        both(pair, caches, torch.randn(1, 1, 32))


@torch.inference_mode()
def test_keys_that_no_longer_fit_are_captured_anew_and_a_full_cache_is_refused(pair):
    x = torch.randn(1, 253, 32)
    caches = [prompted(model, x, torch.tensor([253]), room=6) for model in pair[:2]]
    for _ in range(6):
        both(pair, caches, torch.randn(1, 1, 32))
    assert pair[2].captures == 2, "for 256 and for 512 keys"
    with pytest.raises(UserError, match="the cache holds 259 positions and a row needs 260"):
        pair[0].step(torch.randn(1, 1, 32), caches[0])
    assert caches[0].lengths.tolist() == [259]


@torch.inference_mode()
def test_no_more_buffers_than_most_are_kept(pair):
    x = torch.randn(1, 2, 32)
    caches = [[prompted(model, x, torch.tensor([2])) for model in pair[:2]] for _ in range(MOST + 1)]
    for _ in range(2):
        for two in caches:
            both(pair, two, torch.randn(1, 1, 32))
    assert pair[2].captures == MOST


@torch.inference_mode()
def test_weights_that_moved_are_captured_anew_and_those_written_in_place_are_not(pair):
    x = torch.randn(1, 4, 32)
    for change in (lambda weight: weight.data.mul_(0.5), lambda weight: setattr(weight, "data", weight.data * 2)):
        for model in pair[:2]:
            change(model.layers[0].self_attn.q_proj.weight)
        caches = [prompted(model, x, torch.tensor([4])) for model in pair[:2]]
        both(pair, caches, torch.randn(1, 1, 32))
        del caches
    assert pair[2].captures == 2


@torch.inference_mode()
def test_a_kernel_that_reads_the_device_falls_back_in_one_line(pair, monkeypatch):
    monkeypatch.setattr(kernels, "may_look", lambda device: True)
    x, lengths = torch.randn(2, 4, 32), torch.tensor([4, 2])
    caches = [prompted(model, x, lengths) for model in pair[:2]]
    line = r"^arch 'llama' decodes without CUDA graphs: operation \w+ .* reads the device$"
    with pytest.warns(UserWarning, match=line) as told:
        both(pair, caches, torch.randn(2, 1, 32))
    assert len(told) == 1
    both(pair, caches, torch.randn(2, 1, 32))
    assert pair[2].replays == 0


@pytest.mark.parametrize("how", ["training", "hook", "gradients"])
def test_steps_that_may_not_be_replayed_are_not(pair, how):
    model, _, counted = pair
    with torch.no_grad():
        cache = prompted(model, torch.randn(1, 4, 32), torch.tensor([4]))
    if how == "training":
        model.train()
    if how == "hook":
        model.layers[0].register_forward_hook(lambda *_: None)
    with torch.set_grad_enabled(how == "gradients"):
        model.step(torch.randn(1, 1, 32), cache)
    assert counted.captures == 0


@torch.inference_mode()
def test_a_step_reads_nothing_from_the_device(pair):
    """Tensors of the meta device cannot be read: whatever would wait for a GPU raises there."""
    model = pair[0].to("meta")
    model.graphs = StepGraphs(lambda run, undo: _run_twice(run, undo), device="meta")
    for rows in (1, 3):
        cache = model.new_cache(rows, 20, torch.float32, torch.device("meta"))
        cache.longest = 4
        h = model.step(torch.empty(rows, 1, 32, device="meta"), cache)
        assert h.shape == (rows, 32)
        assert not model.graphs.refusal


def _run_twice(run, undo):
    from valle_kit.graphs.capture import Captured

    run()
    undo()
    return Captured(run(), run)


def test_on_a_cpu_nothing_is_replayed_unless_asked():
    model = build(LlamaOptions(d_model=32, n_layers=1), attention=kernels.sdpa(KernelOptions())).eval()
    with torch.inference_mode():
        model.step(torch.randn(1, 1, 32), model.new_cache(1, 4, torch.float32, CPU))
    assert model.graphs is None
