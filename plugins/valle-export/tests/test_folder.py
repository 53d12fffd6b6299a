"""What a model's folder holds: the weights in the data type that was asked for."""

from __future__ import annotations

import pytest
import torch
from valle_export.folder import stored_as

from valle_core.api import UserError


def test_a_weight_too_large_for_float16_is_refused_with_the_type_that_holds_it():
    tensors = {"heads.weight": torch.tensor([1.0, 1e5]), "count": torch.tensor([70_000])}
    with pytest.raises(UserError, match=r"'heads\.weight' has values too large for float16; use bfloat16"):
        stored_as(tensors, torch.float16)
    found = stored_as(tensors, torch.bfloat16)
    assert torch.equal(found["heads.weight"], tensors["heads.weight"].bfloat16())
    assert torch.equal(found["count"], tensors["count"])
