"""Masks as calls for kernels that take rows laid end to end; what the calls give is tested by the kernels over them."""

from __future__ import annotations

import torch

from valle_core.types import PackedMask, SequenceMask
from valle_kit.last_mask import LastMask
from valle_kit.ragged_attention import Apart, Part, parts_of


def at(*values: int) -> torch.Tensor:
    return torch.tensor(values)


def test_each_query_that_sees_a_key_is_in_one_call():
    mask = SequenceMask(lengths=at(6, 5, 0, 4), prefix=at(0, 5, 0, 2), query_start=at(0, 0, 0, 0))
    full, causal = parts_of(mask, 6, 6)
    assert isinstance(full, Part)
    assert isinstance(causal, Part)
    assert (full.q_lengths, full.k_lengths, full.causal) == ((5, 2), (5, 2), False)
    assert (causal.q_lengths, causal.k_lengths, causal.causal) == ((6, 2), (6, 4), True)
    assert full.queries.tolist() == [6, 7, 8, 9, 10, 18, 19]
    assert causal.queries.tolist() == [0, 1, 2, 3, 4, 5, 20, 21]
    assert causal.k_offsets.tolist() == [0, 6, 10]


def test_a_step_takes_each_rows_own_keys():
    mask = SequenceMask.causal(at(5, 3), query_start=at(4, 2))
    (part,) = parts_of(mask, 1, 9)
    assert isinstance(part, Part)
    assert (part.q_lengths, part.k_lengths) == ((1, 1), (5, 3))
    assert part.keys.tolist() == [0, 1, 2, 3, 4, 9, 10, 11]


def test_keys_before_every_window_are_left_out():
    mask = SequenceMask(lengths=at(9), prefix=at(0), query_start=at(7), window=3, form="causal")
    (part,) = parts_of(mask, 2, 9)
    assert isinstance(part, Part)
    assert part.keys.tolist() == [5, 6, 7, 8]
    assert part.window == 3


def test_a_window_behind_a_prefix_stands_apart():
    mask = SequenceMask(lengths=at(6), prefix=at(2), query_start=at(0), window=2)
    full, apart = parts_of(mask, 6, 6)
    assert isinstance(full, Part)
    assert isinstance(apart, Apart)
    assert apart.visible.int().tolist() == [
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 1, 1, 0],
        [1, 1, 0, 0, 1, 1],
    ]


def test_packed_segments_are_stretches():
    full, causal = parts_of(PackedMask(offsets=at(0, 3, 3, 8), prefix=at(3, 0, 1)), 8, 8)
    assert (full.q_lengths, causal.q_lengths, causal.k_lengths) == ((3, 1), (4,), (5,))


def test_nothing_to_see_is_no_call():
    assert not parts_of(SequenceMask.causal(at(0, 0)), 4, 4)


def test_a_mask_that_was_written_to_is_another():
    last, mask = LastMask(), SequenceMask.causal(at(3))
    first = last.of(mask, (), list)
    assert last.of(mask, (), list) is first
    assert last.of(mask, (1,), list) is not first
    mask.lengths.add_(1)
    assert last.of(mask, (1,), lambda: "new") == "new"
