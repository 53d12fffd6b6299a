"""The stream over a stack of layers: the whole in chunks, held back by its lookahead."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_core.plugin import UserError
from valle_kit.codes.convolutions import zero_padded
from valle_kit.codes.stack import Stack, Windowed, lookahead
from valle_kit.codes.stream import StackStream, decoded, spans


@pytest.mark.parametrize(("total", "size"), [(1, 5), (9, 5), (10, 5), (11, 5), (14, 5), (15, 5), (100, 1)])
def test_spans_cover_everything_once_and_leave_no_short_rest(total, size):
    found = spans(total, size)
    assert [start for start, _ in found] == [0, *(stop for _, stop in found[:-1])]
    assert found[-1][1] == total
    assert all(stop - start == size for start, stop in found[:-1])
    assert total < size or size <= found[-1][1] - found[-1][0] < 2 * size


def layers():
    torch.manual_seed(1)
    made = (nn.Conv1d(1, 1, 5, padding=2), nn.ConvTranspose1d(1, 1, 20, stride=10, padding=5))
    return tuple(zero_padded(layer.requires_grad_(False)) for layer in made)


def latents(codes):
    return codes[..., 0].float()[:, None] / 9


def stream(network=None):
    network, asked = network or layers(), []
    return asked, StackStream(
        latents, lambda codes: codes, lambda levels: asked.append(levels) or network,
        hop=10, lookahead=lookahead(network, 10), batch=2, device=torch.device("cpu"), frames=4,
    )  # fmt: skip


def windowed():
    """The same network as one that only runs whole windows."""
    network, seen = layers(), []

    def whole(x):
        seen.append(x.shape[2])
        return Stack(network).push(x, end=True)

    return seen, (Windowed(whole, 1, 3, 10),)


@pytest.mark.parametrize("chunks", [(50,), (1,) * 50, (3, 0, 40, 7), (48, 2)])
@pytest.mark.parametrize("kind", ["layers", "windows"])
def test_a_stream_gives_the_whole_and_holds_back_its_lookahead(chunks, kind):
    asked, one = stream(windowed()[1] if kind == "windows" else None)
    codes = torch.randint(0, 9, (2, 50, 3))
    parts, pushed = [], 0
    for part in codes.split(list(chunks), dim=1):
        parts.append(one.push(part))
        pushed += part.shape[1]
        assert sum(chunk.shape[1] for chunk in parts) == max(pushed - 3, 0) * 10
    parts.append(one.flush())
    wanted = decoded(layers(), latents, codes, hop=10, frames=99).clamp(-1, 1)
    torch.testing.assert_close(torch.cat(parts, 1), wanted, rtol=0, atol=1e-6)
    assert asked == [3]


def test_windows_hold_no_more_than_a_chunk_and_its_context():
    seen, network = windowed()
    stream(network)[1].push(torch.zeros(2, 500, 1, dtype=torch.long))
    assert len(seen) > 100
    assert max(seen) <= 4 + 3 + 3


def test_a_stream_whose_rows_or_levels_change_is_refused():
    _, one = stream()
    one.push(torch.zeros(2, 5, 1, dtype=torch.long))
    with pytest.raises(UserError, match="Keep them"):
        one.push(torch.zeros(2, 5, 2, dtype=torch.long))
    assert stream()[1].flush().shape == (2, 0)
