"""Mixes: their ratio after decoding again, and what is kept of them on disk."""

from __future__ import annotations

import math
import multiprocessing
import os

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.types import CodecIdentity
from valle_data.audio.levels import active_level, mix_waves
from valle_data.mixing.mix_cache import MixCache, mix_key
from valle_data.mixing.mixer import Mixer

RATE, HOP = 8000, 4


class LinearCodec:
    """16-bit samples as codes: each frame of 4 samples is 8 bytes, so decoding gives back what was encoded."""

    sample_rate, hop, frame_rate, num_levels, codebook_size = RATE, HOP, RATE / HOP, 2 * HOP, 256
    lookahead_frames, codebooks = 0, None
    identity = CodecIdentity(
        name="linear", sample_rate=RATE, hop=HOP, num_levels=2 * HOP, codebook_size=256, weights_hash="0" * 16
    )

    def __init__(self):
        self.encoded = 0

    def encode(self, wav, lengths):
        self.encoded += len(wav)
        B, N = wav.shape
        wav = torch.nn.functional.pad(wav, (0, -N % HOP))
        words = (wav * 32767).round().long() + 32768
        bytes_ = torch.stack([words // 256, words % 256], -1).view(B, -1, 2 * HOP)
        return bytes_, (lengths + HOP - 1) // HOP

    def decode(self, codes, frames):
        pairs = codes.view(len(codes), -1, 2)
        return (pairs[..., 0] * 256 + pairs[..., 1] - 32768) / 32767, frames * HOP


def tone(hertz, seconds=0.5, amplitude=0.2):
    return amplitude * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)


def codes_of(wav):
    codes, _ = LinearCodec().encode(wav[None], torch.tensor([len(wav)]))
    return codes[0]


def sound_of(codes):
    return LinearCodec().decode(codes[None], torch.tensor([len(codes)]))[0][0]


@pytest.fixture
def mixer(tmp_path):
    """`mixer()` → a mixer over a folder, and its codec, which notes what it does."""

    def make(folder="mixes", limit=10**6):
        codec = LinearCodec()
        cache = MixCache(tmp_path / folder, limit, codec.identity)
        return Mixer(codec.identity, lambda: codec, cache), codec

    return make


@pytest.mark.parametrize("db", [-12.0, 0.0, 7.5, 25.0])
@pytest.mark.parametrize("seconds", [0.05, 0.5, 1.5])
def test_the_ratio_is_exact_on_a_linear_codec(mixer, db, seconds):
    a = torch.cat([tone(300), torch.zeros(RATE // 2), tone(300)])  # with a pause
    b = tone(1000, seconds, amplitude=0.05)
    mixed = mixer()[0].mix(codes_of(a), codes_of(b), db)
    assert mixed.shape == (len(a) // HOP, 2 * HOP)
    decoded = sound_of(mixed)
    part = a * (decoded @ a / (a @ a))
    found = 20 * math.log10(active_level(part, RATE) / active_level(decoded - part, RATE))
    assert found == pytest.approx(db, abs=0.05)


def test_the_result_is_the_sum_encoded(mixer):
    a, b = tone(300), tone(700, 0.2)
    expected = codes_of(mix_waves(sound_of(codes_of(a)), sound_of(codes_of(b)), 6.0, RATE))
    assert torch.equal(mixer()[0].mix(codes_of(a), codes_of(b), 6.0), expected)


def test_many_at_once_equal_each_alone_and_equal_ones_are_made_once(mixer):
    pairs = [(codes_of(tone(200 + 50 * n, 0.1 * (n + 1))), codes_of(tone(900)), float(n)) for n in range(4)]
    together, codec = mixer("together")
    found = together.mix_all([*pairs, pairs[0]])
    assert codec.encoded == 4
    assert torch.equal(found[0], found[4])
    assert found[0].data_ptr() != found[4].data_ptr()
    for pair, codes in zip(pairs, found, strict=False):
        assert torch.equal(mixer(f"alone {pair[2]}")[0].mix(*pair), codes)


def test_what_was_made_is_not_made_again_by_whoever_shares_the_folder(mixer):
    a, b = codes_of(tone(300)), codes_of(tone(700))
    one, first = mixer()
    made = one.mix(a, b, 3.0)
    made_again = one.mix(a.int(), b.to(torch.uint8), 3.0)  # the type of the codes is no other sound
    assert torch.equal(made, made_again)
    assert first.encoded == 1
    other, second = mixer()
    assert torch.equal(other.mix(a, b, 3.0), made)
    assert second.encoded == 0
    other.mix(a, b, 3.1)
    other.mix(b, a, 3.0)
    assert second.encoded == 2


def test_the_codec_is_not_opened_for_what_is_kept(mixer, tmp_path):
    a, b = codes_of(tone(300)), codes_of(tone(700))
    made = mixer()[0].mix(a, b, 3.0)

    def refuse():
        raise AssertionError("opened")

    shut = Mixer(LinearCodec.identity, refuse, MixCache(tmp_path / "mixes", 10**6, LinearCodec.identity))
    assert torch.equal(shut.mix(a, b, 3.0), made)


def test_writing_into_a_result_changes_no_later_one(mixer):
    a, b = codes_of(tone(300)), codes_of(tone(700))
    one, _ = mixer()
    first = one.mix(a, b, 3.0)
    kept = first.clone()
    first.zero_()
    assert torch.equal(one.mix(a, b, 3.0), kept)


@pytest.mark.parametrize("damage", ["cut", "another", "bytes", "empty"])
def test_a_damaged_entry_is_made_anew(mixer, tmp_path, damage):
    a, b = codes_of(tone(300)), codes_of(tone(700))
    made = mixer()[0].mix(a, b, 3.0)
    (path,) = (tmp_path / "mixes").rglob("*.safetensors")
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[:-7]
    elif damage == "another":
        content[-1] ^= 1  # a valid file of other codes
    elif damage == "bytes":
        content[:8] = b"\xff" * 8
    else:
        content = bytearray()
    path.write_bytes(content)
    again, codec = mixer()
    assert torch.equal(again.mix(a, b, 3.0), made)
    assert codec.encoded == 1
    assert torch.equal(mixer()[0].mix(a, b, 3.0), made)


def test_the_folder_stays_within_its_bound_and_keeps_what_was_used_last(tmp_path):
    identity = LinearCodec.identity
    cache = MixCache(tmp_path, 30_000, identity)
    codes = [torch.full((100, 8), n) for n in range(90)]
    for n, one in enumerate(codes):
        cache.put(f"{n:032x}", one)
        path = cache._path(f"{n:032x}")
        if path.exists():
            os.utime(path, (n, n))
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.safetensors")]
    assert 0.5 * 30_000 < sum(sizes) <= 30_000 * (1 + 1 / 16) + sizes[0]
    fresh = MixCache(tmp_path, 30_000, identity)
    assert fresh.get(f"{0:032x}") is None
    assert fresh.get(f"{89:032x}") is not None


def test_a_clean_up_takes_what_killed_writers_left_and_nothing_of_others(tmp_path):
    theirs = [tmp_path / "ab" / "model.safetensors", tmp_path / "runs" / f"{0:032x}.safetensors", tmp_path / "ab" / "x"]
    left = tmp_path / "ab" / f".{171:032x}.safetensors.0123abcd.tmp"
    for number, path in enumerate([*theirs, left]):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(40_000))
        os.utime(path, (number, number))
    cache = MixCache(tmp_path, 30_000, LinearCodec.identity)
    cache.put(f"{1:032x}", torch.zeros(100, 8, dtype=torch.long))
    assert all(path.exists() for path in theirs)
    assert not left.exists()
    assert cache._path(f"{1:032x}").exists()


def test_a_folder_that_cannot_be_written_ends_the_keeping_not_the_mixing(mixer, tmp_path, caplog):
    (tmp_path / "file").touch()
    one, _ = mixer("file")
    a, b = codes_of(tone(300)), codes_of(tone(700))
    assert torch.equal(one.mix(a, b, 3.0), one.mix(a, b, 3.0))
    one.mix(b, a, 3.0)
    assert caplog.text.count("no longer kept") == 1


def test_nothing_is_kept_on_disk_where_nothing_may_be(tmp_path):
    codec = LinearCodec()
    one = Mixer(codec.identity, lambda: codec, MixCache(tmp_path / "mixes", 0, codec.identity))
    one.mix(codes_of(tone(300)), codes_of(tone(700)), 3.0)
    assert not (tmp_path / "mixes").exists()


def _mix_in_another_process(folder, queue):
    codec = LinearCodec()
    one = Mixer(codec.identity, lambda: codec, MixCache(folder, 10**6, codec.identity))
    queue.put(int(one.mix(codes_of(tone(300)), codes_of(tone(700)), 3.0).sum()))


def test_processes_may_share_a_folder(tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=_mix_in_another_process, args=(tmp_path, queue)) for _ in range(3)]
    for process in processes:
        process.start()
    found = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert len(found) == 1
    assert len([*tmp_path.rglob("*.safetensors")]) == 1
    assert not [*tmp_path.rglob("*.tmp")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b: (a[:0], b, 0.0), "the first sound of a mix is"),
        (lambda a, b: (a, b[:0], 0.0), "the second sound of a mix is"),
        (lambda a, b: (a[:, :1], b, 0.0), r"codes of the first sound of a mix must be \[frames, 8\], got \[1000, 1\]"),
        (lambda a, b: (a, b.float(), 0.0), r"codes of the second sound of a mix must be integers, got torch\.float32"),
        (lambda a, b: (a, b + 256, 0.0), r"codes of the second sound of a mix must be in \[0, 255\], got 256 … "),
        (lambda a, b: (a, b, math.nan), "nan dB"),
        (lambda a, b: (a, b, math.inf), "inf dB"),
    ],
)
def test_what_cannot_be_mixed_is_refused(mixer, change, message):
    a, b = codes_of(tone(300)), codes_of(tone(700))
    with pytest.raises(UserError, match=message):
        mixer()[0].mix(*change(a, b))


def test_a_codec_of_other_weights_is_refused(tmp_path):
    import dataclasses

    other = dataclasses.replace(LinearCodec.identity, weights_hash="f" * 16)
    one = Mixer(other, LinearCodec, MixCache(None, 0, other))
    with pytest.raises(UserError, match="differ in weights_hash"):
        one.mix(codes_of(tone(300)), codes_of(tone(700)), 3.0)
    assert mix_key(other, codes_of(tone(1)), codes_of(tone(1)), 0.0) != mix_key(
        LinearCodec.identity, codes_of(tone(1)), codes_of(tone(1)), 0.0
    )


def test_threads_are_as_before_after_a_mix(mixer):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        mixer()[0].mix(codes_of(tone(300)), codes_of(tone(700)), 3.0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
