"""What kernels refuse: one clear line each, and nothing that fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_inputs import check_inputs

LENGTHS = torch.tensor([6, 4])
ROWS = SequenceMask.causal(LENGTHS)
PACKED = PackedMask(offsets=torch.tensor([0, 2, 6]), prefix=torch.tensor([0, 4]))
Q, K = torch.zeros(2, 4, 6, 8), torch.zeros(2, 2, 6, 8)
ONE = Q[:1], K[:1], K[:1]

WRONG = {
    "4 dimensions, got 3, 4 and 4": (Q[0], K, K, ROWS),
    r"do not fit: \[2, 4, 6, 8\] and \[2, 2, 6, 7\]": (Q, K[..., :7], K, ROWS),
    r"\[2, 2, 6, 8\] and \[2, 2, 6, 7\]": (Q, K, K[..., :7], ROWS),
    r"and \[2, 2, 5, 8\]": (Q, K, K[:, :, :5], ROWS),
    r"and \[1, 2, 6, 8\]": (Q, K[:1], K[:1], ROWS),
    "head width must be at least 1, got 0": (Q[..., :0], K[..., :0], K[..., :0], ROWS),
    "0 key heads do not divide 4 query heads": (Q, K[:, :0], K[:, :0], ROWS),
    "3 key heads do not divide 4 query heads": (Q, Q[:, :3], Q[:, :3], ROWS),
    "one dtype, got float32, float16, float32": (Q, K.half(), K, ROWS),
    "runs in float32, got float16. Try: --attention eager": (Q.half(), K.half(), K.half(), ROWS),
    r"head width must be in \[1, 8\], got 16": (torch.zeros(2, 4, 6, 16),) * 3 + (ROWS,),
    "the mask is of 3 rows, q of 2": (Q, K, K, SequenceMask.causal(torch.tensor([6, 4, 1]))),
    "the mask is of 1 rows, q of 2": (Q, K, K, replace(ROWS, prefix=LENGTHS[:1])),
    "window must be at least 1, got 0": (Q, K, K, replace(ROWS, window=0)),
    r"tree must be \[B, Tq\] = \[2, 6\], got \[2, 5\]": (Q, K, K, replace(ROWS, tree=torch.zeros(2, 5).long())),
    "does not take tree masks. Try: --attention eager": (Q, K, K, replace(ROWS, tree=torch.zeros(2, 6).long())),
    "does not take mixed masks": (Q, K, K, replace(ROWS, form="mixed")),
    "packed mask do not fit": (*ONE, replace(PACKED, prefix=PACKED.offsets)),
    "as many, got 5 and 6": (Q[:1, :, :5], *ONE[1:], PACKED),
    "1 rows, q of 2": (Q, K, K, PACKED),
    "one device, got cpu and meta": (Q, K, K, replace(ROWS, query_start=LENGTHS.to("meta"))),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_refused_in_one_line(message):
    takes = frozenset({"packed", "window"})
    with pytest.raises(UserError, match=message) as refusal:
        check_inputs("mine", *WRONG[message], takes=takes, dtypes=(torch.float32,), widest=8)
    assert "attention 'mine'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("inputs", [(Q, K, K, ROWS), (*ONE, PACKED), (Q, K, K, replace(ROWS, window=3))])
def test_what_fits_passes(inputs):
    check_inputs("mine", *inputs, takes=frozenset({"packed", "window"}), dtypes=(torch.float32,), widest=8)


@pytest.mark.parametrize("rows", [0, 2])
def test_no_rows_and_rows_of_no_length_pass(rows):
    none = torch.zeros(rows, dtype=torch.long)
    check_inputs("mine", Q[:rows], K[:rows], K[:rows], SequenceMask.full(none))
