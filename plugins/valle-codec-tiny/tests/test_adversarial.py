from __future__ import annotations

import torch
from valle_codec_tiny.adversarial import AdversarialLoss
from valle_codec_tiny.discriminators import Discriminators


def _voices(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pulse trains as the recorded side, noise of the same power as the decoded one."""
    generator = torch.Generator().manual_seed(seed)
    recorded = torch.zeros(2, 6400)
    for row, period in enumerate((80, 131)):
        recorded[row, ::period] = 1.0
    decoded = torch.randn(2, 6400, generator=generator) * recorded.std()
    return recorded, decoded


def test_critics_learn_to_tell_the_sides_apart():
    torch.manual_seed(0)
    adversary = AdversarialLoss(1.0, 1.0, warmup=1000, lr=2e-3)
    losses: dict[str, torch.Tensor] = {}
    seen = []
    for step in range(12):
        recorded, decoded = _voices(step)
        decoded.requires_grad_(True)
        adversary.gradient(recorded, decoded, decoded.square().sum(), losses)
        seen.append(float(losses["critic"].detach()))
    assert seen[-1] < 0.7 * seen[0]
    assert "adversarial" not in losses


def test_the_gradient_is_the_reconstructions_while_the_critics_practise():
    recorded, decoded = _voices(0)
    decoded.requires_grad_(True)
    gradient = AdversarialLoss(1.0, 1.0, warmup=5, lr=1e-3).gradient(recorded, decoded, decoded.square().sum(), {})
    assert torch.allclose(gradient, 2 * decoded.detach())


def test_what_critics_ask_is_as_long_as_the_fixed_multiple_says():
    torch.manual_seed(0)
    recorded, decoded = _voices(0)
    decoded.requires_grad_(True)
    adversary = AdversarialLoss(0.5, 0.0, warmup=0, lr=0.0)
    for scale in (1.0, 1000.0):
        own = 2 * scale * decoded.detach()
        extra = adversary.gradient(recorded, decoded, scale * decoded.square().sum(), {}) - own
        assert abs(float(extra.norm() / own.norm()) - 0.5) < 1e-3


def test_features_of_the_same_sound_match():
    torch.manual_seed(0)
    recorded, decoded = _voices(0)
    discriminators = Discriminators()
    assert float(discriminators.guide(recorded, recorded)[1].detach()) < 1e-6
    assert float(discriminators.guide(recorded, decoded)[1].detach()) > 0.1
