"""Every package that `valle bench codec` measures beside a codec, on equal weights; and engine `original`."""

from __future__ import annotations

import pytest
import torch

from valle_bench.codec.signals import batch
from valle_core.api import Registry, build

REGISTRY = Registry.open()
CASES = [entry.spec for entry in REGISTRY.entries("reference") if entry.spec and entry.spec.bench == "codec"]
SMALLER = {"dac": {"variant": "16khz", "levels": 4}, "encodec": {"bandwidth": 6.0}, "vocos": {"bandwidth": 3.0}}

PACKAGES = {"dac": "descript-audio-codec", "encodec": "encodec", "vocos": "vocos"}


def made(name, **more):
    selected = REGISTRY.select("codec", name)
    options = selected.options_type()(weights="random", **SMALLER[name], **more)
    return build(selected, options, device=torch.device("cpu"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_its_codes_and_sound_are_ours(case, parity):
    codec = made(case.part)
    theirs = case.load(codec)
    wav = batch(1.0, codec.sample_rate, 2, seed=5)[:, :-7]
    codes, frames = codec.encode(wav, torch.full((2,), wav.shape[1]))
    package, _, model = case.title.partition(" ")
    apart = (theirs.encode(wav) != codes).float().mean()
    parity(package, f"{model} beside {case.part}, share of other codes", apart, torch.zeros(()), within=1e-3)
    sound, ours = theirs.decode(codes).clamp(-1, 1), codec.decode(codes, frames)[0]
    assert sound.std() > 1e-3
    parity(package, f"{model} beside {case.part}, sound", ours[:, : sound.shape[1]], sound, within=1e-4)


@pytest.mark.parametrize("name", SMALLER)
def test_the_engine_of_the_original_gives_our_codes_sound_and_streams(name, parity):
    ours, original = made(name), made(name, engine="original")
    assert ours.identity == original.identity
    wav = batch(0.8, ours.sample_rate, 2, seed=6)
    lengths = torch.tensor([wav.shape[1], wav.shape[1] // 2 + 3])
    codes, frames = ours.encode(wav, lengths)
    assert torch.equal(original.encode(wav, lengths)[0], codes)
    sound = ours.decode(codes, frames)[0]
    parity(PACKAGES[name], "engine original, sound", original.decode(codes, frames)[0], sound, within=1e-4)
    stream = original.stream(2)
    decoded = torch.cat([*(stream.push(part) for part in codes.split(7, dim=1)), stream.flush()], dim=1)
    whole = ours.decode(codes, torch.full_like(frames, codes.shape[1]))[0]
    parity(PACKAGES[name], "engine original, streamed", decoded, whole, within=1e-4)
