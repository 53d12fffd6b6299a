"""Dynamic time warping beside a plain one and transformers'."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.models.whisper.generation_whisper import _dynamic_time_warping, _median_filter
from valle_whisper.alignment import attend, dynamic_time_warping, median_filter, token_frames


def plain(cost: np.ndarray) -> tuple[list[int], list[int]]:
    """The recursion as it is written down: total(i, j) = cost(i, j) + the least of three neighbours."""
    rows, columns = cost.shape
    total, came = {(-1, -1): np.float32(0)}, {}
    for i in range(rows):
        for j in range(columns):
            before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
            sums = [total.get(place, np.float32(np.inf)) for place in before]
            best = 0 if sums[0] < min(sums[1:]) else 1 if sums[1] < min(sums[0], sums[2]) else 2
            total[i, j], came[i, j] = np.float32(cost[i, j] + np.float64(sums[best])), before[best]
    place, path = (rows - 1, columns - 1), []
    while place != (-1, -1):
        path.append(place)
        place = came[place]
    return [i for i, _ in path[::-1]], [j for _, j in path[::-1]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (3, 3), (5, 40), (40, 5), (17, 61)])
@pytest.mark.parametrize("ties", [False, True])
def test_the_path_is_that_of_the_recursion_and_of_transformers(shape, ties):
    rng = np.random.default_rng(hash(shape) % 100)
    cost = rng.integers(0, 3, shape).astype(float) if ties else rng.normal(size=shape)
    ours = dynamic_time_warping(cost)
    for wanted in (plain(cost), _dynamic_time_warping(cost)):
        assert np.array_equal(ours[0], wanted[0])
        assert np.array_equal(ours[1], wanted[1])


@pytest.mark.parametrize("frames", [2, 3, 4, 30])
def test_the_median_is_that_of_transformers(frames):
    weights = torch.randn(3, 5, frames, generator=torch.Generator().manual_seed(1))
    assert torch.equal(median_filter(weights), _median_filter(weights, 7))


def test_tokens_that_look_at_one_place_each_begin_there():
    starts = [0, 12, 20, 45]
    weights = torch.full((2, 2 + len(starts) + 1, 60), 0.01)
    for row, (start, end) in enumerate(zip(starts, [*starts[1:], 60], strict=True)):
        weights[:, 2 + row, start:end] = 1
    weights = weights / weights.sum(-1, keepdim=True)
    assert token_frames(weights, skip=2).tolist() == starts


def test_attention_is_told_as_transformers_tells_it_and_leaves_no_hook(parts, random_one):
    model = parts.model
    states = random_one.decoder.encode(torch.randn(1, 80, 3000, generator=torch.Generator().manual_seed(2)))
    tokens = [*random_one.decoder.prompt("fr"), 70, 71, 72]
    with torch.inference_mode():
        logits, weights = attend(model, states, tokens, [(1, 0), (0, 1)])
        wanted = model(encoder_outputs=(states,), decoder_input_ids=torch.tensor([tokens])).logits[0]
        keys = model.model.decoder.layers[0].encoder_attn.k_proj(states)[0, :, 16:]
    torch.testing.assert_close(logits, wanted)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 6))
    assert weights.shape == (2, 6, 1500)
    assert keys.shape == (1500, 16)
    assert not any(layer.encoder_attn._forward_hooks for layer in model.model.decoder.layers)
