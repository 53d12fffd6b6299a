"""What a push of one frame costs beside the network: operations, for milliseconds are another machine's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from valle_vocos.codec import build
from valle_vocos.options import VocosOptions


class Counted(TorchDispatchMode):
    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def codec():
    return build(VocosOptions(weights="random"), device=torch.device("cpu"))


def test_a_push_is_few_operations(codec):
    stream, frame = codec.stream(), torch.zeros(1, 1, codec.num_levels, dtype=torch.long)
    for _ in range(40):  # until every layer has seen enough
        stream.push(frame)
    with Counted() as counted:
        stream.push(frame)
    assert counted.count <= 210, "310 with channels first and PyTorch's layers one by one"


@pytest.mark.parametrize("levels", [2, 8])
def test_the_vectors_of_all_levels_are_summed_in_as_many_operations_as_those_of_two(codec, levels):
    codes = torch.randint(0, codec.codebook_size, (2, 3, levels))
    with torch.inference_mode(), Counted() as counted:
        found = codec.latents(codes)
    wanted = sum(F.embedding(codes[..., level], codec.codebooks[level]) for level in range(levels)).transpose(1, 2)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert counted.count <= 12
