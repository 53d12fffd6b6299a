"""The order of every task's row in every layout is the committed one, which `layouts.txt` holds as text.

To change it on purpose: `VALLE_UPDATE_LAYOUTS=1 pytest plugins/valle-tasks/tests/test_layouts.py`, and commit the file.
Models that were trained with another order do not read the new one.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from valle_tasks import plugin

from valle_core.plugin import PluginSpec
from valle_core.registry.loading import load
from valle_core.sequence.layout import ORDERS, arranged
from valle_testing.suites.task.pool import LEVELS, RATE, CorpusPool

FROZEN = Path(__file__).with_name("layouts.txt")
SPECS = {spec.name: spec for spec in vars(plugin).values() if isinstance(spec, PluginSpec)}


def built(name):
    factory, options = (load(part) for part in (SPECS[name].factory, SPECS[name].options))
    return factory(options())


def row(name, level=0, *, training=True):
    task, pool = built(name), CorpusPool()
    inputs = task.draw(pool.utterance("anna/2"), pool, Random(0), frame_rate=RATE)
    return task.compose(inputs, level, training=training)


def told(found, layout):
    """Roles in the model's order; the task's own token as its name in brackets."""
    return " · ".join(f"[{found.task}]" if one.role == "task" else one.role for one in arranged(found, layout))


def lines():
    for name in sorted(SPECS):
        found = row(name)
        yield from (f"{name:7} {layout:11} {told(found, layout)} → {found.output}" for layout in ORDERS)


def test_every_row_has_the_order_that_was_agreed_on():
    now = "\n".join(lines()) + "\n"
    if os.environ.get("VALLE_UPDATE_LAYOUTS"):
        FROZEN.write_text(now, encoding="utf-8")
    assert now == FROZEN.read_text(encoding="utf-8"), "the order of a row changed; see the head of this file"


@pytest.mark.parametrize("name", SPECS)
def test_every_level_and_synthesis_have_the_order_of_level_0(name):
    levels = range(LEVELS if built(name).output == "codes" else 1)
    for layout in ORDERS:
        rows = {told(row(name, level, training=training), layout) for level in levels for training in (True, False)}
        assert len(rows) == 1
