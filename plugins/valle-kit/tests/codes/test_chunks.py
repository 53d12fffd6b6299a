"""Networks in chunks against the whole, on layers of every kind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_core.plugin import UserError
from valle_kit.codes.chunks import Added, ChunkStack, ChunkStream, Pointwise, spans


def layers(channels: int = 3):
    torch.manual_seed(0)
    unit = Added((Pointwise(torch.sin, 4), nn.Conv1d(4, 4, 7, padding=9, dilation=3), nn.Conv1d(4, 4, 1)))
    up = (nn.ConvTranspose1d(4, 4, 10, stride=5, padding=3), unit, nn.ConvTranspose1d(4, 4, 4, stride=2, padding=1))
    down = (nn.Conv1d(4, 4, 10, stride=5, padding=3), unit, nn.Conv1d(4, 2, 3, padding=1))
    shift = Pointwise(lambda x: x + 2, 2, lambda x, out: torch.add(x, 2, out=out))
    return (nn.Conv1d(channels, 4, 7, padding=3), *up, *down, shift, nn.Conv1d(2, 2, 5, padding=2),
            shift, nn.Conv1d(2, 2, 1), Pointwise(torch.tanh, 2))  # fmt: skip


def whole(layers, x):
    """What the layers mean, said once without any state."""
    for layer in layers:
        if isinstance(layer, Added):
            x = x + whole(layer.block, x)
        elif isinstance(layer, Pointwise):
            x = layer.function(x)
        else:
            x = layer(x)
    return x


@pytest.mark.parametrize("chunks", [(60,), (1,) * 60, (3, 0, 40, 17), (59, 1), (1, 59), (2,), (1,)])
@torch.inference_mode()
def test_pieces_joined_are_the_whole(chunks):
    made = [layer.double() if isinstance(layer, nn.Module) else layer for layer in layers()]
    made = [Added(tuple(inner.double() if isinstance(inner, nn.Module) else inner for inner in layer.block))
            if isinstance(layer, Added) else layer for layer in made]  # fmt: skip
    x = torch.randn(2, 3, sum(chunks), dtype=torch.float64)
    kept = x.clone()
    stack = ChunkStack(made)
    decoded = [stack.push(part) for part in x.split(list(chunks), dim=-1)]
    decoded.append(stack.push(x[..., :0], end=True))
    torch.testing.assert_close(torch.cat(decoded, -1), whole(made, x), rtol=0, atol=1e-12)
    assert torch.equal(x, kept)
    stack = ChunkStack(made)
    parts = x.split(list(chunks), dim=-1)
    decoded = [stack.push(part, end=index == len(parts) - 1) for index, part in enumerate(parts)]
    torch.testing.assert_close(torch.cat(decoded, -1), whole(made, x), rtol=0, atol=1e-12)


def test_a_transposed_convolution_cut_more_than_it_reaches_is_refused():
    with pytest.raises(ValueError, match="a padding of 3"):
        ChunkStack([nn.ConvTranspose1d(1, 1, 4, stride=2, padding=3)])


@pytest.mark.parametrize(("total", "size"), [(1, 5), (9, 5), (10, 5), (11, 5), (14, 5), (15, 5), (100, 1)])
def test_spans_cover_everything_once_and_leave_no_short_rest(total, size):
    found = spans(total, size)
    assert [start for start, _ in found] == [0, *(stop for _, stop in found[:-1])]
    assert found[-1][1] == total
    assert all(stop - start == size for start, stop in found[:-1])
    assert total < size or size <= found[-1][1] - found[-1][0] < 2 * size


def stream(frames=4):
    torch.manual_seed(1)
    sound = (nn.Conv1d(1, 1, 5, padding=2), nn.ConvTranspose1d(1, 1, 20, stride=10, padding=5))
    made = [layer.requires_grad_(False) for layer in sound]
    asked = []
    return made, asked, ChunkStream(
        lambda codes: codes[..., 0].float()[:, None] / 9, lambda codes: codes,
        lambda levels: asked.append(levels) or made, hop=10, lookahead=3, batch=2, device=torch.device("cpu"),
        frames=frames,
    )  # fmt: skip


@pytest.mark.parametrize("chunks", [(50,), (1,) * 50, (3, 0, 40, 7), (48, 2)])
def test_a_stream_gives_the_whole_and_holds_back_its_lookahead(chunks):
    made, asked, one = stream()
    codes = torch.randint(0, 9, (2, 50, 3))
    decoded, pushed = [], 0
    for part in codes.split(list(chunks), dim=1):
        decoded.append(one.push(part))
        pushed += part.shape[1]
        assert sum(chunk.shape[1] for chunk in decoded) == max(pushed - 3, 0) * 10
    decoded.append(one.flush())
    wanted = whole(made, codes[..., 0].float()[:, None] / 9)[:, 0].clamp(-1, 1)
    torch.testing.assert_close(torch.cat(decoded, 1), wanted, rtol=0, atol=1e-6)
    assert asked == [3]


def test_a_stream_whose_rows_or_levels_change_is_refused():
    _, _, one = stream()
    one.push(torch.zeros(2, 5, 1, dtype=torch.long))
    with pytest.raises(UserError, match="Keep them"):
        one.push(torch.zeros(2, 5, 2, dtype=torch.long))
    assert stream()[2].flush().shape == (2, 0)
