"""The share of hidden codes, told to the frames of masked rows and to nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.hidden_share import HiddenShare
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out
from valle_core.sequence.masking import masked
from valle_core.sequence.pack import pack
from valle_core.sequence.unpad import end_to_end
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import TaskInputs
from valle_testing.fakes.backbone import FakeBackbone

V = 8


def make_model(**options) -> CodecLM:
    torch.manual_seed(0)
    vocabulary = Vocabulary(symbols=6, languages=1, num_levels=2, codebook_size=V)
    return CodecLM(FakeBackbone(), vocabulary, ModelOptions(masked=0.5, **options)).eval()


def told(markers: str = "token") -> CodecLM:
    model = make_model(masked_share=True, markers=markers)
    with torch.no_grad():
        for parameter in model.hidden_share.parameters():
            parameter.normal_()
    return model


def row(frames: int, hidden: list[int] | None, level: int = 0):
    codes = torch.randint(0, V, (frames, 2), generator=torch.Generator().manual_seed(frames))
    inputs = TaskInputs(text=torch.tensor([1, 2]), language=0, prompt=codes[:2], response=codes)
    made = lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level])
    if hidden is None:
        return made
    return masked(made, torch.tensor([place in hidden for place in range(frames)]), mask=V)


@pytest.mark.parametrize("markers", ["token", "sum"])
def test_frames_of_masked_rows_are_told_their_share_and_nothing_else_is_told_anything(markers):
    model = told(markers)
    rows = [row(5, None), row(4, [1]), row(7, None, level=1), row(10, list(range(10))), row(6, [])]
    batch = pack(rows, model.rules)
    x = model.embed(batch)
    plain = replace(batch)
    model.hidden_share, module = None, model.hidden_share
    added = x - model.embed(plain)
    for b, (one, share) in enumerate(zip(rows, (None, 0.25, None, 1.0, 0.0), strict=True)):
        end = int(batch.mask.lengths[b])
        frames = 0 if share is None else len(one.segments[-1].tokens)
        assert not added[b, : end - frames].any()
        assert not added[b, end:].any()
        if share is not None:
            wanted = module(torch.tensor([share])).expand(frames, -1)
            torch.testing.assert_close(added[b, end - frames : end], wanted, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_rows_laid_end_to_end_are_told_what_padded_ones_are():
    model = told()
    batch = pack([row(5, None), row(4, [1]), row(7, None, level=1), row(10, list(range(10)))], model.rules)
    real = torch.arange(batch.positions.shape[1]) < batch.mask.lengths[:, None]
    torch.testing.assert_close(model.embed(end_to_end(batch))[0], model.embed(batch)[real], atol=1e-6, rtol=0)


def test_the_waves_are_sines_and_cosines_of_rising_rates():
    module = HiddenShare(6).double()
    with torch.no_grad():
        for layer in (module.wide, module.narrow):
            layer.weight.copy_(torch.eye(6))
            layer.bias.zero_()
    share = 0.3
    angles = [share * 1000 ** (k / 2) for k in range(3)]
    waves = [*map(math.sin, angles), *map(math.cos, angles)]
    wanted = [value / (1 + math.exp(-value)) for value in waves]
    found = module(torch.tensor([share]))[0].tolist()
    assert found == pytest.approx(wanted, abs=1e-4)  # the waves are computed in float32


def test_it_changes_nothing_before_it_is_trained_and_gets_gradients():
    model, plain = make_model(masked_share=True), make_model()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("hidden_share")})
    batch = pack([row(5, [0, 3])], model.rules)
    torch.testing.assert_close(model(batch).logits[-1], plain(batch).logits[-1], atol=0, rtol=0)
    model(batch).logits[-1].sum().backward()
    assert model.hidden_share.narrow.weight.grad.any()


def test_a_model_without_masked_rows_has_nothing_to_tell():
    assert make_model().hidden_share is None
    with pytest.raises(UserError, match=r"add --model\.masked 0\.5, or leave it out"):
        ModelOptions(masked_share=True)
