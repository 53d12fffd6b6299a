"""Several tasks in one run: how often each is drawn, what a row says, and what weights of other tasks become."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.pack import PackRules
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.training.options import TrainOptions
from valle_core.training.rows import RowMaker, RowSettings
from valle_kit.init_from import fitted_weights
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.parts import FakeTask
from valle_testing.suites.task.pool import LEVELS, CorpusPool

IDS = CorpusPool().ids()


class Source(CorpusPool):
    noise_hash = ""


def maker(**settings: Any) -> RowMaker:
    vocabulary = Vocabulary(symbols=99, languages=3, num_levels=LEVELS, codebook_size=100_000)
    given = {"level_weights": (1.0, 0.0, 0.0, 0.0), "packing": PackRules(vocabulary=vocabulary), "frame_rate": 10.0}
    return RowMaker(Source(), [FakeTask(), FakeTask()], RowSettings(**{**given, "seed": 0, **settings}))


def counts(made: RowMaker) -> list[int]:
    rows = [made.row(id, epoch) for epoch in range(100) for id in IDS]
    names = [row.task for row in rows]  # type: ignore[union-attr]
    return [names.count(name) for name in ("a", "b")]


def test_tasks_are_drawn_as_often_as_they_weigh():
    a, b = counts(maker(task_names=("a", "b"), task_weights=(3.0, 1.0)))
    assert a + b == 100 * len(IDS)
    assert 0.70 < a / (a + b) < 0.80
    a, b = counts(maker(task_names=("a", "b")))
    assert 0.45 < a / (a + b) < 0.55


def test_equal_weights_draw_what_no_weights_drew():
    without, equal = (maker(task_names=("a", "b"), task_weights=weights) for weights in ((), (1.0, 1.0)))
    assert [without.row(id, 0).task for id in IDS] == [equal.row(id, 0).task for id in IDS]  # type: ignore[union-attr]


def test_the_batch_of_a_run_with_several_tasks_asks_for_their_figures():
    example = maker(task_names=("a", "b")).example(0, IDS)
    assert example.tasks  # type: ignore[union-attr]
    assert {*example.batch.tasks} == {"a", "b"}  # type: ignore[union-attr]


@pytest.mark.parametrize("weights", [(0.0,), (-1.0, 2.0), (float("inf"),), (float("nan"),)])
def test_weights_that_weigh_nothing_are_refused(weights):
    with pytest.raises(UserError, match="task_weights must be above 0, got"):
        TrainOptions(task_weights=weights)


def model(tokens: tuple[str, ...], *, writes: bool = False) -> tuple[CodecLM, Any]:
    vocabulary = Vocabulary(
        symbols=6, languages=1, num_levels=2, codebook_size=8, tasks=max(1, len(tokens)), writes=writes
    )
    made = CodecLM(FakeBackbone(), vocabulary, ModelOptions(), tasks=tokens)
    manifest = SimpleNamespace(symbols=tuple("abcdef"), languages=("x",), task_tokens=tokens, writes=writes)
    return made, manifest


@pytest.mark.parametrize(("before", "now"), [((), ("ns",)), (("ns",), ()), (("ns", "sr"), ("vc", "sr"))])
@pytest.mark.parametrize("writes", [(False, True), (True, False), (True, True)])
def test_a_model_of_other_tasks_starts_another_and_tokens_keep_their_rows(before, now, writes):
    (old, was), (new, wanted) = (model(t, writes=w) for t, w in zip((before, now), writes, strict=True))
    weights = fitted_weights(old.state_dict(), new, was, wanted)
    new.load_state_dict(weights)
    tables = [made.vocabulary.ranges() for made in (old, new)]
    for name in ("text", "AR:0:0", "prompt:1", *(("letters", "symbols") if all(writes) else ())):
        rows = [
            made.embedding.table[table[name].start : table[name].stop]
            for made, table in zip((old, new), tables, strict=True)
        ]
        assert torch.equal(*rows)
    for name in {*before} & {*now}:
        places = [table["task"].start + names.index(name) for table, names in zip(tables, (before, now), strict=True)]
        assert torch.equal(old.embedding.table[places[0]], new.embedding.table[places[1]])
