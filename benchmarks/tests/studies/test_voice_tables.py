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
    for name in ("box_table", "samplers_on_voice", "masked_level", "spoken_systems"):
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


def test_what_was_said_is_kept_by_system_and_listed_for_the_judges(tmp_path):
    import spoken_systems
    from valle_eval.presets.box import box

    speech = Namespace(save=lambda path: path.write_bytes(b"sound"))
    sentence = next(iter(box()))
    for system in ("masked, 8 steps", "AR"):
        assert not spoken_systems.is_made(tmp_path, system)
        row = spoken_systems.saved(tmp_path, system, sentence, speech, "voices/anna.wav")
        spoken_systems.finish(tmp_path, system, [row | {"rtf": 0.5}])
        assert spoken_systems.is_made(tmp_path, system)
    listed = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    assert [row["id"] for row in listed] == [f"AR/{sentence.id}", f"masked, 8 steps/{sentence.id}"]
    assert all((tmp_path / row["audio"]).read_bytes() == b"sound" and "rtf" not in row for row in listed)
    assert json.loads(spoken_systems.made_by(tmp_path, "AR").read_text())["rtf"] == 0.5
