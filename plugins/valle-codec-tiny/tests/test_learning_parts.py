from __future__ import annotations

import threading

import pytest
import torch
from valle_codec_tiny.losses import PARTS, ReconstructionLoss, loudness_distance, power
from valle_codec_tiny.quantizer import SPARES, ResidualQuantizer, kmeans
from valle_codec_tiny.team import Team


def test_the_power_spectrum_has_the_gradient_of_autograds_own():
    wav = torch.randn(1, 700, dtype=torch.double, requires_grad=True)
    weight = torch.rand(1, 4, 129, dtype=torch.double)
    ours = torch.autograd.grad((power(wav, 256, 128) * weight).sum(), wav)[0]
    shape = torch.hann_window(256)
    plain = torch.fft.rfft(wav.unfold(1, 256, 128) * (shape * (2 / shape.sum()))).abs().square()
    assert torch.allclose(ours, torch.autograd.grad((plain * weight).sum(), wav)[0], rtol=1e-6)


def test_the_loss_is_small_only_for_the_same_sound(clips):
    judge = ReconstructionLoss(dict.fromkeys(PARTS, 1.0))
    clip = clips[0][None, 4000:20000]
    same, parts = judge(clip, clip)
    louder = judge(clip * 1.5, clip)[0]
    noise = judge(clip + 0.01 * torch.randn(clip.shape, generator=torch.Generator().manual_seed(0)), clip)[0]
    assert float(same) < 1e-3
    assert set(parts) == set(PARTS)
    assert min(float(louder), float(noise)) > 100 * float(same)


def test_what_is_too_loud_counts_double():
    quiet, loud = torch.full((1, 3, 4), 0.1), torch.full((1, 3, 4), 0.2)
    assert float(loudness_distance(loud, quiet)) == pytest.approx(2 * float(loudness_distance(quiet, loud)), rel=1e-3)


def test_kmeans_finds_clusters():
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(8, 5, generator=generator) * 10
    points = centres.repeat(100, 1) + 0.01 * torch.randn(800, 5, generator=generator)
    book = kmeans(points, 32, generator, 10)
    assert float(torch.cdist(centres, book).min(1).values.max()) < 0.1


def test_each_level_leaves_less_over():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2000, 6, generator=generator)
    quantizer = ResidualQuantizer(4, 32, 6)
    quantizer.initialise(z, generator)
    codes = quantizer.encode(z)
    left = [float((z - quantizer.lookup(codes[:, : level + 1])).square().mean()) for level in range(4)]
    assert left == sorted(left, reverse=True)
    assert left[3] < 0.3 * left[0]


def test_dead_codes_move_onto_vectors_that_were_seen():
    generator = torch.Generator().manual_seed(0)
    quantizer = ResidualQuantizer(1, 8, 4)
    quantizer.books.fill_(50.0)
    quantizer.books[0, 0] = 0.0
    quantizer.sums.copy_(quantizer.books)
    z = torch.randn(1, 200, 4, generator=generator)
    for _ in range(300):
        _, _, seen = quantizer(z, torch.tensor([1]), generator)
        quantizer.learn(seen)
        quantizer.revive(seen.spares)
    assert seen.spares.shape == (1, SPARES, 4)
    assert len(quantizer.encode(z[0]).unique()) == 8


def test_the_decoder_passes_gradients_straight_to_the_encoder_and_drops_levels_by_row():
    quantizer = ResidualQuantizer(3, 8, 4)
    quantizer.initialise(torch.randn(500, 4), torch.Generator().manual_seed(0))
    z = torch.randn(2, 5, 4, requires_grad=True)
    quantized, _, _ = quantizer(z, torch.tensor([1, 3]), torch.Generator())
    quantized.sum().backward()
    assert z.grad is not None
    assert torch.equal(z.grad, torch.ones_like(z))
    codes = quantizer.encode(z.detach().reshape(10, 4)).reshape(2, 5, 3)
    assert torch.allclose(quantized[0], quantizer.lookup(codes[0, :, :1]), atol=1e-6)
    assert torch.allclose(quantized[1], quantizer.lookup(codes[1]), atol=1e-6)


def test_ranks_leave_an_exchange_with_the_same_mean_and_rank_zeros_clock():
    shared, barrier = torch.zeros(2, 2, 16), threading.Barrier(2)
    held = [(torch.full((3,), float(rank)), torch.tensor([10.0 + rank])) for rank in range(2)]

    def work(rank: int) -> None:
        team = Team(rank, 2, shared, barrier)  # type: ignore[arg-type]
        for _ in range(3):
            team.exchange([held[rank][0]], [held[rank][1]])

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert all(torch.equal(mean, torch.full((3,), 0.5)) and clock.item() == 10 for mean, clock in held)
