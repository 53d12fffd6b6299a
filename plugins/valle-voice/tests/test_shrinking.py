"""Weights in few bytes come back nearly as they were."""

import pytest
import torch
from valle_voice.shrinking import shrunk

from valle_core.reading.tensors import check_tensors, expanded


def halves() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    table = torch.randn(200, 64)
    table[10:30] = 0
    return {
        "embedding.table": table,
        "heads.weight": torch.randn(3, 60, 64),
        "heads.bias": torch.randn(3, 20),
        "counts": torch.arange(2000).view(2, 1000),
        "codebooks": 4 * torch.randn(3, 120, 32),
    }


@pytest.mark.parametrize(("parts", "read"), [("ar", [0]), ("nar", [1, 2])])
def test_what_a_half_reads_comes_back_within_half_a_step(parts, read):
    whole = halves()
    stored = shrunk(whole, parts=parts)
    back = expanded(stored, whole)
    check_tensors(back, whole)
    for name in ("embedding.table", "codebooks"):
        step = whole[name].abs().amax(-1, keepdim=True) / 127
        assert ((back[name] - whole[name]).abs() <= 0.51 * step).all()
    assert torch.equal(back["counts"], whole["counts"])
    assert torch.equal(back["heads.bias"], whole["heads.bias"])
    assert (back["heads.weight"][read] - whole["heads.weight"][read]).abs().max() < 0.02
    unread = [level for level in range(3) if level not in read]
    assert not back["heads.weight"][unread].any()


def test_rows_that_are_zero_take_no_room():
    assert shrunk(halves(), parts="ar")["embedding.table"].shape == (180, 64)


def test_a_model_of_both_halves_is_refused():
    with pytest.raises(ValueError, match="parts must be ar or nar, got both"):
        shrunk(halves(), parts="both")


def test_a_number_that_is_not_finite_is_refused():
    broken = {**halves(), "heads.bias": torch.full((3, 20), float("nan"))}
    with pytest.raises(ValueError, match=r"'heads.bias' has numbers that are not finite"):
        shrunk(broken, parts="ar")
