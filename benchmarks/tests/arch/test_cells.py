"""All implementations do the same and are compared before their times count."""

from __future__ import annotations

import pytest
import torch

from valle_bench.arch.cells import difference, measure
from valle_bench.arch.settings import OWN, Cell
from valle_bench.reference import ReferenceDecoder, ReferenceModel


def test_our_side_keeps_the_peers_protocol(bench):
    assert isinstance(bench.implementations[OWN], ReferenceModel)
    assert isinstance(bench.implementations[OWN].decoder(1, 8), ReferenceDecoder)


@pytest.mark.parametrize("what", ["forward", "train"])
def test_equal_states_are_no_difference_and_others_are(bench, what):
    figures = measure(bench, Cell(what=what, length=7))
    assert figures[OWN].seconds > 0
    assert figures[OWN].difference is None
    assert figures["same"].difference == 0
    assert 0.05 < figures["other"].difference < 0.2
    assert figures["same"].runs >= 2


def test_a_training_step_compares_gradients_and_leaves_none(bench):
    model = bench.implementations["same"]

    def detached(x):  # equal states whose gradient is not
        h = type(model).forward(model, x)
        return h.detach() + 0 * x

    bench.implementations["other"].forward = detached
    figures = measure(bench, Cell(what="train", length=7))
    assert figures["other"].difference > 0.01
    assert all(parameter.grad is None for parameter in bench.implementations[OWN].parameters())


def test_our_side_is_in_training_mode_only_for_training(bench):
    modes = []
    backbone = bench.implementations[OWN].backbone
    backbone.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    for what in ("train", "forward", "train", "decode"):
        modes.clear()
        measure(bench, Cell(what=what, length=7))
        assert set(modes) == {what == "train"}, what


def test_what_fails_is_named_and_the_others_are_measured(bench):
    figures = measure(bench, Cell(what="forward", length=5))
    assert figures["broken"].seconds is None
    assert "no kernel for this" in figures["broken"].note
    assert figures["same"].seconds


def test_decoding_steps_are_compared_timed_and_their_state_is_weighed(bench):
    figures = measure(bench, Cell(what="decode", length=30))
    assert figures[OWN].runs == 8
    assert figures[OWN].nbytes == 2 * 16 * 4
    assert figures["same"].difference == 0
    assert figures["broken"].note == "it cannot decode"


def test_decoding_reads_what_a_whole_pass_reads(bench):
    x = torch.randn(1, 6, 16)
    own = bench.implementations[OWN]
    decoder = own.decoder(1, 6)
    parts = [decoder.feed(x[:, :3]), decoder.feed(x[:, 3:4]), decoder.feed(x[:, 4:])]
    torch.testing.assert_close(torch.cat(parts, 1), own.forward(x))


def test_peak_memory_is_that_of_the_run(bench):
    figures = measure(bench, Cell(what="forward memory", length=64))
    assert figures[OWN].nbytes is not None
    assert figures[OWN].seconds is None


def test_a_run_that_would_take_too_long_is_left_out_and_says_so(bench):
    bench.forecast.limit = 1e-7
    measure(bench, Cell(what="forward", length=5))
    figures = measure(bench, Cell(what="forward", length=9))
    assert figures[OWN].seconds is None
    assert figures[OWN].note.startswith("skipped: about")


def test_differences_are_relative_to_large_values_and_nan_is_one():
    assert difference([torch.tensor([100.0])], [torch.tensor([101.0])]) == pytest.approx(1 / 101)
    assert difference([torch.tensor([0.0])], [torch.tensor([0.1])]) == pytest.approx(0.1)
    assert difference([torch.tensor([float("nan")])], [torch.tensor([1.0])]) == float("inf")
    assert difference([torch.zeros(2)], [torch.zeros(3)]) == float("inf")
    assert difference([torch.tensor([0.0, 0.0, 9.0])], [torch.zeros(3)], of=torch.Tensor.median) == 0
