"""Conformance suite of the kind `acme-voicing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

RATE = 16_000


def silence_is_not_voiced(build: Callable[[], Any], **how: Any) -> None:
    """No frame of digital silence is voiced."""
    assert not build()(torch.zeros(RATE), RATE).any()


def a_tone_is_voiced(build: Callable[[], Any], **how: Any) -> None:
    """Every frame of a loud tone is."""
    tone = 0.5 * torch.sin(2 * torch.pi * 200 * torch.arange(RATE) / RATE)
    assert build()(tone, RATE).all()


def there_is_one_answer_per_frame(build: Callable[[], Any], **how: Any) -> None:
    """A frame each 10 ms, the last one filled; none for nothing."""
    voicing = build()
    assert [len(voicing(torch.zeros(length), RATE)) for length in (0, 1, 160, 161)] == [0, 1, 1, 2]


CHECKS = (silence_is_not_voiced, a_tone_is_voiced, there_is_one_answer_per_frame)
