"""Conformance suite of alignments.

test_it_conforms = suite.conformance("alignment", lambda: build(MyOptions(), **SIZES), spec=SPEC)
"""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

from dataclasses import replace
from unittest import SkipTest

import torch
from torch import nn

from valle_core.sequence.alignment import KnowsDurations
from valle_testing.contract import contract
from valle_testing.suites.alignment.branches import follows_every_beginning
from valle_testing.suites.alignment.texts import SIZES, Build, made, spoken, walked

ROWS = (0, 1, 2)
LENGTH = 14


@contract("Alignment", "In eval mode nothing is drawn.")
def repeats_itself(build: Build, *, device: str = "cpu") -> None:
    """Equal texts are guided and said alike, whatever the random state of torch."""
    alignment = made(build)
    first, batched = alignment.guide(spoken(), LENGTH).x, walked(alignment, ROWS)
    torch.randn(7)
    assert torch.equal(alignment.guide(spoken(), LENGTH).x, first), "a second guide is another"
    again = walked(alignment, ROWS)
    assert again[0] == batched[0], "a second walk says other frames"


@contract("Alignment.guide", "what belongs to the frame that a position answers, zeros at others")
def guides_the_positions_that_answer(build: Build, *, device: str = "cpu") -> None:
    """At level 0 the positions one before the frames, at level 1 the frames themselves; finite everywhere."""
    x = made(build).guide(spoken(), LENGTH).x
    assert x.shape == (3, LENGTH, SIZES["d_model"]), f"x is {list(x.shape)}"
    assert bool(x.isfinite().all()), "x is not finite"
    text = spoken()
    for row in range(3):
        start = int(text.start[row]) - int(text.levels[row] == 0)
        wanted = list(range(start, start + int(text.frames[row])))
        found = x[row].abs().sum(-1).nonzero()[:, 0].tolist()
        assert found == wanted, f"row {row} is guided at positions {found}, expected {wanted}"


@contract("Alignment.guide", "Without times only the position that answers the first frame is known.")
def guides_the_first_frame_without_times(build: Build, *, device: str = "cpu") -> None:
    """And nothing else; there are no targets."""
    guided = made(build).guide(spoken(times=False, rows=(0, 2)), LENGTH)
    assert guided.targets is None, "there are targets without times"
    for row, start in enumerate((4, 6)):
        found = guided.x[row].abs().sum(-1).nonzero()[:, 0].tolist()
        assert found == [start - 1], f"row {row} is guided at positions {found}, expected [{start - 1}]"


@contract("Alignment", "Each row gives what it gives alone")
def rows_are_independent(build: Build, *, device: str = "cpu") -> None:
    """Guided and said, whatever stands beside it and however it is padded."""
    alignment = made(build)
    together, batched = alignment.guide(spoken(), LENGTH).x, walked(alignment, ROWS)
    for row in ROWS:
        alone = alignment.guide(spoken(rows=(row,)), LENGTH).x[0]
        torch.testing.assert_close(alone, together[row], rtol=1e-4, atol=1e-5, msg=f"row {row} is another alone")
        frames, times, _ = walked(alignment, (row,))
        assert frames[0] == batched[0][row], f"row {row} has {frames[0]} frames alone, {batched[0][row]} in a batch"
        assert torch.equal(times[0], batched[1][row]), f"row {row} has other times alone"


@contract("Alignment", "a text says itself to its end, in the order of its symbols")
def says_all_in_order_and_ends(build: Build, *, device: str = "cpu") -> None:
    """Times rise from symbol to symbol within the frames; every symbol but spaces has its own begin."""
    alignment = made(build)
    frames, times, _ = walked(alignment, ROWS)
    text = spoken()
    for row in ROWS:
        begins, n = times[row].tolist(), int(text.lengths[row])
        assert len(begins) == n + 1, f"row {row} has {len(begins)} times for {n} symbols"
        assert begins == sorted(begins), f"the times of row {row} do not rise: {begins}"
        assert 0 <= begins[0] <= begins[-1] <= frames[row], f"times of row {row} outside of its {frames[row]} frames"
        sounds = [begins[i] for i in range(n) if int(text.symbols[row, i]) != 2]
        assert len(set(sounds)) == len(sounds), f"symbols of row {row} begin together: {begins}"


@contract("Walk.guide", "What is added to the embedding of the frame just chosen.")
def guide_and_walk_agree(build: Build, *, device: str = "cpu") -> None:
    """A row read as a whole, at the times of its walk, is guided as it was when it was said."""
    alignment = made(build)
    for row in (0, 2):
        (frames,), (times,), (added,) = walked(alignment, (row,))
        text = spoken(rows=(row,))
        whole = type(text)(
            symbols=text.symbols, lengths=text.lengths, languages=text.languages, levels=text.levels,
            start=text.start, frames=torch.tensor([frames]), times=times[None],
        )  # fmt: skip
        start = int(text.start[0])
        x = alignment.guide(whole, start + frames).x[0, start - 1 : start + frames - 1]
        torch.testing.assert_close(
            added[:-1], x[1:], rtol=1e-4, atol=1e-5, msg=f"row {row}: frame by frame and as a whole differ"
        )


@contract("Alignment.losses", "Losses, by name, of the finished states that answer level 0")
def learns_where_to_go_on(build: Build, *, device: str = "cpu") -> None:
    """Targets for the frames of level 0 alone; finite losses, and a gradient for every parameter."""
    alignment = made(build)
    assert isinstance(alignment, nn.Module)
    guided = alignment.guide(spoken(), LENGTH)
    assert guided.targets is not None, "there are no targets in training"
    assert len(guided.targets) == 13, f"{len(guided.targets)} targets for the 13 frames of level 0"
    losses = alignment.losses(torch.randn(13, SIZES["d_model"]), guided.targets)
    assert losses, "there is no loss"
    total = torch.stack(list(losses.values())).sum() + guided.x.square().sum()
    assert bool(total.isfinite()), "the losses are not finite"
    total.backward()
    lacking = [name for name, one in alignment.named_parameters() if one.requires_grad and one.grad is None]
    assert not lacking, f"no gradient reaches {', '.join(lacking)}"


@contract("Alignment.walk", "`speed` times the usual; a `steady` one uses no chance")
def speed_and_steadiness(build: Build, *, device: str = "cpu") -> None:
    """Twice as fast ends before half as fast, over all rows."""
    alignment = made(build)
    slow, fast = (
        sum(float(times[-1]) for times in walked(alignment, ROWS, speed=speed, steady=True)[1]) for speed in (0.5, 2.0)
    )
    assert fast < slow, f"{fast:g} frames at speed 2, {slow:g} at speed 0.5"
    first = walked(alignment, (0,), steady=True)[0]
    assert first == walked(alignment, (0,), steady=True)[0], "a steady walk is another the second time"


@contract("Alignment.guide", "what belongs to the frame that a position answers, zeros at others")
def guides_masked_frames_in_place(build: Build, *, device: str = "cpu") -> None:
    """A masked level 0 answers its frames where they stand, and is no target of the losses."""
    alignment = made(build)
    text = replace(spoken(), levels=torch.tensor([-1, 1, -1]))
    guided, first = (
        alignment.guide(text, LENGTH),
        alignment.guide(replace(text, levels=torch.tensor([1, 1, 1])), LENGTH),
    )
    assert torch.equal(guided.x, first.x), "a masked level 0 is not guided as a level that is answered in place"
    assert guided.targets is None or not len(guided.targets), f"{len(guided.targets)} targets without a level 0"


@contract("KnowsDurations.durations", "when it usually says each symbol")
def knows_how_long_texts_last(build: Build, *, device: str = "cpu") -> None:
    """Times that rise within at least a frame, alone as in a batch, and no more frames at twice the speed."""
    alignment = made(build)
    if not isinstance(alignment, KnowsDurations):
        raise SkipTest("it knows no durations")
    text = spoken(times=False)
    times, frames = alignment.durations(text)
    assert len(times) == len(frames) == 3, f"times of {len(times)} and frames of {len(frames)} rows, expected 3"
    for row in ROWS:
        begins, n = times[row].tolist(), int(text.lengths[row])
        assert len(begins) == n + 1, f"row {row} has {len(begins)} times for {n} symbols"
        assert begins == sorted(begins) and begins[0] >= 0, f"the times of row {row} do not rise: {begins}"
        assert frames[row] >= max(1, begins[-1] - 0.5), (
            f"row {row} ends at {begins[-1]:g}, behind its {frames[row]} frames"
        )
        (alone,), (count,) = alignment.durations(spoken(times=False, rows=(row,)))
        assert torch.equal(alone, times[row]) and count == frames[row], f"row {row} lasts otherwise alone"
    fast = alignment.durations(text, speed=2.0)[1]
    assert all(one <= other for one, other in zip(fast, frames, strict=True)), (
        f"{fast} frames at speed 2, else {frames}"
    )


CHECKS = (
    repeats_itself,
    guides_the_positions_that_answer,
    guides_the_first_frame_without_times,
    rows_are_independent,
    says_all_in_order_and_ends,
    guide_and_walk_agree,
    learns_where_to_go_on,
    speed_and_steadiness,
    guides_masked_frames_in_place,
    knows_how_long_texts_last,
    follows_every_beginning,
)
