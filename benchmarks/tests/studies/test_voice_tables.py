"""Tables of the studies that compare samplers, and ways to level 0, by the results of `valle eval`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture(autouse=True)
def studies(monkeypatch):
    monkeypatch.syspath_prepend(str(STUDIES))
    yield
    for name in ("box_table", "samplers_on_voice", "masked_level"):
        sys.modules.pop(name, None)


def row(id: str, per: float, similarity: float):
    return {"id": id, "system": "speech", "scores": {"per": [per, 1], "similarity": [similarity, 1]}}


def test_samplers_are_compared_with_the_shipped_ones_sentence_by_sentence(tmp_path):
    import samplers_on_voice

    rows = [
        row("greedy/b", 0.3, 0.6),
        row("shipped/b", 0.1, 0.7),
        row("shipped/a", 0.2, 0.8),
        row("greedy/a", 0.4, 0.8),
    ]
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged" / "result.json").write_text(json.dumps({"rows": rows}))
    shipped, greedy = samplers_on_voice.report(tmp_path).splitlines()[2:]
    assert shipped.startswith("| shipped | 2 | 15.0 [10.0, 20.0] |  | 0.750 [")
    assert greedy.startswith("| greedy | 2 | 35.0 [30.0, 40.0] | 20.0 [20.0, 20.0] | 0.700 [")


def test_every_sampler_of_the_table_is_one_and_takes_its_options():
    import samplers_on_voice
    import torch

    from valle.samplers import chain_of
    from valle_core.registry.registry import Registry

    registry = Registry.open()
    for chain in samplers_on_voice.CHAINS.values():
        chain_of(chain, registry, device=torch.device("cpu"), dtype=torch.float32, no_search="")


def test_a_masked_system_is_asked_for_with_its_steps_and_its_guidance():
    import masked_level
    import torch

    from valle.samplers import chain_of
    from valle_core.registry.registry import Registry

    found = masked_level.systems(Namespace(runs=Path("runs"), pointer=Path("ar"), nar=Path("n")))
    guided = found["masked, 16 steps, guidance 2"]
    assert (guided.model, guided.nar, dict(guided.options)) == (Path("runs/masked"), Path("n"), {"guidance": 2.0})
    assert [found[f"masked, {steps} steps"].sampler["steps"] for steps in (8, 16, 32)] == [8, 16, 32]
    assert found[masked_level.POINTER].model == Path("ar")
    registry = Registry.open()
    for system in found.values():
        chain_of(system.sampler, registry, device=torch.device("cpu"), dtype=torch.float32, no_search="")
