"""The fused step gives what the layers give, from the same weights, and steps aside where it does not fit."""

from __future__ import annotations

import builtins
import copy
import os
import subprocess
import sys
import warnings

import pytest
import torch
from valle_llama.factory import build
from valle_llama.options import LlamaOptions

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit import compiled_steps
from valle_kit.stepping import runner

pytest.importorskip("numba")

CPU = torch.device("cpu")


def pair(kernel, **changes):
    """The same weights twice: (decoding through the fused step, through the layers)."""
    options = {"d_model": 48, "n_layers": 3, "n_heads": 6, "n_kv_heads": 2, "ffn_dim": 70} | changes
    torch.manual_seed(7)
    fused = build(LlamaOptions(**options, decode_step="fused"), attention=kernel).eval()
    for parameter in fused.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.15)
    layers = build(LlamaOptions(**options, decode_step="layers"), attention=kernel).eval()
    layers.load_state_dict(fused.state_dict())
    return fused, layers


def prompted(model, x, lengths):
    cache = model.new_cache(len(x), x.shape[1] + 110, torch.float32, CPU)
    model(x, SequenceMask.causal(lengths), torch.arange(x.shape[1]).expand(len(x), -1), cache=cache)
    return cache


@pytest.mark.parametrize(
    "changes", [{}, {"n_kv_heads": 6}, {"n_kv_heads": 1}, {"d_model": 36, "n_heads": 2, "n_kv_heads": 1}]
)
@pytest.mark.parametrize("lengths", [[5], [9, 2, 6], [1] * 16, [3, 2] * 35])
@torch.inference_mode()
def test_steps_equal_those_through_the_layers(kernel, changes, lengths):
    fused, layers = pair(kernel, **changes)
    x = torch.randn(len(lengths), 9, fused.d_model)
    lengths = torch.tensor(lengths)
    caches = [prompted(model, x, lengths) for model in (fused, layers)]
    for i in range(12):
        x = torch.randn(len(x), 1, fused.d_model)
        mine, theirs = (model.step(x, cache) for model, cache in zip((fused, layers), caches, strict=True))
        assert mine.shape == (len(x), fused.d_model)
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)
        assert caches[0].lengths.tolist() == (lengths + i + 1).tolist()
    assert caches[0].compiled is not None
    assert caches[1].compiled is None


@torch.inference_mode()
def test_a_hundred_greedy_tokens_are_identical_on_every_path(kernel):
    fused, layers = pair(kernel)
    table, head = torch.randn(40, 48), torch.randn(40, 48)
    sequences = []
    for model, way in ((fused, "step"), (layers, "step"), (fused, "forward"), (layers, "forward")):
        cache = prompted(model, table[:6][None], torch.tensor([6]))
        token, tokens = torch.tensor([3]), []
        for _ in range(100):
            x = table[token][:, None]
            if way == "step":
                h = model.step(x, cache)
            else:
                start = cache.lengths
                mask = SequenceMask.causal(start + 1, query_start=start)
                h = model.finish(model(x, mask, start[:, None], cache=cache).h[:, 0])
            token = (h @ head.T).argmax(-1)
            tokens.append(int(token))
        sequences.append(tokens)
    assert sequences[0] == sequences[1] == sequences[2] == sequences[3]
    assert len(set(sequences[0])) > 3


@torch.inference_mode()
def test_positions_that_restart_are_honoured(kernel):
    fused, layers = pair(kernel)
    x, new, start = torch.randn(2, 5, 48), torch.randn(2, 1, 48), torch.tensor([5, 3])
    mask = SequenceMask.causal(start + 1, query_start=start)
    caches = [prompted(model, x, start) for model in (fused, layers)]
    for positions in ([[1], [200]], [[5], [3]]):
        mine, theirs = (
            model(new, mask, torch.tensor(positions), cache=cache).h
            for model, cache in zip((fused, layers), caches, strict=True)
        )
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)
        assert caches[0].compiled is not None
        for cache in caches:
            cache.rewind(start)


@torch.inference_mode()
def test_one_thread_and_several_give_the_same_bits(kernel, monkeypatch):
    fused, layers = pair(kernel)
    x, new = torch.randn(3, 5, 48), torch.randn(3, 1, 48)
    lengths = torch.tensor([5, 4, 1])
    want = layers.step(new, prompted(layers, x, lengths))
    alone = fused.step(new, prompted(fused, x, lengths))
    monkeypatch.setattr(runner, "BYTES_PER_THREAD", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        cache = prompted(fused, x, lengths)
        together = fused.step(new, cache)
        assert cache.compiled._runner.team.size in (1, 3)  # one where torch does not run on GNU OpenMP
    finally:
        torch.set_num_threads(before)
    assert torch.equal(together, alone)
    torch.testing.assert_close(together, want, atol=1e-5, rtol=0)


@pytest.mark.parametrize("heads", [{}, {"n_kv_heads": 6}])
@torch.inference_mode()
def test_a_row_gets_the_bits_it_gets_alone(kernel, heads):
    fused, _ = pair(kernel, **heads)
    lengths = torch.tensor([9, 1, 4, 9, 7, 2])
    x, new = torch.randn(6, 9, 48), torch.randn(4, 6, 1, 48)
    alone = [prompted(fused, x[row : row + 1, :n], lengths[row : row + 1]) for row, n in enumerate(lengths.tolist())]
    together, step = copy.deepcopy(alone), fused.together()
    for one in new:
        states = step(one[:, 0], together)
        for row, cache in enumerate(alone):
            assert torch.equal(fused.step(one[row : row + 1], cache)[0], states[row])
    assert [cache.lengths.tolist() for cache in together] == [cache.lengths.tolist() for cache in alone]
    reordered = step(new[0, [4, 1], 0], [together[4], together[1]])
    assert torch.equal(reordered[0], fused.step(new[0, 4:5], alone[4])[0])


def test_a_team_smaller_than_asked_for_still_does_all_the_work():
    """OMP_THREAD_LIMIT is read when a process starts, hence a fresh one."""
    code = """
import torch
from valle_kit import compiled_steps
from valle_kit.stepping import runner
from valle_llama.factory import build
from valle_llama.options import LlamaOptions
runner.BYTES_PER_THREAD = 1
torch.set_num_threads(4)
with torch.inference_mode():
    states = []
    for way in ("fused", "layers"):
        torch.manual_seed(0)
        model = build(LlamaOptions(d_model=32, n_heads=4, decode_step=way), attention=lambda q, k, v, mask: v).eval()
        cache = model.new_cache(1, 4, torch.float32, torch.device("cpu"))
        states.append(model.step(torch.ones(1, 1, 32), cache))
assert (states[0] - states[1]).abs().max() < 1e-5, states
"""
    limited = {**os.environ, "OMP_THREAD_LIMIT": "2"}
    done = subprocess.run([sys.executable, "-c", code], env=limited, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@torch.inference_mode()
def test_weights_changed_in_place_or_moved_are_seen_by_the_next_step(kernel):
    fused, layers = pair(kernel)
    x, new = torch.randn(1, 5, 48), torch.randn(1, 1, 48)
    caches = [prompted(model, x, torch.tensor([5])) for model in (fused, layers)]
    before = fused.step(new, caches[0])
    layers.step(new, caches[1])
    for model in (fused, layers):
        model.layers[1].mlp.up_proj.weight.data.mul_(1.5)
        model.layers[2].self_attn.q_proj.weight.data = model.layers[2].self_attn.q_proj.weight * 2
        model.norm.weight.data.mul_(0.7)
    mine, theirs = (model.step(new, cache) for model, cache in zip((fused, layers), caches, strict=True))
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)
    assert (mine - before).abs().max() > 1e-2


@torch.inference_mode()
def test_rows_may_be_reordered_narrowed_and_rewound_between_steps(kernel):
    fused, layers = pair(kernel)
    x = torch.randn(4, 8, 48)
    caches = [prompted(model, x, torch.tensor([8, 3, 5, 6])) for model in (fused, layers)]

    def both(rows):
        new = torch.randn(rows, 1, 48)
        mine, theirs = (model.step(new, cache) for model, cache in zip((fused, layers), caches, strict=True))
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)

    both(4)
    for cache in caches:
        cache.select(torch.tensor([3, 1]))
    both(2)
    for cache in caches:
        cache.rewind(torch.tensor([4, 2]))
    both(2)
    for cache in caches:
        cache.select(torch.tensor([1]))
    both(1)


@torch.inference_mode()
def test_a_copied_cache_goes_its_own_way(kernel):
    fused, layers = pair(kernel)
    x, new = torch.randn(1, 5, 48), torch.randn(2, 1, 1, 48)
    caches = [prompted(model, x, torch.tensor([5])) for model in (fused, layers)]
    for model, cache in zip((fused, layers), caches, strict=True):
        model.step(new[0], cache)
    branch = copy.deepcopy(caches[0])
    want = layers.step(new[0], caches[1])
    fused.step(new[1], branch)
    torch.testing.assert_close(fused.step(new[0], caches[0]), want, atol=1e-5, rtol=0)


def takes_the_fused_step(model, **where):
    x = torch.randn(1, 3, model.d_model, **where)
    with torch.no_grad():
        cache = model.new_cache(1, 8, x.dtype, CPU)
        model(x, SequenceMask.causal(torch.tensor([3])), torch.arange(3)[None], cache=cache)
        model.step(x[:, :1], cache)
    return cache.compiled is not None


def test_hooks_rewrites_dropout_and_other_dtypes_go_through_the_layers(kernel):
    model, _ = pair(kernel, dropout=0.1)
    assert takes_the_fused_step(model)
    assert not takes_the_fused_step(model.train())
    model.eval()
    handle = model.layers[0].mlp.down_proj.register_forward_hook(lambda *_: None)
    assert not takes_the_fused_step(model)
    handle.remove()
    assert takes_the_fused_step(model)
    assert not takes_the_fused_step(model.double(), dtype=torch.float64)
    model.float()
    model.layers[1].mlp.up_proj = torch.nn.utils.parametrizations.weight_norm(model.layers[1].mlp.up_proj)
    assert not takes_the_fused_step(model)


def test_gradients_flow_through_a_cached_step(kernel):
    model, _ = pair(kernel)
    cache = model.new_cache(1, 4, torch.float32, CPU)
    model.step(torch.randn(1, 1, 48), cache).sum().backward()
    assert cache.compiled is None
    assert model.layers[0].mlp.up_proj.weight.grad.abs().max() > 0


def test_by_torch_the_layers_decode_and_asking_for_the_fused_step_is_refused(kernel, monkeypatch):
    monkeypatch.setattr(compiled_steps, "find_spec", lambda name: None)
    assert not takes_the_fused_step(build(LlamaOptions(d_model=16, n_heads=2), attention=kernel).eval())
    with pytest.raises(UserError, match=r"pip install numba"):
        build(LlamaOptions(decode_step="fused"), attention=kernel)


def test_a_numba_that_cannot_be_imported_is_reported_once(kernel, monkeypatch):
    real = builtins.__import__

    def broken(name, *rest):
        if name == "valle_llama.program":
            raise ImportError("Numba needs NumPy 2.4 or less")
        return real(name, *rest)

    model = build(LlamaOptions(d_model=16, n_heads=2), attention=kernel).eval()
    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.warns(UserWarning, match="Numba needs NumPy"):
        assert not takes_the_fused_step(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not takes_the_fused_step(model)


@pytest.mark.parametrize(("kept", "sequences"), [(True, 0), (False, 1)])
def test_the_step_is_compiled_when_asked_and_said_to_be_where_it_takes_long(kernel, monkeypatch, kept, sequences):
    from valle_kit.stepping import kernel as compiled_kernel

    compiled, lines = [], []
    monkeypatch.setattr(compiled_kernel, "is_kept", lambda: kept)
    monkeypatch.setattr(compiled_kernel, "compiled", lambda: compiled.append(True))
    model = build(LlamaOptions(d_model=32, n_layers=1), attention=kernel).eval()
    model.make_ready(lines.append)
    assert (len(compiled), len(lines)) == (1, sequences)
    build(LlamaOptions(d_model=32, n_layers=1, decode_step="layers"), attention=kernel).eval().make_ready(lines.append)
    build(LlamaOptions(d_model=32, n_layers=1), attention=kernel).eval().bfloat16().make_ready(lines.append)
    assert (len(compiled), len(lines)) == (1, sequences)


def test_what_is_kept_on_the_disk_is_found():
    from valle_kit.stepping import kernel as compiled_kernel

    compiled_kernel.compiled()
    assert compiled_kernel.is_kept()
