"""Functions of tensors are replayed from the second time on, by shape, and not where they read values."""

from __future__ import annotations

import copy
import pickle
import warnings

import pytest
import torch
from torch import nn

from valle_kit import few
from valle_kit.codes.convolutions import zero_padded
from valle_kit.codes.recurrence import Recurrence
from valle_kit.codes.stack import Added, Overlap, Stack, Windowed, lookahead
from valle_kit.codes.stream import StackStream
from valle_kit.graphs import pure
from valle_kit.graphs.pure import PureGraphs
from valle_testing.fakes.recorded import by_recording


@pytest.fixture
def calls():
    return []


@pytest.fixture
def graphs(calls):
    def capture(run, undo):
        calls.append(1)
        return by_recording(run, undo)

    return PureGraphs("it runs", capture, device="cpu")


@pytest.fixture(autouse=True)
def torch_alone(monkeypatch):
    """As on a GPU: what is compiled for CPUs is not seen by a recorder."""
    monkeypatch.setattr(few, "FEW", 0)


def double(inputs):
    return [inputs[0] * 2, inputs[0].sum(0)]


@torch.inference_mode()
def test_the_second_call_of_a_shape_is_captured_and_results_are_fresh(graphs, calls):
    assert graphs("a", double, [torch.ones(3)]) is None
    results = [graphs("a", double, [torch.full((3,), float(n))]) for n in (1, 2, 3)]
    assert [(one.tolist(), total.item()) for one, total in results] == [
        ([2.0] * 3, 3.0),
        ([4.0] * 3, 6.0),
        ([6.0] * 3, 9.0),
    ]
    assert graphs("a", double, [torch.ones(4)]) is None
    assert graphs("b", double, [torch.ones(3)]) is None
    assert graphs("a", double, [torch.ones(6)[::2]]) is None, "other strides"
    assert len(calls) == 1


def test_gradients_and_other_devices_are_never_replayed(graphs, calls):
    for _ in range(3):
        assert graphs("a", double, [torch.ones(3)]) is None
        with torch.no_grad():
            assert graphs("a", double, [torch.ones(3, device="meta")]) is None
    assert not calls


@torch.inference_mode()
def test_the_kinds_used_longest_ago_go(graphs, calls, monkeypatch):
    monkeypatch.setattr(pure, "MOST", 2)
    for kind in "aabbcca":
        graphs(kind, double, [torch.ones(1)])
    assert graphs("c", double, [torch.ones(1)]) is not None
    assert len(calls) == 3
    assert graphs("a", double, [torch.ones(1)]) is not None
    assert len(calls) == 4, "it was forgotten and captured anew"


@torch.inference_mode()
def test_what_reads_the_device_falls_back_in_one_line(graphs):
    def reads(inputs):
        return [inputs[0] * int(inputs[0].sum())]

    assert graphs("a", reads, [torch.ones(2)]) is None
    with pytest.warns(UserWarning, match=r"^it runs without CUDA graphs: operation \w+ is not .* reads the device$"):
        assert graphs("a", reads, [torch.ones(2)]) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert graphs("b", double, [torch.ones(2)]) is None
    assert copy.deepcopy(graphs).refusal == ""


def test_a_pickle_has_no_graphs():
    again = pickle.loads(pickle.dumps(PureGraphs("it runs")))
    assert (again.device, again.refusal) == ("cuda", "")


def layers():
    """One of each kind of state."""
    torch.manual_seed(1)
    inner, outer = nn.Conv1d(4, 4, 3, padding=1), nn.Conv1d(4, 4, 7, padding=3)
    up = nn.ConvTranspose1d(4, 20, 4, stride=2, padding=1)
    for module in (inner, outer, up):
        module.requires_grad_(False)
    around = nn.AvgPool1d(3, 1, 1)
    return (
        zero_padded(outer),
        Added((zero_padded(inner),)),
        Recurrence(nn.LSTM(4, 4).requires_grad_(False)),
        Windowed(around, 4, 1),
        zero_padded(up),
        Overlap(torch.hann_window(20), 5, 1e-3),
    )


def stream(network, graphs):
    return StackStream(
        lambda codes: codes[..., :4].transpose(1, 2).float() / 9, lambda codes: codes, lambda levels: network,
        hop=10, lookahead=lookahead(network, 10), batch=1, device=torch.device("cpu"), frames=8, graphs=graphs,
    )  # fmt: skip


@pytest.mark.parametrize("sizes", [[1] * 40, [4] * 10, [2, 3] * 8, [20, 20]])
def test_replayed_pushes_of_a_codec_give_the_same_sound(graphs, calls, sizes):
    network, codes = layers(), torch.randint(0, 9, (1, 40, 4))

    def said(graphs):
        one = stream(network, graphs)
        return torch.cat([*(one.push(part) for part in codes.split(sizes, 1)), one.flush()], 1)

    whole = said(None)
    for _ in range(3):
        torch.testing.assert_close(said(graphs), whole, atol=1e-6, rtol=0)
    assert not graphs.refusal
    if sizes[0] == sizes[1]:
        assert len(calls) == 1, "later streams use what was captured"


def test_states_of_another_kind_are_pushed_as_they_are(graphs, calls):
    """A list may grow: nothing tells what a push does to it."""

    class Remembers:
        def __init__(self):
            self.seen = [[]]

        def push(self, x, *, end):
            self.seen[0].append(object())
            return x

    network = (*layers()[:1], type("Own", (), {"state": lambda self, axis: Remembers(), "reach": lambda s, n: n})())
    stack = Stack(network)
    from valle_kit.graphs.pushes import pushed

    with torch.inference_mode():
        for _ in range(4):
            assert pushed(graphs, "a", stack, torch.ones(1, 4, 3)) is None
            stack.push(torch.ones(1, 4, 3))
    assert not calls
