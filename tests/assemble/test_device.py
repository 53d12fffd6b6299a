"""What the user wrote becomes a device that is there, or one line."""

from __future__ import annotations

import pytest
import torch

from valle_core.assemble.device import choose_device
from valle_core.plugin import UserError


@pytest.fixture
def gpus(monkeypatch):
    def have(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return have


def test_auto_takes_a_gpu_where_there_is_one(gpus):
    gpus(0)
    assert choose_device("auto") == torch.device("cpu")
    gpus(1)
    assert choose_device("auto") == torch.device("cuda")


def test_a_numbered_gpu_is_taken_and_one_too_many_is_refused(gpus):
    gpus(2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(UserError, match=r"'cuda:2' is not there; 2 of its kind found"):
        choose_device("cuda:2")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cuda", "'cuda' is not there; use --device cpu"),
        ("toaster", "'toaster' is unknown"),
        ("meta", "'meta' is not supported"),
        ("", "'' is unknown"),
    ],
)
def test_what_is_not_there_is_refused(gpus, name, message):
    gpus(0)
    with pytest.raises(UserError, match=message):
        choose_device(name)
