"""What the progress bar says of a line of metrics."""

from __future__ import annotations

from valle_cli.commands.train import figures


def test_accuracies_stand_in_the_order_of_the_levels():
    levels = {f"accuracy_{level}": level / 100 for level in range(12)}
    shown = figures({"loss": 1.5, **levels, "tokens_per_second": 100.0, "audio_seconds_per_second": 3.0})
    assert "accuracy " + " ".join(f"0.{level:02d}" for level in range(12)) + " ·" in shown


def test_a_loss_that_is_not_finite_is_told():
    assert figures({"step": 3, "tokens_per_second": 1.0, "audio_seconds_per_second": 1.0}).startswith("loss not finite")
