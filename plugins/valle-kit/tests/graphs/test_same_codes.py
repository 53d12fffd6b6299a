"""A synthesizer whose steps and passes are replayed (by a recorder, as by CUDA graphs) says what it says without."""

from __future__ import annotations

import pytest

from valle_core.synthesis.request import Request
from valle_kit.graphs.pure import PureGraphs
from valle_kit.graphs.step import StepGraphs
from valle_testing.fakes.recorded import by_recording

STEPPING = ["llama", "transformer", "retnet", "mamba", "mamba2"]


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch):
    monkeypatch.setattr("valle_attention_sdpa.sdpa.may_look", lambda device: False)


def counting(calls):
    def capture(run, undo):
        calls.append(run)
        return by_recording(run, undo)

    return capture


def codes(synthesizer, texts):
    requests = [Request(text=text, seed=seed, max_seconds=0.3 + 0.4 * seed) for seed, text in enumerate(texts)]
    return [[*speech.codes.flatten().tolist()] for speech in synthesizer(requests)]


@pytest.mark.parametrize("arch", STEPPING)
def test_replayed_steps_give_the_same_codes_of_rows_that_end_by_themselves(speaker, arch):
    synthesizer = speaker(arch)
    backbone = synthesizer.components.ar.backbone
    backbone.by_torch = True
    texts, calls = ["ab cd", "fe", "a b c d e f"], []
    without = [codes(synthesizer, texts[:n]) for n in (1, 3)]
    assert len({len(row) for row in without[1]}) > 1, "rows that leave at different steps"
    backbone.graphs = StepGraphs(counting(calls), device="cpu")
    for _ in range(2):
        assert [codes(synthesizer, texts[:n]) for n in (1, 3)] == without
    assert not backbone.graphs.refusal
    assert 2 <= len(calls) <= 3, "for 4, 2 and 1 rows, once each"


@pytest.mark.parametrize("arch", ["llama", "transformer", "transformer, adaptive"])
def test_replayed_passes_of_the_higher_levels_give_the_same_codes(speaker, arch):
    synthesizer = speaker(arch)
    texts, calls = ["ab cd", "fe", "a b c d e f"], []
    without = [codes(synthesizer, texts[:n]) for n in (1, 3)]
    backbone = synthesizer.components.nar.backbone
    backbone.passes = PureGraphs("passes run", counting(calls), device="cpu")
    for _ in range(3):
        assert [codes(synthesizer, texts[:n]) for n in (1, 3)] == without
    assert not backbone.passes.refusal
    assert len(calls) == 2


def test_a_pass_that_is_watched_or_moved_to_other_weights_is_not_replayed_from_the_old_ones(speaker):
    synthesizer, calls = speaker("llama"), []
    backbone = synthesizer.components.nar.backbone
    backbone.passes = PureGraphs("passes run", counting(calls), device="cpu")
    for _ in range(3):
        codes(synthesizer, ["ab cd"])
    seen = []
    handle = backbone.layers[0].register_forward_hook(lambda *_: seen.append(1))
    codes(synthesizer, ["ab cd"])
    assert seen
    handle.remove()
    for weight in backbone.parameters():
        weight.data = weight.data.clone() * 1.5
    changed = codes(synthesizer, ["ab cd"])
    backbone.passes = None
    assert changed == codes(synthesizer, ["ab cd"])
