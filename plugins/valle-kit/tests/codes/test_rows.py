from __future__ import annotations

import pytest
import torch

from valle_core.plugin import UserError
from valle_kit.codes.rows import check_levels, check_wav, decode_rows, encode_rows, whole_frames


def test_rows_are_encoded_at_their_own_length():
    seen = []

    def encode(wav):
        seen.append(len(wav))
        return torch.full((-(-len(wav) // 4), 2), len(wav))

    codes, frames = encode_rows(torch.zeros(3, 9), torch.tensor([9, 0, 5]), encode, hop=4, num_levels=2)
    assert seen == [9, 5]
    assert frames.tolist() == [3, 0, 2]
    assert codes[..., 0].tolist() == [[9, 9, 9], [0, 0, 0], [5, 5, 0]]


def test_rows_of_equal_length_are_decoded_together_and_silent_past_their_ends():
    seen = []

    def decode(codes):
        seen.append(tuple(codes.shape[:2]))
        return 3.0 * codes[..., 0].float().repeat_interleave(4, 1)

    codes = torch.ones(4, 3, 1, dtype=torch.long)
    wav, lengths = decode_rows(codes, torch.tensor([2, 3, 2, 0]), decode, hop=4)
    assert sorted(seen) == [(1, 3), (2, 2)]
    assert lengths.tolist() == [8, 12, 8, 0]
    assert wav.sum(1).tolist() == [8, 12, 8, 0]  # clipped to 1, zero behind


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="audio must be float"):
        check_wav(torch.zeros(5), torch.tensor([5]))
    with pytest.raises(UserError, match="lengths"):
        check_wav(torch.zeros(1, 5), torch.tensor([6]))
    with pytest.raises(UserError, match="NaN"):
        check_wav(torch.full((1, 5), torch.nan), torch.tensor([5]))
    with pytest.raises(UserError, match=r"codes must be in \["):
        check_levels(torch.full((1, 2, 2), 8), num_levels=2, codebook_size=8)
    with pytest.raises(UserError, match="do not fit"):
        check_levels(torch.zeros(1, 2, 3, dtype=torch.long), num_levels=2, codebook_size=8)
    with pytest.raises(UserError, match="frames"):
        decode_rows(torch.zeros(1, 2, 1, dtype=torch.long), torch.tensor([3]), lambda x: x.float(), hop=4)


@pytest.mark.parametrize(("samples", "filled"), [(0, 0), (1, 4), (4, 4), (5, 8)])
def test_sound_is_filled_up_to_whole_frames(samples, filled):
    assert whole_frames(torch.ones(samples), 4).tolist() == [1.0] * samples + [0.0] * (filled - samples)
