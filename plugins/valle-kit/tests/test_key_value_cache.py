"""The cache that backbones with attention share."""

from __future__ import annotations

import pytest
import torch

from valle_core.interfaces import Cache
from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.key_value_cache import KeyValueCache

CPU = torch.device("cpu")


def made(batch=2, capacity=4):
    return KeyValueCache(1, batch, 1, 1, capacity, torch.float32, CPU)


def fed(cache, values, lengths):
    """Append `values [B, T]` as keys, padded to `lengths`; gives all keys."""
    start, lengths = cache.lengths, torch.tensor(lengths)
    mask = SequenceMask.causal(lengths, query_start=start)
    x = torch.tensor(values, dtype=torch.float32)[:, None, :, None]
    keys, _ = cache.append(0, cache.open(mask, x.shape[2]), x, x)
    cache.lengths = lengths
    return keys[:, 0, :, 0]


def test_rows_of_other_lengths_are_kept_side_by_side():
    cache = made()
    assert isinstance(cache, Cache)
    fed(cache, [[1, 2], [5, 9]], [2, 1])
    assert fed(cache, [[3], [6]], [3, 2]).tolist() == [[1, 2, 3], [5, 6, 0]]


def test_padding_writes_over_nothing():
    cache = made(1)
    fed(cache, [[1, 2, 3, 4]], [4])
    assert fed(cache, [[99]], [4]).tolist() == [[1, 2, 3, 4]]


def test_selected_rows_are_copies():
    cache = made()
    fed(cache, [[1], [5]], [1, 1])
    cache.select(torch.tensor([1, 1, 0]))
    assert fed(cache, [[6], [7], [8]], [2, 2, 2]).tolist() == [[5, 6], [5, 7], [1, 8]]


def test_rewound_places_are_taken_again():
    cache = made(1)
    fed(cache, [[1, 2, 3]], [3])
    cache.rewind(torch.tensor([1]))
    assert fed(cache, [[7]], [2]).tolist() == [[1, 7]]
    with pytest.raises(UserError, match=r"lengths to rewind to must be at most \[2\], row by row, got \[3\]"):
        cache.rewind(torch.tensor([3]))


def test_more_than_it_holds_is_refused():
    cache = made(1, capacity=2)
    fed(cache, [[1, 2]], [2])
    with pytest.raises(UserError, match="holds 2 positions and a row needs 3"):
        fed(cache, [[3]], [3])
    with pytest.raises(UserError, match="holds 2 positions"):
        cache.grow()
