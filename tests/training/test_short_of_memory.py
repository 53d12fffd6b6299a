"""Where memory does not hold a batch, its rows are taken in parts, and the step is the same."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.plugin import UserError
from valle_testing.runs import SMALL, lines, losses, train

SETTINGS = SMALL | {"arch.dropout": "0", "steps": "4", "checkpoint_every": "9", "batching.seconds": "60"}
CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to …")
ERRORS = {"cuda": torch.OutOfMemoryError("CUDA out of memory."), "cpu": CPU, "python": MemoryError()}


run = partial(train, SETTINGS)


def small(monkeypatch, fits, error: Exception = ERRORS["cuda"]) -> list[int]:
    """A device that fails where a batch does not fit; the rows of each that it was given."""
    rows: list[int] = []
    real = CodecLM.forward

    def forward(self, batch, *given):
        rows.append(len(batch.levels))
        if not fits(batch):
            raise error
        return real(self, batch, *given)

    monkeypatch.setattr(CodecLM, "forward", forward)
    return rows


@pytest.fixture(scope="module")
def whole(tone_dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    run(tone_dataset, out, accumulate="2")
    return out


@pytest.mark.parametrize("kind", ERRORS)
def test_a_batch_is_taken_in_parts_and_every_loss_stays_the_same(
    tone_dataset, tmp_path, monkeypatch, capsys, whole, kind
):
    rows = small(monkeypatch, lambda batch: len(batch.levels) <= 1, ERRORS[kind])
    run(tone_dataset, tmp_path / "r", accumulate="2")
    assert max(rows) == 4, "each is halved twice"
    assert losses(tmp_path / "r") == pytest.approx(losses(whole), abs=1e-5)
    assert all(line["halved_batches"] == 6 for line in lines(tmp_path / "r"))
    assert "halved_batches" not in lines(whole)[0]
    err = capsys.readouterr().err
    assert err.count("warning: out of memory with") == 1
    assert "utterances: they are taken in two halves" in err
    assert "a lower --batching.seconds avoids them" in err


def test_memory_that_runs_out_within_the_backward_pass_counts_nothing_twice(tone_dataset, tmp_path, monkeypatch, whole):
    """What the pass had left in the gradients is dropped."""
    calls: list[bool] = []

    class Short(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            calls.append(len(calls) in (3, 9))
            if calls[-1]:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return gradient

    real = CodecLM.forward

    def forward(self, batch, *given):
        output = real(self, batch, *given)
        return output._replace(logits={key: Short.apply(value) for key, value in output.logits.items()})

    monkeypatch.setattr(CodecLM, "forward", forward)
    run(tone_dataset, tmp_path / "r", accumulate="2")
    assert sum(calls) == 2
    assert losses(tmp_path / "r") == pytest.approx(losses(whole), abs=1e-5)


def test_one_utterance_that_does_not_fit_is_left_out_counted_and_named(tone_dataset, tmp_path, monkeypatch, capsys):
    small(monkeypatch, lambda batch: int(batch.mask.lengths.max()) < 103)
    run(tone_dataset, tmp_path / "r")
    skipped = [line.get("skipped: out of memory", 0) for line in lines(tmp_path / "r")]
    assert sum(skipped) > 0
    assert all("loss" in line for line in lines(tmp_path / "r"))
    assert capsys.readouterr().err.count("out of memory with one utterance, ") == sum(skipped)


def test_where_nothing_fits_the_run_stops_in_one_line(tone_dataset, tmp_path, monkeypatch):
    small(monkeypatch, lambda batch: False)
    with pytest.raises(
        UserError, match=r"3 steps in a row up to step 3 had .*, or no memory; nothing was learnt"
    ) as told:
        run(tone_dataset, tmp_path / "r", max_bad_steps="3")
    assert len(str(told.value).splitlines()) == 1


def test_other_errors_are_not_taken_for_it(tone_dataset, tmp_path, monkeypatch):
    rows = small(monkeypatch, lambda batch: False, RuntimeError("size mismatch"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        run(tone_dataset, tmp_path / "r")
    assert len(rows) == 1
