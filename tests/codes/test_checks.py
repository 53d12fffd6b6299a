"""Codes outside their range are named before they reach a table or a file."""

from __future__ import annotations

import pytest
import torch

from valle_core.codes.checks import check_codes
from valle_core.plugin import UserError


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (torch.zeros(3, 4), "integers"),
        (torch.zeros(3, 5, dtype=torch.long), r"\[frames, 4\], got \[3, 5\]"),
        (torch.zeros(4, dtype=torch.long), r"\[frames, 4\]"),
        (torch.full((3, 4), 32), r"\[0, 31\], got 32 … 32"),
        (torch.full((3, 4), -1), r"got -1"),
    ],
)
def test_wrong_codes_are_refused(codes, reason):
    with pytest.raises(UserError, match=reason) as caught:
        check_codes(codes, num_levels=4, codebook_size=32, what="utterance 'u'")
    assert "utterance 'u'" in str(caught.value)


def test_right_codes_pass():
    for codes in (torch.zeros(0, 4, dtype=torch.long), torch.full((2, 3, 4), 31)):
        check_codes(codes, num_levels=4, codebook_size=32, what="x")
