"""Time and memory of a run are foreseen from shorter ones."""

from __future__ import annotations

import torch

from valle_bench.runner import limits
from valle_bench.runner.limits import Forecast, PeakMemory


def test_the_first_run_of_a_kind_is_always_made():
    assert Forecast(0.001).refusal("reference", "forward", 4096) == ""


def test_growth_is_taken_from_the_last_two_runs():
    forecast = Forecast(10.0)
    forecast.saw("linear", "forward", 1024, 2.0, 0)
    forecast.saw("linear", "forward", 2048, 4.0, 0)
    forecast.saw("quadratic", "forward", 1024, 1.0, 0)
    forecast.saw("quadratic", "forward", 2048, 4.0, 0)
    assert forecast.refusal("linear", "forward", 4096) == ""
    assert forecast.refusal("quadratic", "forward", 4096) == ("skipped: about 16 s a run foreseen, the limit is 10 s")


def test_the_fastest_of_several_runs_counts():
    forecast = Forecast(10.0)
    forecast.saw("reference", "forward", 1024, 9.0, 5)
    forecast.saw("reference", "forward", 1024, 1.0, 0)
    assert forecast.refusal("reference", "forward", 2048) == ""


def test_memory_that_is_not_there_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(limits, "free_memory", lambda: 2**30)
    forecast = Forecast(10.0)
    forecast.saw("reference", "forward", 1024, 0.1, 2**28)
    assert forecast.refusal("reference", "forward", 1200) == ""
    assert forecast.refusal("reference", "forward", 4096) == "skipped: about 4.0 GiB foreseen, 1.0 GiB are free"


def test_peak_memory_counts_what_was_given_back_again():
    peak = PeakMemory(torch.device("cpu"))
    held = torch.ones(16 * 2**20)  # 64 MiB
    del held
    assert peak.taken() > 50 * 2**20
