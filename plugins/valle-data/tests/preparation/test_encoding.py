"""Codes are stored in the smallest type that holds them."""

from __future__ import annotations

import pytest
import torch

from valle_data.preparation.encoding import storage_dtype


@pytest.mark.parametrize("size", [1, 256, 257, 1024, 32768, 65536])
def test_the_storage_type_holds_the_largest_code(size):
    codes = torch.full((1, 1), size - 1)
    assert codes.to(storage_dtype(size)).long().item() == size - 1
