from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_core.plugin import UserError
from valle_kit.codes.windows import (
    Context,
    Step,
    WindowStream,
    decoder_context,
    encode_windows,
    encoder_context,
    inputs_of,
)

UP = (
    Step(kernel=7, padding=3),
    Step(kernel=10, stride=5, padding=3, transposed=True),
    Step(kernel=7, dilation=3, padding=9),
    Step(kernel=4, stride=2, padding=1, transposed=True),
)
DOWN = (Step(kernel=7, padding=3), Step(kernel=10, stride=5, padding=3), Step(kernel=4, stride=2, padding=1))


def network(steps) -> nn.Sequential:
    """Convolutions of these steps with positive weights, so that no influence cancels."""
    layers = []
    for step in steps:
        kind = nn.ConvTranspose1d if step.transposed else nn.Conv1d
        layer = kind(1, 1, step.kernel, stride=step.stride, padding=step.padding, dilation=step.dilation, bias=False)
        nn.init.uniform_(layer.weight, 0.1, 1.0)
        layers.append(layer.double().requires_grad_(False))
    return nn.Sequential(*layers)


@pytest.mark.parametrize(("steps", "output"), [(UP, 207), (UP, 200), (DOWN, 20), (DOWN, 21)])
def test_the_inputs_of_an_output_are_those_that_change_it(steps, output):
    model, size = network(steps), 400
    x = torch.ones(1, 1, size, dtype=torch.float64)
    changed = []
    for place in range(size):
        bent = x.clone()
        bent[..., place] += 1
        if float((model(bent) - model(x))[0, 0, output].abs()) > 1e-9:
            changed.append(place)
    assert inputs_of(steps, output, output) == (changed[0], changed[-1])


def test_windows_with_the_context_give_the_codes_of_the_whole_and_with_less_they_do_not():
    model, hop = network(DOWN), 10
    wav = torch.rand(73 * hop, dtype=torch.float64)

    def encode(part):
        return model(part[None, None])[0].T

    context = encoder_context(DOWN, hop)
    assert len(encode(wav)) == 73
    chunks = encode_windows(wav, encode, hop=hop, context=context, frames=9)
    torch.testing.assert_close(chunks, encode(wav), rtol=0, atol=1e-9)
    less = encode_windows(wav, encode, hop=hop, context=Context(left=0, right=0), frames=9)
    assert float((less - encode(wav)).abs().max()) > 1e-3


def stream(model, context, frames=7):
    def decode(codes):
        wav = model(codes[..., 0].double()[:, None])[:, 0]
        return nn.functional.pad(wav, (0, codes.shape[1] * 10 - wav.shape[1])).float() / 1e4

    device = torch.device("cpu")
    made = WindowStream(decode, lambda x: x, hop=10, context=context, batch=2, device=device, frames=frames)
    return made, decode


@pytest.mark.parametrize("chunks", [(50,), (1,) * 50, (3, 0, 40, 7), (48, 2)])
def test_a_stream_gives_the_whole_and_holds_back_what_it_must(chunks):
    model, context = network(UP), decoder_context(UP, 10)
    made, decode = stream(model, context)
    codes = torch.randint(0, 9, (2, 50, 1))
    decoded, pushed = [], 0
    for part in codes.split(list(chunks), dim=1):
        decoded.append(made.push(part))
        pushed += part.shape[1]
        assert sum(chunk.shape[1] for chunk in decoded) == max(pushed - context.right, 0) * 10
    decoded.append(made.flush())
    torch.testing.assert_close(torch.cat(decoded, 1), decode(codes).clamp(-1, 1), rtol=0, atol=1e-6)


def test_a_stream_decodes_no_more_at_once_than_it_was_told():
    context = decoder_context(UP, 10)
    made, decode = stream(network(UP), context)
    seen = []
    made._decode = lambda codes: seen.append(codes.shape[1]) or decode(codes)
    made.push(torch.zeros(2, 500, 1, dtype=torch.long))
    assert len(seen) > 60
    assert max(seen) <= 7 + context.left + context.right


def test_a_stream_whose_rows_or_levels_change_is_refused():
    made, _ = stream(network(UP), decoder_context(UP, 10))
    made.push(torch.zeros(2, 5, 1, dtype=torch.long))
    with pytest.raises(UserError, match="Keep them"):
        made.push(torch.zeros(2, 5, 2, dtype=torch.long))
